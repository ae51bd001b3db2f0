"""Turns MediaPipe's published TensorFlow Lite networks of faces and eyes into ONNX: float32, channels first.

Written for the seven kinds of layers that they are made of; a network with another one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import tflite
from onnx import TensorProto, helper

from kenspeckle.models import opencv_zoo
from kenspeckle.models.dlib_format import FormatError

Values: TypeAlias = npt.NDArray[Any]

MOST_LAYERS: Final = 1000
MOST_WEIGHTS: Final = 1 << 24
"""Layers of a network and elements of a tensor, at most: five times what ours have."""

MESH: Final = {"conv2d_20": "points", "conv2d_30": "presence"}
IRIS: Final = {"output_eyes_contours_and_brows": "contour", "output_iris": "iris"}
"""Outputs of the published files, and their names in ours."""

_KINDS: Final = {
    getattr(tflite.BuiltinOperator, name): name
    for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "PRELU", "ADD", "MAX_POOL_2D", "PAD", "RESHAPE")
}
_TYPES: Final = {tflite.TensorType.FLOAT32: np.dtype("<f4"), tflite.TensorType.INT32: np.dtype("<i4")}


def convert_mesh(data: bytes) -> bytes:
    """For ONNX Runtime, with each PReLU as a sum: see `_Graph.prelu`. As `convert_mesh_plain` otherwise."""
    return _convert(data, "mesh", 192, MESH, as_sum=True)


def convert_mesh_plain(data: bytes) -> bytes:
    """MediaPipe's face mesh `data`; the same bytes for the same input.

    Input `image`: float32 (n, 3, 192, 192), red, green, blue, 0..1. Outputs: `points` (n, 1404): x, y, z of 468
    points in pixels of the input; `presence` (n, 1), a logit. Raises FormatError.
    """
    return _convert(data, "mesh", 192, MESH, as_sum=False)


def convert_iris(data: bytes) -> bytes:
    """For ONNX Runtime; as `convert_iris_plain` otherwise."""
    return _convert(data, "iris", 64, IRIS, as_sum=True)


def convert_iris_plain(data: bytes) -> bytes:
    """MediaPipe's iris network `data`; the same bytes for the same input.

    Input `image`: float32 (n, 3, 64, 64), red, green, blue, 0..1, the eye at the picture's left (or the other one,
    mirrored). Outputs: `contour` (n, 213): x, y, z of 71 points around the eye in pixels of the input; `iris` (n, 15):
    of its centre and four points of its edge. Raises FormatError.
    """
    return _convert(data, "iris", 64, IRIS, as_sum=False)


def _convert(data: bytes, name: str, side: int, outputs: Mapping[str, str], *, as_sum: bool) -> bytes:
    try:
        return _Graph(data, name, side, outputs, as_sum=as_sum).serialize()
    except FormatError:
        raise
    except Exception as error:  # a reader of tables by offset raises anything where the offsets are wrong
        raise FormatError(f"the network {name} is no TensorFlow Lite file, or another network") from error


class _Graph:
    """One network. Tensors of four dimensions are (n, height, width, channels) there and (n, channels, height, width)
    here."""

    def __init__(self, data: bytes, name: str, side: int, outputs: Mapping[str, str], *, as_sum: bool) -> None:
        self.name, self.side, self.as_sum = name, side, as_sum
        if not tflite.Model.ModelBufferHasIdentifier(data, 0):
            raise FormatError(f"the network {name} is no TensorFlow Lite file")
        self.model = tflite.Model.GetRootAs(data)
        if self.model.SubgraphsLength() != 1:
            raise FormatError(f"the network {name} has {self.model.SubgraphsLength()} graphs, not one")
        self.graph = self.model.Subgraphs(0)
        if self.graph.OperatorsLength() > MOST_LAYERS:
            raise FormatError(f"the network {name} has {self.graph.OperatorsLength()} layers")
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, Values] = {}
        self.names = {self.graph.Inputs(0): "image"}
        ends = [self.graph.Outputs(place) for place in range(self.graph.OutputsLength())]
        found = {self.tensor(place).Name().decode(): place for place in ends}
        shape = list(self.shape(self.graph.Inputs(0)))
        if set(found) != set(outputs) or self.graph.InputsLength() != 1 or shape != [1, side, side, 3]:
            raise FormatError(f"the network {name} has other inputs or outputs than are expected")
        self.ends = {outputs[one]: place for one, place in found.items()}

    def tensor(self, place: int) -> Any:
        return self.graph.Tensors(place)

    def shape(self, place: int) -> tuple[int, ...]:
        return tuple(int(one) for one in self.tensor(place).ShapeAsNumpy())

    def constant(self, place: int) -> Values:
        """The tensor's values, which the file brings. Raises FormatError where it brings none."""
        tensor, shape = self.tensor(place), self.shape(place)
        kind = _TYPES.get(tensor.Type())
        raw = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        if kind is None or not isinstance(raw, np.ndarray) or len(raw) > MOST_WEIGHTS * kind.itemsize:
            raise FormatError(f"the network {self.name} lacks weights, or has them in another form than float32")
        values = np.frombuffer(raw.tobytes(), kind).reshape(shape)
        if not np.isfinite(values).all():
            raise FormatError(f"the network {self.name} holds weights that are not finite")
        return values

    def serialize(self) -> bytes:
        for place in range(self.graph.OperatorsLength()):
            layer = self.graph.Operators(place)
            code = self.model.OperatorCodes(layer.OpcodeIndex())
            kind = _KINDS.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")
            if kind not in _LAYERS:
                raise FormatError(f"the network {self.name} has a layer of a kind that is not expected")
            _LAYERS[kind](self, layer)
        ends = []
        for name, place in self.ends.items():
            count = int(np.prod(self.shape(place)))
            self.nodes.append(helper.make_node("Flatten", [self.names[place]], [name], axis=1))
            ends.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", count]))
        picture = opencv_zoo.image("n", 3, self.side, self.side)
        return opencv_zoo.serialize(self.name, self.nodes, self.weights, [picture], ends)

    def add(self, layer: Any, kind: str, inputs: list[str], weights: list[Values], **given: Any) -> None:
        self.names[layer.Outputs(0)] = self.append(kind, inputs, weights, **given)

    def append(self, kind: str, inputs: list[str], weights: list[Values], **given: Any) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        for place, value in enumerate(weights):
            inputs = [*inputs, f"{name}_{place}"]
            self.weights[inputs[-1]] = value
        self.nodes.append(helper.make_node(kind, inputs, [name], **given))
        return name

    def convolution(self, layer: Any) -> None:
        given = self._options(layer, tflite.Conv2DOptions)
        kernel = self.constant(layer.Inputs(1)).transpose(0, 3, 1, 2)
        self._convolve(layer, given, kernel, 1)

    def depthwise(self, layer: Any) -> None:
        given = self._options(layer, tflite.DepthwiseConv2DOptions)
        kernel = self.constant(layer.Inputs(1)).transpose(3, 0, 1, 2)
        if given.DepthMultiplier() != 1:
            raise FormatError(f"the network {self.name} multiplies channels")
        self._convolve(layer, given, kernel, len(kernel))

    def _convolve(self, layer: Any, given: Any, kernel: Values, groups: int) -> None:
        if (given.DilationHFactor(), given.DilationWFactor()) != (1, 1):
            raise FormatError(f"the network {self.name} has dilated convolutions")
        strides = [given.StrideH(), given.StrideW()]
        bias = self.constant(layer.Inputs(2))
        size = list(kernel.shape[2:])
        self.add(
            layer,
            "Conv",
            [self.names[layer.Inputs(0)]],
            [kernel, bias],
            kernel_shape=size,
            strides=strides,
            group=groups,
            pads=self._pads(layer, given, size, strides),
        )

    def pool(self, layer: Any) -> None:
        given = self._options(layer, tflite.Pool2DOptions)
        size, strides = [given.FilterHeight(), given.FilterWidth()], [given.StrideH(), given.StrideW()]
        pads = self._pads(layer, given, size, strides)
        self.add(layer, "MaxPool", [self.names[layer.Inputs(0)]], [], kernel_shape=size, strides=strides, pads=pads)

    def prelu(self, layer: Any) -> None:
        """max(x, 0) + a min(x, 0). As a sum it is a x + (1 - a) max(x, 0), two depthwise products: ONNX Runtime leaves
        its blocked memory layout for a PRelu, and takes twice as long. OpenVINO is quicker with the PRelu."""
        slopes = self.constant(layer.Inputs(1)).reshape(-1, 1, 1)
        source = self.names[layer.Inputs(0)]
        if not self.as_sum:
            self.add(layer, "PRelu", [source], [slopes])
            return
        products = []
        for one, factor in ((source, slopes), (self.append("Relu", [source], []), 1 - slopes)):
            products.append(self.append("Conv", [one], [factor[..., None]], kernel_shape=[1, 1], group=len(slopes)))
        self.add(layer, "Add", products, [])

    def sum(self, layer: Any) -> None:
        self._options(layer, tflite.AddOptions)
        one, other = layer.Inputs(0), layer.Inputs(1)
        if self.shape(one) != self.shape(other):
            raise FormatError(f"the network {self.name} adds tensors of two shapes")
        self.add(layer, "Add", [self.names[one], self.names[other]], [])

    def pad(self, layer: Any) -> None:
        pads = self.constant(layer.Inputs(1)).astype(np.int64)[[0, 3, 1, 2]]
        self.add(layer, "Pad", [self.names[layer.Inputs(0)]], [pads.T.reshape(-1)])

    def reshape(self, layer: Any) -> None:
        """Of one pixel to a row alone: there the order of dimensions makes no difference."""
        before = self.shape(layer.Inputs(0))
        if len(before) != 4 or before[1:3] != (1, 1):
            raise FormatError(f"the network {self.name} reshapes a picture")
        self.add(layer, "Flatten", [self.names[layer.Inputs(0)]], [], axis=1)

    def _options(self, layer: Any, kind: Any) -> Any:
        """The layer's options. Raises FormatError where an activation is fused into it, which ours have not."""
        options, table = kind(), layer.BuiltinOptions()
        if table is None:
            raise FormatError(f"the network {self.name} has a layer without options")
        options.Init(table.Bytes, table.Pos)
        if options.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
            raise FormatError(f"the network {self.name} has activations within layers")
        return options

    def _pads(self, layer: Any, given: Any, size: list[int], strides: list[int]) -> list[int]:
        """What TensorFlow pads a picture with (`SAME`: as much as gives size / stride, the odd pixel at the end)."""
        if given.Padding() == tflite.Padding.VALID:
            return [0, 0, 0, 0]
        sides = self.shape(layer.Inputs(0))[1:3]
        totals = [
            max(0, (-(-side // stride) - 1) * stride + kernel - side)
            for side, kernel, stride in zip(sides, size, strides, strict=True)
        ]
        return [total // 2 for total in totals] + [total - total // 2 for total in totals]


_LAYERS: Final[Mapping[str, Callable[[_Graph, Any], None]]] = {
    "CONV_2D": _Graph.convolution,
    "DEPTHWISE_CONV_2D": _Graph.depthwise,
    "PRELU": _Graph.prelu,
    "ADD": _Graph.sum,
    "MAX_POOL_2D": _Graph.pool,
    "PAD": _Graph.pad,
    "RESHAPE": _Graph.reshape,
}
