"""Writes a network in dlib's serialization, with weights drawn by a seed: what the parser has to read, and to refuse.

Written from dlib's format as `dlib_format` describes it; `test_convert` holds it against dlib itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kenspeckle.models.dlib_resnet import BLOCKS, MEANS, SIDE

Floats = npt.NDArray[np.float32]


def integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def real(value: float) -> bytes:
    mantissa, exponent = np.frexp(value)
    return integer(int(mantissa * (1 << 30))) + integer(int(exponent) - 30)


def string(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def tensor(values: Floats) -> bytes:
    return integers(2, *values.shape) + values.astype("<f4").tobytes()


def integers(*values: int) -> bytes:
    return b"".join(integer(value) for value in values)


STATE = b"110" + integers(2, 0, 0, 0, 0) * 3
MULTIPLIERS = real(1.0) * 3 + real(0.0)


class Writer:
    """Collects the layers; `bounds` are the offsets at which one ends."""

    def __init__(self, seed: int = 0) -> None:
        self.draw = np.random.default_rng(seed)
        self.parts: list[bytes] = []
        self.bounds: list[int] = []

    def layer(self, name: str, *parts: bytes) -> None:
        self.add(string(name), *parts, STATE)

    def add(self, *parts: bytes) -> None:
        self.parts.extend(parts)
        self.bounds.append((self.bounds[-1] if self.bounds else 0) + sum(map(len, parts)))

    def values(self, count: int, spread: float) -> Floats:
        return (self.draw.standard_normal((count, 1, 1, 1)) * spread).astype(np.float32)

    def convolution(self, channels: int, filters: int, side: int, stride: int, padding: int) -> None:
        weights = self.values(filters * (channels * side * side + 1), (channels * side * side) ** -0.5)
        shapes = integers(1, filters, channels, side, side, 1, 1, filters, 1, 1)
        geometry = integers(filters, side, side, stride, stride, padding, padding)
        self.layer("con_4", tensor(weights), geometry, shapes, MULTIPLIERS)

    def affine(self, filters: int) -> None:
        values = np.concatenate([1 + self.values(filters, 0.1), self.values(filters, 0.1)])
        self.layer("affine_", tensor(values), integers(*(1, 1, filters, 1, 1) * 2, 0))

    def data(self) -> bytes:
        return b"".join(self.parts)


def network(seed: int = 0) -> Writer:
    """The whole network, every weight drawn."""
    writer = Writer(seed)
    versions = [2, 2]
    for _, down in reversed(BLOCKS):
        versions += [2, 2, *([2, 1, 1] if down else []), 2, 2, 2, 2, 2, 1]
    means = b"".join(real(mean) for mean in MEANS)
    writer.add(integer(1), string("loss_metric_2"), real(0.04), real(0.6), integers(*versions, 2, 2, 2, 3))
    writer.add(string("input_rgb_image_sized"), means, integers(SIDE, SIDE))
    writer.convolution(3, 32, 7, 2, 0)
    writer.add(integer(1))
    writer.affine(32)
    writer.layer("relu_")
    writer.layer("max_pool_2", integers(3, 3, 2, 2, 0, 0))
    channels = 32
    for filters, down in BLOCKS:
        writer.convolution(channels, filters, 3, 2 if down else 1, 0 if down else 1)
        writer.affine(filters)
        writer.layer("relu_")
        writer.convolution(filters, filters, 3, 1, 1)
        writer.affine(filters)
        if down:
            writer.layer("avg_pool_2", integers(2, 2, 2, 2, 0, 0))
        writer.layer("add_prev_")
        writer.layer("relu_")
        channels = filters
    writer.layer("avg_pool_2", integers(0, 0, 1, 1, 0, 0))
    head = writer.values(256 * 128, 1 / 16).reshape(256, 128, 1, 1)
    writer.layer("fc_2", integers(128, 256), tensor(head), integers(1, 256, 128, 1, 1, 1, 0, 0, 0, 0, 1), MULTIPLIERS)
    return writer
