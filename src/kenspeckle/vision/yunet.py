"""Proposes faces in a picture: runs YuNet and turns its maps into boxes, scores and five landmarks each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.vision.detect import GRID, Faces, suppress

Floats: TypeAlias = npt.NDArray[np.float32]
Network: TypeAlias = Callable[[Floats], Sequence[Floats]]
"""YuNet: (1, 3, h, w) BGR 0..255, h and w divisible by 32 -> for the strides 8, 16 and 32 each: cls, obj, bbox, kps."""

STRIDES: Final = (8, 16, 32)


def find(picture: Image.Image, network: Network, threshold: float, most: int | None = None) -> Faces:
    """What scores over `threshold` in an RGB picture at its own size, padded with black to the grid; `most` at most."""
    width, height = picture.size
    columns = -(-width // GRID) * GRID
    pixels = np.zeros((1, 3, -(-height // GRID) * GRID, columns), np.float32)
    pixels[0, :, :height, :width] = np.asarray(picture)[:, :, ::-1].transpose(2, 0, 1)
    return read(network(pixels), columns, threshold, most)


def read(outputs: Sequence[Floats], width: int, threshold: float, most: int | None = None) -> Faces:
    """Faces from the twelve outputs, each (1, cells, values), for an input `width` pixels wide.

    The score is sqrt(cls obj); the centre lies at (cell + bbox[:2]) stride, the size is exp(bbox[2:]) stride, a
    landmark lies at (cell + kps) stride, with x before y (OpenCV's FaceDetectorYN reads them so).
    """
    boxes, scores, points = [], [], []
    for place, stride in enumerate(STRIDES):
        found, there, box, marks = (outputs[place + 3 * kind][0] for kind in range(4))
        score = np.sqrt(np.clip(found[:, 0], 0, 1) * np.clip(there[:, 0], 0, 1))
        at = np.nonzero(score > threshold)[0]
        row, column = np.divmod(at, width // stride)
        cells = np.column_stack([column, row]).astype(np.float32)
        centre = (cells + box[at, :2]) * stride
        size = np.exp(np.minimum(box[at, 2:], 10.0)) * stride  # exp(10) is wider than any picture
        boxes.append(np.concatenate([centre - size / 2, centre + size / 2], axis=1))
        scores.append(score[at])
        points.append((cells[:, None] + marks[at].reshape(-1, 5, 2)) * stride)
    return suppress(Faces(np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)), most)
