"""Alignment: cuts a face out of a picture, turned and scaled so that eyes, nose and mouth are where the embedder
expects them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats: TypeAlias = npt.NDArray[np.float32]


class Aligner:
    """Cuts chips for one embedder, by the places where its pack wants the landmarks."""

    def __init__(self, side: int, places: Sequence[tuple[float, float]]) -> None:
        """`side` of the square chip in pixels; `places`: x, y in the chip of left eye, right eye, nose, left and
        right mouth corner, left as the viewer sees it."""
        self.side = side
        points = [complex(*place) for place in places]
        self._centre = sum(points) / len(points)
        self._offsets = [point - self._centre for point in points]
        self._spread = sum(abs(offset) ** 2 for offset in self._offsets)

    def similarity(self, points: Floats) -> tuple[complex, complex]:
        """The similarity (a, b) that takes a chip's point z = x + iy to a z + b in the picture.

        Least squares over the five landmarks, (5, 2) in pixels of the picture; no shear, no reflection
        (Umeyama 1991, in the plane where a similarity is a complex line). |a| is picture pixels a chip pixel.
        """
        found = [complex(x, y) for x, y in points.tolist()]
        centre = sum(found) / len(found)
        a = sum(offset.conjugate() * (one - centre) for offset, one in zip(self._offsets, found, strict=True))
        a /= self._spread
        return a, centre - a * self._centre

    def chip(self, picture: Image.Image, points: Floats) -> Image.Image:
        """The face as an RGB picture of side x side; black where it reaches over the edge, as dlib has it.

        `points`: (5, 2) in pixels of the picture, left upper corner 0, 0.
        """
        return cut(picture, *self.similarity(points), self.side)


def cut(picture: Image.Image, a: complex, b: complex, side: int) -> Image.Image:
    """The square of `side` pixels whose point z = x + iy lies at a z + b in the picture, RGB; black beyond its edge.

    Where the picture shrinks by more than 2 its surroundings are averaged first (dlib: a pyramid), so that nothing
    aliases.
    """
    factor = int(abs(a))
    if factor < 2:
        return _sample(picture, a, b, side)
    corners = [a * complex(x, y) + b for x in (0, side) for y in (0, side)]
    left = max(0, int(min(one.real for one in corners)) - factor)
    top = max(0, int(min(one.imag for one in corners)) - factor)
    right = min(picture.width, int(max(one.real for one in corners)) + factor + 1)
    bottom = min(picture.height, int(max(one.imag for one in corners)) + factor + 1)
    if right <= left or bottom <= top:
        return Image.new("RGB", (side, side))
    smaller = picture.reduce(factor, (left, top, right, bottom))
    return _sample(smaller, a / factor, (b - complex(left, top)) / factor, side)


def _sample(picture: Image.Image, a: complex, b: complex, side: int) -> Image.Image:
    matrix = (a.real, -a.imag, b.real, a.imag, a.real, b.imag)
    return picture.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
