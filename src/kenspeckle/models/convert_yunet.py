"""Turns the published YuNet detector into float32, for pictures of any size."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from kenspeckle.models import opencv_zoo
from kenspeckle.models.dlib_format import FormatError

INPUT = "input"
STRIDES = (8, 16, 32)
OUTPUTS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Kinds of outputs, one for each stride, and their values a cell."""


def convert(data: bytes) -> bytes:
    """The published file `data` for any height and width; the same bytes for the same input.

    Input `image`: float32 (1, 3, height, width), blue, green, red, 0..255, height and width divisible by 32.
    Outputs (1, cells, values), row by row, for the strides 8, 16 and 32: `cls` and `obj` (0..1), `bbox` (4) and `kps`
    (10), in cells. Raises FormatError.
    """
    zoo = opencv_zoo.read(data, "the detector YuNet")
    wanted = [f"{kind}_{stride}" for kind in OUTPUTS for stride in STRIDES]
    if [one.name for one in zoo.outputs] != wanted or INPUT not in zoo.nodes[0].input:
        raise FormatError("the detector has other inputs or outputs than YuNet")
    constants = dict(zoo.constants)
    for node in zoo.nodes:
        for place, name in enumerate(node.input):
            if name == INPUT:
                node.input[place] = "image"
        if node.op_type == "Reshape":  # of the maps to rows, whose count is that of the published size
            shape = constants[node.input[1]].copy()
            shape[1] = -1
            node.input[1] = f"{node.output[0]}_shape"
            constants[node.input[1]] = np.asarray(shape, np.int64)
    outputs = [_output(kind, stride) for kind in OUTPUTS for stride in STRIDES]
    return opencv_zoo.serialize("yunet", zoo.nodes, constants, [opencv_zoo.image(1, 3, "height", "width")], outputs)


def _output(kind: str, stride: int) -> onnx.ValueInfoProto:
    shape: list[int | str] = [1, f"cells_{stride}", OUTPUTS[kind]]
    return helper.make_tensor_value_info(f"{kind}_{stride}", TensorProto.FLOAT, shape)
