"""What the shape of a face mesh tells of it: smile, open mouth, something in front of the face."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from kenspeckle.domain import Pose
from kenspeckle.domain.attributes import Flag
from kenspeckle.vision.face_mesh import Mesh

CORNERS: Final = (61, 291)
LIPS: Final = ((13, 14), (82, 87), (312, 317))
"""Corners of the mouth, and pairs of points on the inner edges of the lips."""
UPPER_LIP, FOREHEAD, CHIN = 0, 10, 152

SMILE: Final = 31.14, 87.75, 32.61, -12.50
"""Weights of the mouth's width, of how far its upper edge is below the line of its corners (less than 0: above it) and
of the gap between the lips, all in units of the distance between the outer corners of the eyes; and a constant.
Logistic regression on 98 faces whose smile was judged by eye; docs/accuracy.md has what it does on 64 others."""

GAP, PER_E = 0.06, 0.012
"""Gap between the lips, in the same units, from which a mouth is open, and the change of it that makes the odds e times
as large."""

COVERED, COVERED_PER_E = 18.0, 4.0
"""Presence (`Mesh.presence`) under which something is in front of the face, and its change that makes the odds e times
as large. 1 of 107 uncovered faces has less; of made covers 1 in 2 to 19 in 20 (docs/accuracy.md)."""
TURNED: Final = 40.0
LARGE: Final = 80.0
"""Degrees of yaw and pitch up to which, and pixels of the face's side from which presence tells of covers: it falls for
turned and small faces too."""

MOST: Final = 99.9
"""Most of a confidence: no reading is certain."""


def sure(logit: float) -> Flag:
    """The likelier of yes and no, with its probability as a percentage."""
    share = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
    return Flag(share >= 0.5, round(min(MOST, 100 * max(share, 1 - share)), 2))


def gap(mesh: Mesh) -> float:
    """Mean distance of the lips' inner edges."""
    return sum(mesh.apart(*pair) for pair in LIPS) / len(LIPS)


def mouth_open(mesh: Mesh) -> Flag:
    """Whether the lips are apart."""
    return sure((gap(mesh) - GAP) / PER_E)


def smile(mesh: Mesh) -> Flag:
    left, right = (mesh.shape[at] for at in CORNERS)
    across = mesh.shape[263] - mesh.shape[33]
    down = mesh.shape[CHIN] - mesh.shape[FOREHEAD]
    down = down - across * (down @ across) / (across @ across)
    drop = float((mesh.shape[UPPER_LIP] - (left + right) / 2) @ down / np.linalg.norm(down))
    of_width, of_drop, of_gap, constant = SMILE
    return sure(of_width * mesh.apart(*CORNERS) + of_drop * drop + of_gap * gap(mesh) + constant)


def is_occluded(mesh: Mesh, head: Pose, side: float) -> Flag | None:
    """Whether something is in front of the face, whose side is so many pixels; None where that can't be told."""
    if side < LARGE or max(abs(head.yaw), abs(head.pitch)) > TURNED:
        return None
    return sure((COVERED - mesh.presence) / COVERED_PER_E)
