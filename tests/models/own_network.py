"""Embedders made for tests, as somebody might bring them: SFace's network behind a projection, and broken ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kenspeckle.models import registry
from kenspeckle.settings import load

OPSET = 17
EMBEDDER = load(environ={}).models_dir / registry.SFACE.name / registry.SFACE.embedder_file


def wide(dimension: int = 512, *, bgr: bool = False, unit: bool = False, last: bool = False) -> bytes:
    """SFace's network with its templates projected into `dimension`, lengths and angles kept. It takes what ArcFace's
    take: (RGB - 127.5) / 127.5, or BGR; `unit`: raw pixels. `last`: channels come last."""
    model = onnx.load_model_from_string(EMBEDDER.read_bytes())
    graph = model.graph
    given, made = graph.input[0].name, graph.output[0].name
    random = np.random.default_rng(7).standard_normal((dimension, 128))
    columns = np.linalg.qr(random)[0].T.astype(np.float32)
    before: list[onnx.NodeProto] = []
    name = "data"

    def step(kind: str, constant: Any = None, **more: Any) -> None:
        nonlocal name
        inputs, name = [name], f"own_{len(before)}"
        if constant is not None:
            inputs.append(f"{name}_constant")
            graph.initializer.append(numpy_helper.from_array(np.asarray(constant), inputs[1]))
        before.append(helper.make_node(kind, inputs, [name], **more))

    if last:
        step("Transpose", perm=[0, 3, 1, 2])
    if bgr:
        step("Gather", np.array([2, 1, 0], np.int64), axis=1)
    if not unit:
        step("Mul", np.float32(127.5))
        step("Add", np.float32(127.5))
    step("Identity")
    before[-1].output[0] = given
    graph.initializer.append(numpy_helper.from_array(columns, "own_columns"))
    nodes = [*before, *graph.node, helper.make_node("MatMul", [made, "own_columns"], ["template"])]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    shape: list[str | int] = ["n", 112, 112, 3] if last else ["n", 3, 112, 112]
    graph.input.append(helper.make_tensor_value_info("data", TensorProto.FLOAT, shape))
    graph.output.append(helper.make_tensor_value_info("template", TensorProto.FLOAT, ["n", dimension]))
    return serialized(model)


def serialized(model: onnx.ModelProto) -> bytes:
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def small(
    *,
    shape: Sequence[int | str] = ("n", 3, 112, 112),
    kind: int = TensorProto.FLOAT,
    answer: str = "mean",
    outputs: int = 1,
    domain: str = "",
    opset: int = OPSET,
) -> bytes:
    """A network of a few nodes that answers 16 numbers: those of the `mean` colour, a `constant`, or `nan`."""
    random = np.random.default_rng(3).standard_normal((3, 16)).astype(np.float32)
    weights = {"mean": random, "constant": random * 0, "nan": random * np.nan}[answer]
    nodes = [
        helper.make_node("Cast", ["data"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["sum"]),
        helper.make_node("Add", ["sum", "one"], ["template"], domain=domain),
    ]
    made = [helper.make_tensor_value_info("template", TensorProto.FLOAT, ["n", 16])]
    if outputs > 1:
        made.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["n", 3]))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("data", kind, list(shape))],
        made,
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.ones(16, np.float32), "one")],
    )
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return serialized(helper.make_model(graph, opset_imports=opsets, ir_version=8))


def external(folder: Path) -> Path:
    """A file that keeps its weights in another one."""
    file = folder / "external.onnx"
    model = onnx.load_model_from_string(small())
    onnx.save_model(model, str(file), save_as_external_data=True, location="weights.bin", size_threshold=0)
    return file
