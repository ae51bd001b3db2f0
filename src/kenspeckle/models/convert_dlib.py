"""Builds an ONNX network from the weights of dlib's face recognition ResNet."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kenspeckle.models.dlib_format import Floats
from kenspeckle.models.dlib_resnet import MEANS, SIDE, Block, Convolution, parse

SCALE = 256.0
OPSET = 17
IR_VERSION = 8
"""Those of ONNX 1.12 (2022): old enough for every runtime that is taken."""


def convert(data: bytes) -> bytes:
    """The .dat file `data` as an ONNX model; the same bytes for the same input.

    Input `image`: float32 (n, 3, 150, 150), red, green, blue, 0..255; dlib's subtraction of means and division by
    256 are part of the network. Output `embedding`: float32 (n, 128), not normalized. Raises FormatError.
    """
    graph = _Graph()
    weights = parse(data)
    side = graph.convolution(_with_preprocessing(weights.stem), SIDE, relu=True)
    side = graph.pool("MaxPool", 3, side)
    channels = 32
    for block in weights.blocks:
        side = graph.block(block, channels, side)
        channels = block.second.weights.shape[0]
    graph.add("GlobalAveragePool")
    graph.add("Flatten", axis=1)
    graph.add("MatMul", parameters=[weights.head], output="embedding")
    return graph.serialize()


def _with_preprocessing(stem: Convolution) -> Convolution:
    """The same convolution on raw pixels: w (x - mean) / 256 + b = (w / 256) x + (b - sum(w mean) / 256).

    Exact because this convolution pads nothing. Sums are rounded once (fsum), so the file is the same everywhere.
    """
    if stem.padding:
        raise ValueError("preprocessing can't be folded into a convolution that pads")
    means = np.asarray(MEANS, np.float64)[:, None, None]
    shift = [math.fsum((one.astype(np.float64) * means).ravel()) / SCALE for one in stem.weights]
    biases = (stem.biases.astype(np.float64) - shift).astype(np.float32)
    return Convolution(stem.weights / np.float32(SCALE), biases, stem.stride, 0)


class _Graph:
    """A chain of ONNX nodes under construction; `last` is the value that the next node takes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.last = "image"

    def add(
        self,
        kind: str,
        *,
        inputs: list[str] | None = None,
        parameters: list[np.ndarray] | None = None,
        output: str = "",
        **attributes: Any,
    ) -> str:
        names = [self.last] if inputs is None else list(inputs)
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        for place, value in enumerate(parameters or []):
            names.append(f"{output}_{place}")
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), names[-1]))
        self.nodes.append(helper.make_node(kind, names, [output], **attributes))
        self.last = output
        return output

    def convolution(self, one: Convolution, side: int, relu: bool) -> int:
        """Appends it and gives the side of what comes out."""
        kernel: int = one.weights.shape[2]
        parameters: list[Floats] = [one.weights, one.biases]
        self.add(
            "Conv",
            parameters=parameters,
            kernel_shape=[kernel] * 2,
            strides=[one.stride] * 2,
            pads=[one.padding] * 4,
        )
        if relu:
            self.add("Relu")
        return (side + 2 * one.padding - kernel) // one.stride + 1

    def pool(self, kind: str, kernel: int, side: int) -> int:
        self.add(kind, kernel_shape=[kernel] * 2, strides=[2, 2])
        return (side - kernel) // 2 + 1

    def widen(self, channels: int, source: str) -> None:
        """More channels, all zero, after those of `last`, which was pooled from `source` of as many channels.

        A Pad would do the same, but ONNX Runtime leaves its blocked memory layout for it, and for all that follows.
        """
        if channels:
            pooled = self.last
            weights = np.zeros((channels, 1, 2, 2), np.float32)
            nothing = self.add(
                "Conv", inputs=[source], parameters=[weights], kernel_shape=[2, 2], strides=[2, 2], group=channels
            )
            self.add("Concat", inputs=[pooled, nothing], axis=1)

    def enlarge(self, channels: int, pixels: int) -> None:
        """Rows and columns of zeros at the bottom and at the right; not by a Pad, as above."""
        if pixels:
            weights = np.ones((channels, 1, 1, 1), np.float32)
            self.add("Conv", parameters=[weights], kernel_shape=[1, 1], pads=[0, 0, pixels, pixels], group=channels)

    def block(self, block: Block, channels: int, side: int) -> int:
        """dlib adds tensors of different size as if the smaller were filled up with zeros."""
        start, filters = self.last, block.second.weights.shape[0]
        small = self.convolution(block.first, side, relu=True)
        small = self.convolution(block.second, small, relu=False)
        main, self.last = self.last, start
        halved = self.pool("AveragePool", 2, side) if block.down else side
        if filters - channels not in (0, channels) or halved < small:
            raise ValueError("a shortcut can be doubled, and nothing but the convolutions enlarged")
        self.widen(filters - channels, start)
        shortcut, self.last = self.last, main
        self.enlarge(filters, halved - small)
        self.add("Add", inputs=[self.last, shortcut])
        self.add("Relu")
        return halved

    def serialize(self) -> bytes:
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
        embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 128])
        graph = helper.make_graph(self.nodes, "dlib_resnet", [image], [embedding], self.initializers)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="kenspeckle",
        )
        onnx.checker.check_model(model, full_check=True)
        data: bytes = model.SerializeToString(deterministic=True)
        return data
