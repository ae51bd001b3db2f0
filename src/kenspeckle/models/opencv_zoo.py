"""Reads the OpenCV Zoo's networks whose weights are stored as blocks of 8 bits with scales, as float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from kenspeckle.models.dlib_format import FormatError

Floats: TypeAlias = npt.NDArray[np.float32]

OPSET = 17
IR_VERSION = 8
"""Those of ONNX 1.12 (2022), which every runtime takes that is used here; the files themselves need opset 21."""


@dataclass(frozen=True)
class Zoo:
    """A network as it was published: what computes, in its order, and its constants as they are meant."""

    nodes: list[onnx.NodeProto]
    constants: dict[str, npt.NDArray[Any]]
    outputs: list[onnx.ValueInfoProto]


def read(data: bytes, name: str) -> Zoo:
    """The file `data`. A weight is (q - zero point) * scale, with a scale and a zero point for each block of values
    along one axis (ONNX DequantizeLinear, opset 21). Raises FormatError, which calls the file `name`."""
    try:
        graph = onnx.load_model_from_string(data).graph
        constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        nodes = []
        for node in graph.node:
            if node.op_type == "DequantizeLinear":
                constants[node.output[0]] = _dequantize(node, constants)
            elif node.op_type == "Reshape" and node.input[0] in constants:
                constants[node.output[0]] = constants[node.input[0]].reshape(constants[node.input[1]])
            else:
                nodes.append(node)
    except (DecodeError, ValueError, KeyError, IndexError) as error:
        raise FormatError(f"{name} is no network of the OpenCV Zoo") from error
    if not nodes:
        raise FormatError(f"{name} holds no network")
    return Zoo(nodes, constants, list(graph.output))


def _dequantize(node: onnx.NodeProto, constants: dict[str, npt.NDArray[Any]]) -> Floats:
    stored, scales, zeros = (constants[name] for name in node.input)
    given = attributes(node)
    axis, block = given["axis"], given["block_size"]
    within = np.arange(stored.shape[axis]) // block
    scale, zero = np.take(scales, within, axis), np.take(zeros, within, axis)
    values = (stored.astype(np.int32) - zero.astype(np.int32)).astype(np.float32)
    return np.asarray(values * scale.astype(np.float32), np.float32)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def serialize(
    name: str,
    nodes: list[onnx.NodeProto],
    constants: dict[str, npt.NDArray[Any]],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
) -> bytes:
    """The network as ONNX, checked; the same bytes for the same input. Constants that no node takes are left out."""
    taken = {one for node in nodes for one in node.input}
    weights = [
        numpy_helper.from_array(np.ascontiguousarray(value), one) for one, value in constants.items() if one in taken
    ]
    model = helper.make_model(
        helper.make_graph(nodes, name, inputs, outputs, weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="kenspeckle",
    )
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def image(*shape: int | str) -> onnx.ValueInfoProto:
    """The input of all our networks."""
    return helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))
