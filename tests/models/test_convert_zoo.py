"""Conversion of the OpenCV Zoo's files: other files are refused; blocks of 8 bits become what they stand for."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kenspeckle.models import convert_sface, convert_yunet, opencv_zoo
from kenspeckle.models.dlib_format import FormatError

VALUE = helper.make_tensor_value_info


def network(*, outputs: tuple[str, ...] = ("fc1",)) -> bytes:
    """A small network whose weights are 8 bits in blocks of two along axis 1, and a node that only they feed."""
    stored = np.array([[1, 2, 3, 4, 5]], np.int8)
    constants: dict[str, np.ndarray] = {
        "stored": stored,
        "scales": np.array([[0.5, 2, 10]], np.float32),
        "zeros": np.array([[1, 0, -1]], np.int8),
        "shape": np.array([5, 1]),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["stored", "scales", "zeros"], ["wide"], axis=1, block_size=2),
        helper.make_node("Reshape", ["wide", "shape"], ["weights"]),
        *(helper.make_node("MatMul", ["data", "weights"], [name]) for name in outputs),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [VALUE("data", TensorProto.FLOAT, [1, 5])],
        [VALUE(name, TensorProto.FLOAT, [1, 1]) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    return bytes(model.SerializeToString())


def test_blocks_become_what_they_stand_for() -> None:
    zoo = opencv_zoo.read(network(), "a network")
    assert [node.op_type for node in zoo.nodes] == ["MatMul"]
    assert zoo.constants["weights"].ravel().tolist() == [0, 0.5, 6, 8, 60]


@pytest.mark.parametrize("convert", [convert_sface.convert, convert_sface.convert_plain, convert_yunet.convert])
@pytest.mark.parametrize("data", [b"", b"no network", network(), network(outputs=("cls_8",))])
def test_what_is_another_file_is_refused(convert: object, data: bytes) -> None:
    with pytest.raises(FormatError):
        convert(data)  # type: ignore[operator]


def test_installed_networks_take_what_they_say(sface_pack: object) -> None:
    finder = onnx.load(sface_pack.finder)  # type: ignore[attr-defined]
    assert [one.name for one in finder.graph.input] == ["image"]
    assert [one.name for one in finder.graph.output][::3] == ["cls_8", "obj_8", "bbox_8", "kps_8"]
    for file in (sface_pack.embedder, sface_pack.plain_embedder):  # type: ignore[attr-defined]
        graph = onnx.load(file).graph
        assert [one.name for one in (*graph.input, *graph.output)] == ["image", "embedding"]
        kinds = {node.op_type for node in graph.node}
        assert ("PRelu" in kinds) is (file.name == "embedder.plain.onnx")
        assert not kinds & {"DequantizeLinear", "BatchNormalization"}
