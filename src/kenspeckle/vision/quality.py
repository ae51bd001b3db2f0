"""Describes a face: brightness and sharpness of its pixels, pose of the head. No network, well under a millisecond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.domain import Pose, Quality

Floats: TypeAlias = npt.NDArray[np.float32]

MARGIN: Final = 0.125
"""Part of the chip's side that is left away at each edge: hair, background, and black beyond the photograph."""

LINES: Final = 3
"""Every third row and column is looked at: the answer is the same within a point, the time a third."""

WINDOW: Final = 9
"""Pixels of the strong blur that the picture is compared with (Crete et al. 2007)."""

BLUR_SHARP: Final = 0.3
BLUR_BLIND: Final = 0.9
"""Blur effect of sharpness 100 and 0: the least of 95 ordinary photographs (median 0.49), and what a Gaussian of more
than 5 pixels in the chip leaves, where nobody is recognized any more (docs/accuracy.md)."""

DEPTHS: Final = (0.0, 0.0, 0.40, 0.03, 0.03)
"""How far each landmark stands out in front of the eyes, in units of the distance between them: the tip of the nose
about 0.4 (pronasale against the eyes' plane, adult means of Farkas 1994), the mouth's corners hardly."""


def describe(chip: Image.Image) -> Quality:
    """Brightness and sharpness, 0..100, of an aligned face.

    Brightness: the median luma (ITU-R BT.601) of the inner face; 0 black, 100 white.
    Sharpness: one minus the blur effect of Crete, Dolmiere, Ladret and Nicolas ("The blur effect: perception and
    estimation with a new no-reference perceptual quality metric", SPIE 2007), stretched between BLUR_BLIND and
    BLUR_SHARP. It judges detail against the chip, so an enlarged small face is as blurred as it looks to the embedder.
    It does not depend on contrast; noise counts as detail.
    """
    edge = round(chip.width * MARGIN)
    inner = chip.crop((edge, edge, chip.width - edge, chip.height - edge)).convert("L")
    pixels = np.asarray(inner)
    blur = max(_blur(pixels[:, ::LINES].astype(np.float32)), _blur(pixels[::LINES].T.astype(np.float32)))
    return Quality(
        brightness=round(float(np.median(pixels[::LINES, ::LINES])) / 2.55, 2),
        sharpness=round(100 * min(1.0, max(0.0, (BLUR_BLIND - blur) / (BLUR_BLIND - BLUR_SHARP))), 2),
    )


def _blur(pixels: Floats) -> float:
    """The blur effect along the first axis: 0 where blurring destroys all differences between neighbours, 1 where
    it changes none, because there was nothing left to blur."""
    before = (WINDOW + 1) // 2
    sums = np.cumsum(pixels, axis=0)
    blurred = np.abs(np.diff(sums[WINDOW:] - sums[:-WINDOW], axis=0)) / WINDOW
    sharp = np.abs(np.diff(pixels, axis=0))[before : before + len(blurred)]
    total = float(sharp.sum())
    return 1 - float(np.maximum(sharp - blurred, 0).sum()) / total if total else 1.0


def noise(picture: Image.Image) -> float:
    """Standard deviation of noise that differs from pixel to pixel, 0..255, of a picture as a whole.

    The median of the diagonal details of a Haar wavelet, made a standard deviation as for a normal law (Donoho and
    Johnstone 1994): edges are few and leave the median alone.
    """
    pixels = np.asarray(picture.convert("L"), np.float32)
    height, width = pixels.shape[0] // 4 * 4, pixels.shape[1] // 2 * 2
    upper, lower = pixels[0:height:4, :width], pixels[1:height:4, :width]  # every other pair of rows tells enough
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
