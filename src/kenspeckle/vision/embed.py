"""Turns aligned faces into templates by dlib's ResNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.domain import Vector

Floats: TypeAlias = npt.NDArray[np.float32]
Network: TypeAlias = Callable[[Floats], Sequence[Floats]]
"""The embedder: (n, 3, 150, 150) RGB 0..255 -> (n, dimension), its only output."""


def template(chip: Image.Image, network: Network, *, mirrored: bool = False) -> Vector:
    """The template of one aligned face, (dimension,) float32, not normalized: dlib compares Euclidean distances.

    `mirrored` averages it with the template of the mirror image, at twice the cost: it pays where quality is low.
    """
    pixels = np.asarray(chip, np.float32).transpose(2, 0, 1)[None]
    if mirrored:
        pixels = np.concatenate([pixels, pixels[..., ::-1]])
    return np.asarray(network(np.ascontiguousarray(pixels))[0].mean(axis=0), np.float32)
