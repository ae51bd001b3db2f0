"""Eyes: their contour and iris by MediaPipe's network, whether they are open, and where they look."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.domain import Pose
from kenspeckle.domain.attributes import EyeDirection, Flag
from kenspeckle.vision.align import cut
from kenspeckle.vision.detect import Network
from kenspeckle.vision.face_mesh import LEFT_EYE, RIGHT_EYE, Mesh, planes
from kenspeckle.vision.readings import sure

Points: TypeAlias = npt.NDArray[np.complex128]

SIDE: Final = 64
AROUND: Final = 2.3
"""Side of the crop in units of the distance between the corners of the eye, as MediaPipe cuts it."""

LOWER, UPPER = slice(1, 8), slice(9, 16)
OUTER, INNER, DOWN, UP = 0, 8, 4, 12
"""Points of the contour: the lids from the outer corner to the inner one, the corners, the middle of each lid."""

OPEN, PER_E = 0.14, 0.02
"""Mean distance of the lids, in units of the distance between the corners, from which eyes are open, and the change of
it that makes the odds e times as large. Eyes that were seen to be closed have 0.08 to 0.10 (3 faces of 50 pixels, which
are all there were), open ones 0.145 to 0.31, made ones 0.07 to 0.23 (docs/accuracy.md)."""

BALL: Final = 12.0 / 11.7
"""Radius of an eyeball in units of the iris's diameter (millimetres, of adults)."""
AHEAD: Final = -0.437, 0.040, -0.161
"""Where the iris of somebody who looks into the camera is, from the middle between the corners of the eye, in units of
its diameter: right by the first times the sine of the head's yaw; down by the last, and by the second times the sine of
its pitch. Robust regression over 170 faces, most of which look into the camera."""


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye, in pixels of the picture as complex numbers: `contour` (71,) and `iris` (5,), its centre first."""

    contour: Points
    iris: Points
    right: bool
    """Whether it is the one at the viewer's right."""

    @property
    def opening(self) -> float:
        """Mean distance of the lids, in units of the distance between the corners."""
        return float(np.abs(self.contour[LOWER] - self.contour[UPPER]).mean() / abs(self._width))

    @property
    def has_extent(self) -> bool:
        """Whether there are a width and an iris to measure by."""
        return abs(self._width) > 0 and self._diameter > 0

    @property
    def _diameter(self) -> float:
        return float(abs(self.iris[1] - self.iris[3]) + abs(self.iris[2] - self.iris[4])) / 2

    @property
    def _width(self) -> complex:
        """From the corner at the viewer's left to the other."""
        span = complex(self.contour[INNER] - self.contour[OUTER])
        return -span if self.right else span

    @property
    def gaze(self) -> complex:
        """The centre of the iris from the middle between the corners, right and down, in units of its diameter."""
        middle = complex(self.contour[OUTER] + self.contour[INNER]) / 2
        return (complex(self.iris[0]) - middle) / (self._width / abs(self._width)) / self._diameter


class Eyes:
    """Runs the network; for many threads."""

    def __init__(self, network: Network) -> None:
        """`network` takes (1, 3, SIDE, SIDE), 0..1, and answers contour and iris."""
        self._network = network

    def find(self, picture: Image.Image, mesh: Mesh) -> tuple[Eye, Eye] | None:
        """The eyes at the viewer's left and right; None where the network answers nothing that is an eye."""
        left = self._find(picture, *mesh.points[list(LEFT_EYE)].tolist(), right=False)
        right = self._find(picture, *mesh.points[list(RIGHT_EYE)].tolist(), right=True)
        return None if left is None or right is None else (left, right)

    def _find(self, picture: Image.Image, outer: complex, inner: complex, *, right: bool) -> Eye | None:
        """The network knows eyes at the viewer's left; the other is mirrored for it."""
        span = outer - inner if right else inner - outer
        if not abs(span) > 0:
            return None
        a = cmath.rect(AROUND * abs(span) / SIDE, cmath.phase(span))
        b = (outer + inner) / 2 - a * complex(SIDE, SIDE) / 2
        crop = cut(picture, a, b, SIDE)
        if right:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        found = [np.asarray(one, np.float64).reshape(-1, 3) for one in self._network(planes(crop))[:2]]
        contour, iris = (self._place(one, a, b, right=right) for one in found)
        eye = Eye(contour, iris, right)
        finite = bool(np.isfinite(contour).all() and np.isfinite(iris).all())
        return eye if finite and eye.has_extent else None

    @staticmethod
    def _place(found: npt.NDArray[np.float64], a: complex, b: complex, *, right: bool) -> Points:
        x = SIDE - found[:, 0] if right else found[:, 0]
        return np.asarray(a * (x + 1j * found[:, 1]) + b, np.complex128)


def are_open(eyes: Sequence[Eye]) -> Flag:
    """Whether the eyes are open, by the mean of both: a single one is too uncertain."""
    return sure((sum(one.opening for one in eyes) / len(eyes) - OPEN) / PER_E)


def direction(eyes: Sequence[Eye], head: Pose) -> EyeDirection:
    """Where the eyes look, up to 60 degrees; less sure the less they agree."""
    gazes = [one.gaze for one in eyes]
    mean = sum(gazes) / len(gazes)
    right = mean.real - AHEAD[0] * math.sin(math.radians(head.yaw))
    down = mean.imag - AHEAD[2] - AHEAD[1] * math.sin(math.radians(head.pitch))
    # Both eyes turn alike, and their corners lie a little apart from where the other's do: 0.27 on average.
    apart = abs((gazes[1] - gazes[0]).real - 0.27) / BALL
    return EyeDirection(_angle(right), _angle(-down), round(100 * math.exp(-apart), 2))


def _angle(offset: float) -> float:
    sine = max(-0.866, min(0.866, offset / BALL))
    return round(math.degrees(math.asin(sine)), 2) + 0.0


def landmarks(eyes: Sequence[Eye]) -> list[tuple[str, complex]]:
    """Amazon's names of the points of both eyes, in pixels of the picture."""
    found: list[tuple[str, complex]] = []
    for one, name in zip(eyes, ("leftEye", "rightEye"), strict=True):
        left, right = (INNER, OUTER) if one.right else (OUTER, INNER)
        for kind, at in (("Left", left), ("Right", right), ("Up", UP), ("Down", DOWN)):
            found.append((name + kind, complex(one.contour[at])))
        found.append((name.removesuffix("Eye") + "Pupil", complex(one.iris[0])))
    return found
