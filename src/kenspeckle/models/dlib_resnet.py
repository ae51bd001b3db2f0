"""Reads the weights of dlib's face recognition ResNet (v1) from its .dat file, every byte accounted for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kenspeckle.models.dlib_format import Floats, FormatError, Reader

SIDE = 150
"""Side of the chips that the network takes, in pixels."""

MEANS = (122.782, 117.001, 104.298)
"""Of red, green and blue, 0..255; subtracted first. What remains is divided by 256."""

BLOCKS: tuple[tuple[int, bool], ...] = (
    *[(32, False)] * 3,
    *[(64, True)] + [(64, False)] * 3,
    *[(128, True)] + [(128, False)] * 2,
    *[(256, True)] + [(256, False)] * 2,
    (256, True),
)
"""Filters of each residual block in the order of computation, and whether it halves the resolution."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with the affine layer after it folded in. `weights` is (out, in, rows, columns)."""

    weights: Floats
    biases: Floats
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class Block:
    """Two convolutions beside a shortcut, which is halved by average pooling where `down`."""

    first: Convolution
    second: Convolution
    down: bool


@dataclass(frozen=True, slots=True)
class Weights:
    """All of the network. `head` is the last, fully connected layer without bias, (256, 128)."""

    stem: Convolution
    blocks: tuple[Block, ...]
    head: Floats


def parse(data: bytes) -> Weights:
    """The weights in `data`. Raises FormatError where it is anything but this network, whole."""
    reader = Reader(data)
    _header(reader)
    stem = _convolution(reader, channels=3, filters=32, side=7, stem=True)
    _plain(reader, "relu_")
    _pool(reader, "max_pool_2", (3, 3, 2, 2, 0, 0))
    blocks, channels = [], 32
    for filters, down in BLOCKS:
        blocks.append(_block(reader, channels, filters, down))
        channels = filters
    _pool(reader, "avg_pool_2", (0, 0, 1, 1, 0, 0))
    head = _head(reader)
    reader.end()
    return Weights(stem, tuple(blocks), head)


def _header(reader: Reader) -> None:
    """Loss, then the version number of each layer from the last to the first, then the input layer."""
    reader.expect(1, reader.integer(), "version of the loss")
    reader.expect("loss_metric_2", reader.string(), "loss")
    reader.real(), reader.real()
    versions = [2, 2]  # fully connected, average pool
    for _, down in reversed(BLOCKS):
        # relu, add, (average pool, skip, tag), affine, convolution, relu, affine, convolution, tag
        versions += [2, 2, *([2, 1, 1] if down else []), 2, 2, 2, 2, 2, 1]
    versions += [2, 2, 2, 3]  # max pool, relu, affine, convolution on the input
    for version in versions:
        reader.expect(version, reader.integer(), "version of a layer")
    reader.expect("input_rgb_image_sized", reader.string(), "input")
    for mean in MEANS:
        reader.expect(mean, round(reader.real(), 3), "mean")
    reader.expect((SIDE, SIDE), (reader.integer(), reader.integer()), "size of the input")


def _block(reader: Reader, channels: int, filters: int, down: bool) -> Block:
    first = _convolution(reader, channels, filters, side=3)
    _plain(reader, "relu_")
    second = _convolution(reader, filters, filters, side=3)
    if down:
        _pool(reader, "avg_pool_2", (2, 2, 2, 2, 0, 0))
    _plain(reader, "add_prev_")
    _plain(reader, "relu_")
    reader.expect((2, 0) if down else (1, 1), (first.stride, first.padding), "stride and padding")
    reader.expect((1, 1), (second.stride, second.padding), "stride and padding")
    return Block(first, second, down)


def _convolution(reader: Reader, channels: int, filters: int, side: int, stem: bool = False) -> Convolution:
    """A `con_4` layer and the `affine_` layer after it, y = gamma * x + beta for each filter, made one."""
    reader.expect("con_4", reader.string(), "layer")
    tensor = reader.tensor()
    found = tuple(reader.integer() for _ in range(3))
    reader.expect((filters, side, side), found, "filters and their size")
    stride, stride_x, padding, padding_x = (reader.integer() for _ in range(4))
    reader.expect((stride, padding), (stride_x, padding_x), "stride and padding")
    _alias(reader, (filters, channels, side, side))
    _alias(reader, (1, filters, 1, 1))
    _multipliers(reader)
    _state(reader)
    if stem:
        reader.expect(1, reader.integer(), "samples an input")
    reader.expect(filters * (channels * side * side + 1), tensor.size, "weights and biases")
    weights, biases = tensor.reshape(-1)[:-filters], tensor.reshape(-1)[-filters:]
    gamma, beta = _affine(reader, filters)
    folded = weights.reshape(filters, channels, side, side) * gamma[:, None, None, None]
    return Convolution(folded, biases * gamma + beta, stride, padding)


def _affine(reader: Reader, filters: int) -> tuple[Floats, Floats]:
    reader.expect("affine_", reader.string(), "layer")
    tensor = reader.tensor()
    _alias(reader, (1, filters, 1, 1))
    _alias(reader, (1, filters, 1, 1))
    reader.expect(0, reader.integer(), "mode of the affine layer")
    _state(reader)
    reader.expect(2 * filters, tensor.size, "gammas and betas")
    flat = tensor.reshape(-1)
    return flat[:filters], flat[filters:]


def _head(reader: Reader) -> Floats:
    reader.expect("fc_2", reader.string(), "layer")
    reader.expect((128, 256), (reader.integer(), reader.integer()), "outputs and inputs")
    tensor = reader.tensor()
    reader.expect((256, 128, 1, 1), tensor.shape, "shape of the last layer")
    _alias(reader, (256, 128, 1, 1))
    _alias(reader, (0, 0, 0, 0))
    reader.expect(1, reader.integer(), "bias mode")
    _multipliers(reader)
    _state(reader)
    return np.ascontiguousarray(tensor[:, :, 0, 0])


def _pool(reader: Reader, name: str, geometry: tuple[int, ...]) -> None:
    reader.expect(name, reader.string(), "layer")
    reader.expect(geometry, tuple(reader.integer() for _ in range(6)), "geometry of the pool")
    _state(reader)


def _plain(reader: Reader, name: str) -> None:
    reader.expect(name, reader.string(), "layer")
    _state(reader)


def _alias(reader: Reader, shape: tuple[int, ...]) -> None:
    """How a part of a layer's tensor is shaped."""
    reader.expect(1, reader.integer(), "version of an alias")
    reader.expect(shape, tuple(reader.integer() for _ in range(4)), "shape of a part")


def _multipliers(reader: Reader) -> None:
    """Multipliers of learning rate and weight decay, for weights and biases; not used here."""
    for _ in range(4):
        reader.real()


def _state(reader: Reader) -> None:
    """What training left behind: three flags and three tensors, empty in a published file."""
    for _ in range(3):
        reader.boolean()
    for _ in range(3):
        if reader.tensor().size:
            raise FormatError(f"state of training before byte {reader.at}")
