"""Turns the published SFace embedder into a float32 network that runtimes are quick with."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from kenspeckle.models import opencv_zoo
from kenspeckle.models.dlib_format import FormatError

Doubles: TypeAlias = npt.NDArray[np.float64]

SIDE = 112
DIMENSION = 128
KINDS = ("Sub", "Mul", "Conv", "BatchNormalization", "PRelu", "Dropout", "Flatten", "Gemm", "Constant")
"""All that the published network is made of: a chain, in which nothing branches."""


def convert(data: bytes) -> bytes:
    """For ONNX Runtime, with each PReLU as a sum: see `_Chain.prelu`. As `convert_plain` otherwise."""
    return _convert(data, as_sum=True)


def convert_plain(data: bytes) -> bytes:
    """The published file `data`, batch normalizations folded; the same bytes for the same input.

    Input `image`: float32 (n, 3, 112, 112), red, green, blue, 0..255; the network subtracts and scales by itself.
    Output `embedding`: float32 (n, 128), not normalized. Raises FormatError.
    """
    return _convert(data, as_sum=False)


def _convert(data: bytes, *, as_sum: bool) -> bytes:
    zoo = opencv_zoo.read(data, "the embedder SFace")
    found = {node.op_type for node in zoo.nodes}
    if found - set(KINDS) or [one.name for one in zoo.outputs] != ["fc1"]:
        raise FormatError("the embedder is another network than SFace")
    chain = _Chain(zoo.constants, as_sum=as_sum)
    try:
        for node in zoo.nodes:
            chain.append(node)
        return chain.serialize()
    except (KeyError, ValueError, IndexError) as error:
        raise FormatError("the embedder is another network than SFace") from error


class _Chain:
    """The network under construction: a linear layer (convolution or the last product) is held back until it is
    known what scales and shifts its output."""

    def __init__(self, constants: dict[str, npt.NDArray[Any]], *, as_sum: bool) -> None:
        self.constants = dict(constants)
        self.as_sum = as_sum
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, npt.NDArray[Any]] = {}
        self.last = "image"
        self.held: tuple[Doubles, Doubles, dict[str, Any]] | None = None
        self.scale: Doubles | None = None  # of each channel of `last`, and
        self.shift: Doubles | None = None  # what is added to it, both left to the next linear layer
        self.mean = 0.0

    def append(self, node: onnx.NodeProto) -> None:
        given = opencv_zoo.attributes(node)
        if node.op_type == "Constant":
            self.constants[node.output[0]] = numpy_helper.to_array(given["value"])
        elif node.op_type == "Sub":
            self.mean = float(self.constants[node.input[1]].item())
            self.add("Sub", [np.float32(self.mean)])
        elif node.op_type == "Mul":
            self.scale = np.full(3, float(self.constants[node.input[1]].item()))
        elif node.op_type in ("Conv", "Gemm"):
            self.linear(node, given)
        elif node.op_type == "BatchNormalization":
            gamma, beta, mean, variance = (self.constants[name].astype(np.float64) for name in node.input[1:5])
            self.normalize(gamma / np.sqrt(variance + given["epsilon"]), beta, mean)
        elif node.op_type == "PRelu":
            self.prelu(self.constants[node.input[1]].reshape(-1).astype(np.float64))

    def add(self, kind: str, weights: list[Any], inputs: list[str] | None = None, **given: Any) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        names = list(inputs or [self.last])
        for place, value in enumerate(weights):
            names.append(f"{name}_{place}")
            self.weights[names[-1]] = np.asarray(value, np.float32)
        self.nodes.append(helper.make_node(kind, names, [name], **given))
        self.last = name
        return name

    def linear(self, node: onnx.NodeProto, given: dict[str, Any]) -> None:
        """Keeps the layer pending, with the scale and shift of its input folded into it. Only the last layer, which
        pads nothing, follows a shift."""
        weights = self.constants[node.input[1]].astype(np.float64)
        bias = self.constants[node.input[2]].astype(np.float64) if len(node.input) > 2 else np.zeros(len(weights))
        if node.op_type == "Gemm":
            self.settle()
            per_channel = weights.shape[1] // (len(self.scale) if self.scale is not None else weights.shape[1])
            if self.shift is not None:
                bias = bias + weights @ np.repeat(self.shift, per_channel)
            if self.scale is not None:
                weights = weights * np.repeat(self.scale, per_channel)
            given = {}
        else:
            self.settle()
            if self.shift is not None:
                raise ValueError("a shift before a convolution that pads")
            if self.scale is not None:
                weights = (
                    weights * (self.scale[None, :] if given["group"] == 1 else self.scale[:, None])[..., None, None]
                )
        self.scale = self.shift = None
        self.held = weights, bias, given

    def normalize(self, scale: Doubles, beta: Doubles, mean: Doubles) -> None:
        """y = scale (x - mean) + beta, into the layer before it or else the one after."""
        shift = beta - mean * scale
        if self.held is not None:
            weights, bias, given = self.held
            self.held = weights * scale.reshape(-1, *[1] * (weights.ndim - 1)), bias * scale + shift, given
        else:
            self.shift = shift
            self.scale = scale if self.scale is None else self.scale * scale

    def settle(self) -> None:
        """Appends the pending layer."""
        if self.held is not None:
            weights, bias, given = self.held
            self.held = None
            self.add("Conv", [weights, bias], **given)

    def prelu(self, slopes: Doubles) -> None:
        """max(x, 0) + a min(x, 0). As a sum it is (1 - a) (max(x, 0) + a / (1 - a) x): the factor goes into the next
        layer, the product is a depthwise convolution. ONNX Runtime leaves its blocked memory layout for a PRelu, and
        takes more than twice as long."""
        self.settle()
        if not self.as_sum:
            self.add("PRelu", [slopes[:, None, None]])
            return
        if np.abs(1 - slopes).min() < 1e-3:
            raise ValueError("a slope of 1 can't be divided out")
        source = self.last
        positive = self.add("Relu", [])
        factor = (slopes / (1 - slopes))[:, None, None, None]
        product = self.add("Conv", [factor], [source], kernel_shape=[1, 1], group=len(slopes))
        self.add("Add", [], [product, positive])
        self.scale = 1 - slopes

    def serialize(self) -> bytes:
        if self.held is None or self.held[0].shape[0] != DIMENSION or self.held[0].ndim != 2:
            raise ValueError("the last layer makes no template")
        weights, bias, _ = self.held
        self.add("Flatten", [], axis=1)
        self.add("Gemm", [weights, bias], transB=1)
        self.nodes[-1].output[0] = "embedding"
        output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIMENSION])
        picture = opencv_zoo.image("n", 3, SIDE, SIDE)
        return opencv_zoo.serialize("sface", self.nodes, self.weights, [picture], [output])
