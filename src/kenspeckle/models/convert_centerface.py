"""Frees the published CenterFace network from its fixed input size."""

from __future__ import annotations

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from kenspeckle.models.dlib_format import FormatError

INPUT = "input.1"
OUTPUTS = {"537": ("heat", 1), "538": ("scale", 2), "539": ("offset", 2), "540": ("landmarks", 10)}
"""Outputs of the published file, their names in ours, and their channels."""


def convert(data: bytes) -> bytes:
    """The published file `data` for any batch, height and width; the same bytes for the same input.

    Input `image`: float32 (n, 3, height, width), red, green, blue, 0..255, height and width divisible by 32.
    Outputs, a quarter of the size: `heat` (1 channel, 0..1), `scale` (2: log of height and width / 4),
    `offset` (2: y, x), `landmarks` (10: y, x of each in units of the box). Raises FormatError.
    """
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        raise FormatError("the detector is no ONNX file") from error
    graph = model.graph
    weights = {one.name for one in graph.initializer}
    inputs = [one.name for one in graph.input if one.name not in weights]
    if inputs != [INPUT] or [one.name for one in graph.output] != list(OUTPUTS):
        raise FormatError("the detector has other inputs or outputs than CenterFace")
    _rename(graph)
    used = {name for node in graph.node for name in node.input}
    for counter in [one for one in graph.initializer if one.name not in used]:  # of batches, left by training
        graph.initializer.remove(counter)
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "height", "width"]))
    for name, channels in OUTPUTS.values():
        shape: list[str | int | None] = ["n", channels, "rows", "columns"]
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    onnx.checker.check_model(model, full_check=True)
    converted: bytes = model.SerializeToString(deterministic=True)
    return converted


def _rename(graph: onnx.GraphProto) -> None:
    names = {INPUT: "image"} | {old: new for old, (new, _) in OUTPUTS.items()}
    for node in graph.node:
        for values in (node.input, node.output):
            for place, name in enumerate(values):
                values[place] = names.get(name, name)
