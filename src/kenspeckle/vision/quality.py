"""Describes a face: brightness and sharpness of its pixels, pose of the head. No network, well under a millisecond."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageOps

from kenspeckle.domain import Pose, Quality

Floats: TypeAlias = npt.NDArray[np.float32]

MARGIN: Final = 0.125
"""Part of the chip's side that is left away at each edge: hair, background, and black beyond the photograph."""

EYES: Final = 35.2
"""Distance of the eyes in pixels of the picture that is judged; a chip of another scale is resized to it."""

WHITE: Final = 235.0
"""Luma that is brightness 100, of the brightest 2 % of the face."""

BAND: Final = (0.6, 1.0)
"""Standard deviations in pixels of the Gaussians between which detail is looked for."""
REACH: Final = 4
"""Pixels beyond which no Gaussian of BAND looks."""
DETAIL: Final = 0.0175
"""Detail of sharpness 100, in units of the face's light: half of ordinary photographs have as much, a face that was
blurred until hardly anybody knows it a fiftieth (docs/accuracy.md)."""

DEPTHS: Final = (0.0, 0.0, 0.40, 0.03, 0.03)
"""How far each landmark stands out in front of the eyes, in units of the distance between them: the tip of the nose
about 0.4 (pronasale against the eyes' plane, adult means of Farkas 1994), the mouth's corners hardly."""


def describe(chip: Image.Image, eyes: float = EYES) -> Quality:
    """Brightness and sharpness, 0..100, of an aligned face whose eyes are `eyes` pixels apart.

    Brightness: the luma (ITU-R BT.601) that the brightest 2 % of the face reach, in units of WHITE. Where light falls
    on skin, eyes or teeth it is about as bright on every face, while a face's median tells how dark its skin is.
    Sharpness: the mean size of the details within BAND, in units of the light that 5 % of the face reach and of
    DETAIL. It never rises with blur, unlike measures that divide by what blur takes too. Detail is
    judged against the face, so an enlarged small one is as blurred as it looks to the embedder; noise counts as detail.
    """
    if abs(eyes / EYES - 1) > 0.01:
        side = max(16, round(chip.width * EYES / eyes))
        chip = chip.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    grey = chip.convert("L")
    light, bright = (_percentile(grey, part) for part in (0.05, 0.02))
    inner = _inner(grey, REACH)
    fine, coarse = (
        np.asarray(ImageOps.crop(inner.filter(ImageFilter.GaussianBlur(radius)), REACH), np.float32) for radius in BAND
    )
    detail = float(np.abs(fine - coarse).mean()) / max(light, 1.0)
    return Quality(
        brightness=round(100 * min(1.0, bright / WHITE), 2), sharpness=round(100 * min(1.0, detail / DETAIL), 2)
    )


def _percentile(grey: Image.Image, part: float) -> float:
    """The luma, 0..255, that the brightest `part` of the pixels reach: a percentile, interpolated between the two
    pixels next to it, from the histogram, which takes a tenth of the time that sorting takes."""
    below = list(accumulate(grey.histogram()))
    rank = (1 - part) * (grey.width * grey.height - 1)
    lower, upper = bisect_right(below, math.floor(rank)), bisect_right(below, math.ceil(rank))
    return lower + (upper - lower) * (rank % 1)


def _inner(chip: Image.Image, more: int) -> Image.Image:
    """The chip without its MARGIN, and `more` pixels of that at each edge."""
    edge = round(chip.width * MARGIN) - more
    return chip.crop((edge, edge, chip.width - edge, chip.height - edge))


def noise(picture: Image.Image) -> float:
    """Standard deviation of noise that differs from pixel to pixel, 0..255, of a picture as a whole.

    The median of the diagonal details of a Haar wavelet, made a standard deviation as for a normal law (Donoho and
    Johnstone 1994): edges are few and leave the median alone.
    """
    pixels = np.asarray(picture.convert("L"), np.float32)
    height, width = pixels.shape[0] // 4 * 4, pixels.shape[1] // 2 * 2
    upper, lower = pixels[0:height:4, :width], pixels[1:height:4, :width]  # every other pair of rows is enough
    details = (upper[:, ::2] - upper[:, 1::2] - lower[:, ::2] + lower[:, 1::2]) / 2
    return float(np.median(np.abs(details))) / 0.6745 if details.size else 0.0


class PoseEstimator:
    """Head rotation from five landmarks, by comparison with the face that looks straight ahead."""

    def __init__(self, places: Sequence[tuple[float, float]]) -> None:
        """`places`: the landmarks of a frontal face in any unit, as `Aligner` takes them."""
        plane = np.array(places, np.float64)
        depth = -np.array(DEPTHS) * math.dist(places[0], places[1])  # towards the viewer is negative
        face = np.column_stack([plane - plane.mean(axis=0), depth - depth.mean()])
        self._solve = np.linalg.pinv(face).T  # (5, 3)

    def pose(self, points: Floats) -> Pose:
        """Roll, yaw and pitch in degrees as `domain.Pose` has them, of landmarks (5, 2) in pixels.

        The 2 x 3 matrix that takes the frontal face to the landmarks by least squares (weak perspective) is made a
        rotation: its rows become the nearest orthonormal pair (polar decomposition), the third is their cross product.
        The angles are those of roll after yaw after pitch. Five points tell no more than about 10 degrees; beyond 60
        the detector's landmarks fail first.
        """
        x, y = ((points - points.mean(axis=0)).T @ self._solve).tolist()  # rows of the 2 x 3 matrix
        xx, xy, yy = _dot(x, x), _dot(x, y), _dot(y, y)
        root = math.sqrt(max(0.0, xx * yy - xy * xy))
        if root <= 0:  # all on one line: no face has such landmarks
            return Pose(0.0, 0.0, 0.0)
        # The inverse square root of the symmetric 2 x 2 product of the matrix with its transpose, in closed form.
        scale = 1 / (root * math.sqrt(xx + yy + 2 * root))
        u = [scale * ((yy + root) * one - xy * other) for one, other in zip(x, y, strict=True)]
        v = [scale * ((xx + root) * other - xy * one) for one, other in zip(x, y, strict=True)]
        w = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
        return Pose(roll=_degrees(v[0], u[0]), yaw=_degrees(w[0], math.hypot(u[0], v[0])), pitch=_degrees(-w[1], w[2]))


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _degrees(opposite: float, adjacent: float) -> float:
    return round(math.degrees(math.atan2(opposite, adjacent)), 2) + 0.0  # no minus zero
