"""Turns aligned faces into templates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.domain import Vector

Floats: TypeAlias = npt.NDArray[np.float32]
Network: TypeAlias = Callable[[Floats], Sequence[Floats]]
"""The embedder: (n, 3, side, side) RGB 0..255 -> (n, dimension), its only output."""


def template(chip: Image.Image, network: Network) -> Vector:
    """The template of one aligned face, (dimension,) float32, as the network gives it: not normalized.

    Averaging it with the mirror image's would cost as much again and buy little (docs/accuracy.md).
    """
    pixels = np.empty((1, 3, chip.height, chip.width), np.float32)
    pixels[0] = np.asarray(chip).transpose(2, 0, 1)
    found: Vector = network(pixels)[0][0]
    return found
