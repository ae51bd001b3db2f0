"""Finds faces in a picture: runs CenterFace and turns its maps into boxes, scores and five landmarks each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats: TypeAlias = npt.NDArray[np.float32]
Network: TypeAlias = Callable[[Floats], Sequence[Floats]]
"""CenterFace: (1, 3, h, w) RGB 0..255, h and w divisible by 32 -> heat, scale, offset, landmarks at stride 4."""

STRIDE: Final = 4
GRID: Final = 32
"""Input sides are multiples of this: the network halves them five times."""

THRESHOLD: Final = 0.5
OVERLAP: Final = 0.3
"""Of two boxes with more intersection over union than this, the weaker goes (CenterFace, arXiv:1911.03599)."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces of one picture, most certain first; geometry in pixels of the picture they were looked for in."""

    boxes: Floats
    """(n, 4): left, top, right, bottom."""
    scores: Floats
    """(n,), 0..1."""
    points: Floats
    """(n, 5, 2): x, y of left eye, right eye, nose, left and right mouth corner, left as the viewer sees it."""

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def areas(self) -> Floats:
        return _areas(self.boxes)

    @property
    def sides(self) -> Floats:
        """The side of a square of each box's area."""
        return np.sqrt(self.areas)

    def where(self, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | list[int]) -> Faces:
        """The faces at these indexes, or those that a mask chooses."""
        return Faces(self.boxes[which], self.scores[which], self.points[which])

    def join(self, others: Faces) -> Faces:
        return Faces(
            np.concatenate([self.boxes, others.boxes]),
            np.concatenate([self.scores, others.scores]),
            np.concatenate([self.points, others.points]),
        )

    def move(self, scale: tuple[float, float], shift: tuple[float, float] = (0.0, 0.0)) -> Faces:
        """The faces with x and y scaled, then shifted."""
        factor = np.array(scale, np.float32)
        offset = np.array(shift, np.float32)
        boxes = self.boxes.reshape(-1, 2, 2) * factor + offset
        return Faces(boxes.reshape(-1, 4), self.scores, self.points * factor + offset)


def count_padded_pixels(size: tuple[int, int]) -> int:
    """Pixels that the network computes for a picture of this width and height."""
    return math.prod(-(-side // GRID) * GRID for side in size)


def find(picture: Image.Image, network: Network, threshold: float = THRESHOLD) -> Faces:
    """Faces of an RGB picture at its own size, padded with black to the grid at the right and at the bottom."""
    width, height = picture.size
    pixels = np.zeros((1, 3, -(-height // GRID) * GRID, -(-width // GRID) * GRID), np.float32)
    pixels[0, :, :height, :width] = np.asarray(picture).transpose(2, 0, 1)
    heat, scale, offset, landmarks = network(pixels)
    return read(heat, scale, offset, landmarks, threshold=threshold)


def read(heat: Floats, scale: Floats, offset: Floats, landmarks: Floats, *, threshold: float = THRESHOLD) -> Faces:
    """Boxes, scores and points from the network's four maps, each (1, channels, rows, columns), stride 4.

    A peak at row r and column c with score over `threshold` is a face of height 4 exp(scale[0]) and width
    4 exp(scale[1]) about y = 4 (r + offset[0] + 0.5), x = 4 (c + offset[1] + 0.5); its landmarks are y, x in units
    of the box from its upper left corner.
    """
    rows, columns = _peaks(heat[0, 0], threshold)
    sizes = STRIDE * np.exp(np.minimum(scale[0][:, rows, columns], 10.0))[::-1].T  # exp(10) is wider than any picture
    cells = np.column_stack([columns, rows]) + 0.5
    low = STRIDE * (cells + offset[0][::-1, rows, columns].T) - sizes / 2
    parts = landmarks[0][:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
    faces = Faces(
        boxes=np.concatenate([low, low + sizes], axis=1).astype(np.float32),
        scores=heat[0, 0, rows, columns],
        points=(parts * sizes[:, None] + low[:, None]).astype(np.float32),
    )
    return suppress(faces)


def _peaks(heat: Floats, threshold: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns over the threshold that none of their eight neighbours exceeds: one or two for each face."""
    rows, columns = np.nonzero(heat > threshold)
    if not len(rows):
        return rows, columns
    framed = np.zeros((heat.shape[0] + 2, heat.shape[1] + 2), np.float32)
    framed[1:-1, 1:-1] = heat
    width = framed.shape[1]
    around = np.array([down * width + right for down in (-1, 0, 1) for right in (-1, 0, 1)])
    near = framed.ravel()[((rows + 1) * width + columns + 1) + around[:, None]]  # (9, n), itself in the middle
    peak = near.max(axis=0) <= near[4]
    return rows[peak], columns[peak]


def suppress(faces: Faces, most: int | None = None) -> Faces:
    """What greedy non-maximum suppression leaves, most certain first, `most` at most. Time and memory are in proportion
    to the faces times those that are left: all pairs of a crowd's would take hundreds of megabytes."""
    order = np.argsort(-faces.scores, kind="stable")
    boxes = faces.boxes[order]
    left = np.arange(len(order))
    kept: list[int] = []
    while len(left) and (most is None or len(kept) < most):
        first, left = int(left[0]), left[1:]
        kept.append(first)
        left = left[overlaps(boxes[first], boxes[left]) <= OVERLAP]
    return faces.where(order[kept])


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of boxes (..., 4) and others (n, 4), of shapes that broadcast; (..., n)."""
    common = np.minimum(boxes[..., 2:], others[..., 2:]) - np.maximum(boxes[..., :2], others[..., :2])
    common = np.maximum(common, 0)
    shared = common[..., 0] * common[..., 1]
    union = _areas(boxes) + _areas(others) - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def _areas(boxes: Floats) -> Floats:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
