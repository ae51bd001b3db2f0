"""The face mesh: 468 points of a face by MediaPipe's network, and the pose of the head that follows from them."""

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
from kenspeckle.vision.align import Aligner, cut
from kenspeckle.vision.detect import Network

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]

SIDE: Final = 192
PLACES: Final = ((70.7, 72.6), (122.8, 72.0), (96.0, 100.5), (75.8, 124.8), (118.0, 124.2))
"""Where the detector's landmarks lie in the network's input. Medians of 82 nearly frontal faces in crops that were
placed by the mesh itself, as MediaPipe does from one frame of a video to the next. A crop by them leaves the mesh, on
average of 130 faces, 1.4 % of the eyes' distance from where it settles; one by the detector's box 1.8 %."""

OUTER_EYES: Final = (33, 263)
LEFT_EYE, RIGHT_EYE = (33, 133), (263, 362)
"""Outer and inner corner of the eyes, left and right as the viewer sees them."""

_MIDDLE: Final = {
    10: (0.0, -0.5947, -0.1297), 151: (0.0, -0.431, -0.1817), 9: (0.0, -0.2574, -0.2256), 168: (0.0, -0.0876, -0.2213),
    6: (0.0, -0.0111, -0.2772), 197: (0.0, 0.0609, -0.3393), 195: (0.0, 0.1266, -0.4062), 5: (0.0, 0.1971, -0.4759),
    4: (0.0, 0.2888, -0.5105), 1: (0.0, 0.3624, -0.4931), 2: (0.0, 0.4472, -0.3217),
}  # fmt: skip
_SIDES: Final = {
    (33, 263): (-0.5, -0.0155, 0.0234), (133, 362): (-0.1909, -0.0071, -0.0365), (127, 356): (-0.7748, 0.0942, 0.5661),
    (234, 454): (-0.7663, 0.2526, 0.6065), (93, 323): (-0.7581, 0.4082, 0.6012), (48, 278): (-0.2192, 0.3491, -0.3132),
    (98, 327): (-0.203, 0.4262, -0.2287), (109, 338): (-0.2103, -0.5868, -0.1117),
    (103, 332): (-0.5526, -0.4712, 0.0735), (54, 284): (-0.6601, -0.359, 0.2058), (21, 251): (-0.7285, -0.2237, 0.3313),
    (162, 389): (-0.7642, -0.0793, 0.4649), (188, 412): (-0.1073, 0.055, -0.2107),
    (114, 343): (-0.1539, 0.1067, -0.1807),
}  # fmt: skip
"""A face that looks straight ahead: x, y, z of the points that no expression moves, in units of the distance between
the outer corners of the eyes, z away from the viewer; of pairs the one at the viewer's left. Means of 82 nearly frontal
meshes, made symmetric, and turned so that their median pitch is that of `quality.PoseEstimator`."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """One face. `points` in pixels of the picture as complex numbers x + iy, (468,)."""

    points: npt.NDArray[np.complex128]
    shape: Doubles
    """x, y, z in units of the distance between the outer corners of the eyes, (468, 3), with the face upright."""
    presence: float
    """A logit: how well what is seen is a face. 40 for clear ones, under 0 none."""
    roll: float
    """Of the crop, radians clockwise."""

    def apart(self, one: int, other: int) -> float:
        """The distance of two points in space, in units of the distance between the outer corners of the eyes."""
        return float(np.linalg.norm(self.shape[one] - self.shape[other]))


class FaceMesh:
    """Runs the network; for many threads."""

    def __init__(self, network: Network) -> None:
        """`network` takes (1, 3, SIDE, SIDE), 0..1, and answers points and presence."""
        self._network = network
        self._aligner = Aligner(SIDE, PLACES)

    def find(self, picture: Image.Image, points: Floats) -> Mesh | None:
        """The mesh of the face whose five landmarks lie at `points`, (5, 2) in pixels of the picture; None where the
        network sees no face there."""
        a, b = self._aligner.similarity(points)
        raw, presence = self._network(planes(cut(picture, a, b, SIDE)))[:2]
        shape, score = np.asarray(raw, np.float64).reshape(-1, 3), float(np.ravel(presence)[0])
        if not (np.isfinite(shape).all() and math.isfinite(score)) or score < 0:
            return None
        eyes = float(np.linalg.norm(shape[OUTER_EYES[0]] - shape[OUTER_EYES[1]]))
        if eyes <= 0:
            return None
        return Mesh(a * (shape[:, 0] + 1j * shape[:, 1]) + b, shape / eyes, score, cmath.phase(a))


def planes(picture: Image.Image) -> Floats:
    """The picture as a network's input: (1, 3, height, width), red, green, blue, 0..1."""
    return np.ascontiguousarray(np.asarray(picture, np.float32).transpose(2, 0, 1)[None] / np.float32(255))


_AT: Final = [*_MIDDLE, *(at for pair in _SIDES for at in pair)]
_AHEAD: Final = np.array(
    [*_MIDDLE.values(), *(place for x, y, z in _SIDES.values() for place in ((x, y, z), (-x, y, z)))], np.float64
)


def pose(mesh: Mesh) -> Pose:
    """Roll, yaw and pitch, degrees, as `domain.Pose` has them: of the rotation that takes a face that looks straight
    ahead to the mesh by least squares (Kabsch 1976)."""
    found = mesh.shape[_AT]
    product = (found - found.mean(axis=0)).T @ (_AHEAD - _AHEAD.mean(axis=0))
    left, _, right = np.linalg.svd(product)
    handed = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(left @ right)))])
    u, v, w = (left @ handed @ right).tolist()
    roll = math.degrees(math.atan2(v[0], u[0]) + mesh.roll)
    return Pose(
        roll=_round((roll + 180) % 360 - 180),
        yaw=_round(math.degrees(math.atan2(w[0], math.hypot(u[0], v[0])))),
        pitch=_round(math.degrees(math.atan2(-w[1], w[2]))),
    )


def _round(angle: float) -> float:
    return round(angle, 2) + 0.0  # no minus zero


LANDMARKS: Final[Sequence[tuple[str, int]]] = (
    ("leftEyeBrowLeft", 70),
    ("leftEyeBrowRight", 107),
    ("leftEyeBrowUp", 105),
    ("rightEyeBrowLeft", 336),
    ("rightEyeBrowRight", 300),
    ("rightEyeBrowUp", 334),
    ("noseLeft", 48),
    ("noseRight", 278),
    ("mouthUp", 0),
    ("mouthDown", 17),
    ("upperJawlineLeft", 234),
    ("midJawlineLeft", 172),
    ("chinBottom", 152),
    ("midJawlineRight", 397),
    ("upperJawlineRight", 454),
)
"""Amazon's names, and the points of the mesh that they are; those of the eyes come from `eyes`."""
