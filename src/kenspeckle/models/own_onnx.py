"""An operator's own embedder, in the form that the engine takes: one picture of raw pixels in, one template out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from kenspeckle.errors import InvalidValue
from kenspeckle.models import convert_dlib, dlib_resnet
from kenspeckle.models.dlib_format import FormatError
from kenspeckle.models.own import Preprocessing
from kenspeckle.models.own_description import SIDES, Description

MOST_BYTES: Final = 512 << 20
"""Of an embedder's file: twice the largest ArcFace network. Reading it takes about four times as much memory."""

OPSETS: Final = range(9, 22)
"""Versions of ONNX's own operators that both runtimes know."""

PREFIX: Final = "kenspeckle_"


def convert(data: bytes, description: Description) -> tuple[bytes, int]:
    """The network for the engine, and the side of its chips. Raises InvalidValue, which says what is wrong with it.

    Input: float32 (n or 1, 3, side, side), red, green, blue, 0..255. Output: (n or 1, dimension)."""
    if not data:
        raise InvalidValue(f"{description.embedder} is empty.", field="embedder")
    if description.is_dlib:
        try:
            return convert_dlib.convert(data), dlib_resnet.SIDE
        except FormatError as error:
            raise InvalidValue(
                f"{description.embedder} is not dlib's face recognition ResNet: {error}. It may be cut off, or "
                "compressed (unpack .bz2 first).",
                field="embedder",
            ) from error
    model = _read(data, description)
    side, last = _input(model, description)
    _output(model, description.output)
    _wrap(model, description.preprocessing, side, last)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        raise InvalidValue(f"The network is not sound: {_line(error)}", field="embedder") from error
    wrapped: bytes = model.SerializeToString(deterministic=True)
    return wrapped, side


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:300]


def _read(data: bytes, description: Description) -> onnx.ModelProto:
    file = description.embedder
    try:
        model = onnx.load_model_from_string(data)  # reads no other file
    except (DecodeError, ValueError) as error:
        raise InvalidValue(f"{file} is no ONNX file, or it is cut off.", field="embedder") from error
    if not model.graph.node or not model.graph.output:
        raise InvalidValue(f"{file} holds no network; it may be cut off.", field="embedder")
    if any(one.data_location == TensorProto.EXTERNAL for one in _tensors(model.graph)):
        raise InvalidValue(
            f"{file} keeps weights in other files, which are refused, because they would not be checked. Save it as "
            "one file (onnx.save of what onnx.load gives).",
            field="embedder",
        )
    domains = {node.domain for node in _nodes(model.graph)} - {"", "ai.onnx"}
    if domains or model.functions:
        raise InvalidValue(
            f"{file} needs operators that are not ONNX's own ({', '.join(sorted(domains)) or 'local functions'}), "
            "which not every runtime here has. Export it without them.",
            field="embedder",
        )
    opset = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if opset not in OPSETS:
        raise InvalidValue(
            f"{file} is of ONNX opset {opset}; {OPSETS[0]} to {OPSETS[-1]} are taken. Export it with opset 17.",
            field="embedder",
        )
    return model


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for one in node.attribute:
            for inner in (*([one.g] if one.HasField("g") else ()), *one.graphs):
                yield from _graphs(inner)


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for one in _graphs(graph):
        yield from one.node


def _tensors(graph: onnx.GraphProto) -> Iterable[onnx.TensorProto]:
    for one in _graphs(graph):
        yield from one.initializer
        for sparse in one.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in _nodes(graph):
        for attribute in node.attribute:
            yield from (*([attribute.t] if attribute.HasField("t") else ()), *attribute.tensors)


def _dimensions(value: onnx.ValueInfoProto) -> list[int]:
    """0 where it is free."""
    return [max(0, one.dim_value) for one in value.type.tensor_type.shape.dim]


def _input(model: onnx.ModelProto, description: Description) -> tuple[int, bool]:
    """Side of the chips, and whether channels come last."""
    weights = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in weights]
    if len(inputs) != 1:
        raise InvalidValue(f"An embedder has one input; this has {len(inputs)}.", field="embedder")
    kind, shape = inputs[0].type.tensor_type.elem_type, _dimensions(inputs[0])
    told = f"The network's input is {[one or 'any' for one in shape]}"
    if kind != TensorProto.FLOAT:
        raise InvalidValue(
            f"The network's input is {TensorProto.DataType.Name(kind).lower()}; export it for float32.",
            field="embedder",
        )
    if len(shape) != 4 or shape[0] > 1 or 3 not in (shape[1], shape[3]):
        raise InvalidValue(
            f"{told}; an embedder takes one picture, [1 or any, 3, side, side] or [1 or any, side, side, 3].",
            field="embedder",
        )
    last = shape[1] != 3
    sides = {one for one in (shape[1:3] if last else shape[2:]) if one} | ({description.size} - {0})
    if len(sides) > 1:
        stated = f", and size says {description.size}" if description.size else ""
        raise InvalidValue(f"{told}{stated}; chips are square, of one size.", field="size")
    if not sides:
        raise InvalidValue(f"{told}; say how large the chips are (size), 112 for most.", field="size")
    side = sides.pop()
    if not SIDES[0] <= side <= SIDES[1]:
        raise InvalidValue(f"{told}; chips have {SIDES[0]} to {SIDES[1]} pixels.", field="size")
    return side, last


def _output(model: onnx.ModelProto, wanted: str) -> None:
    """Leaves the one output that is the template."""
    names = [one.name for one in model.graph.output]
    if wanted and wanted not in names:
        raise InvalidValue(f"The network has no output '{wanted}'. Outputs: {', '.join(names)}.", field="output")
    if not wanted and len(names) > 1:
        raise InvalidValue(f"The network has several outputs; say which is the template (output): {', '.join(names)}.")
    chosen = next(one for one in model.graph.output if one.name == (wanted or names[0]))
    kind, shape = chosen.type.tensor_type.elem_type, _dimensions(chosen)
    if kind not in (TensorProto.FLOAT, TensorProto.UNDEFINED):
        raise InvalidValue(
            f"The network's output is {TensorProto.DataType.Name(kind).lower()}; export it for float32.",
            field="embedder",
        )
    beyond = [one for one in shape[2:] if one != 1]
    if len(shape) == 1 or (shape and shape[0] > 1) or beyond:
        raise InvalidValue(
            f"The network's output is {[one or 'any' for one in shape]}; a template is [1 or any, dimension].",
            field="embedder",
        )
    del model.graph.output[:]
    model.graph.output.append(chosen)


def _wrap(model: onnx.ModelProto, pixels: Preprocessing, side: int, last: bool) -> None:
    """Raw pixels go in: what the preprocessing says becomes part of the network, and the template is flat."""
    graph = model.graph
    weights = {one.name for one in graph.initializer}
    given = next(one for one in graph.input if one.name not in weights)
    batch = _dimensions(given)[0] or "n"
    flip = pixels.channels == "bgr"
    mean, scale = (np.array(one[::-1] if flip else one, np.float32) for one in (pixels.mean, pixels.scale))
    constants = {
        "mean": mean.reshape(1, 3, 1, 1),
        "factor": (np.float32(1) / scale).reshape(1, 3, 1, 1),
        "order": np.array([2, 1, 0] if flip else [0, 1, 2], np.int64),
    }
    steps: list[tuple[str, str, dict[str, Any]]] = [("Gather", "order", {"axis": 1})] if flip else []
    steps += [("Sub", "mean", {}), ("Mul", "factor", {})]
    if last:
        steps.append(("Transpose", "", {"perm": [0, 2, 3, 1]}))
    before, name = [], f"{PREFIX}image"
    for at, (kind, constant, more) in enumerate(steps):
        made = given.name if at == len(steps) - 1 else f"{PREFIX}{kind.lower()}"
        inputs = [name, f"{PREFIX}{constant}"] if constant else [name]
        before.append(helper.make_node(kind, inputs, [made], **more))
        name = made
    used = {one for node in before for one in node.input}
    after = helper.make_node("Flatten", [graph.output[0].name], [f"{PREFIX}template"], axis=1)
    nodes = [*before, *graph.node, after]
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    for constant, value in constants.items():
        if PREFIX + constant in used:
            graph.initializer.append(numpy_helper.from_array(value, PREFIX + constant))
    shape: list[str | int] = [batch, 3, side, side]
    graph.input.append(helper.make_tensor_value_info(f"{PREFIX}image", TensorProto.FLOAT, shape))
    graph.output.append(helper.make_tensor_value_info(f"{PREFIX}template", TensorProto.FLOAT, [batch, None]))
    model.ir_version = max(model.ir_version, 4)  # before it, weights had to be inputs too
