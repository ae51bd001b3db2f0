"""Decides at which size a photograph is searched for faces: one full pass, or a small one where that suffices."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PIL import Image

from kenspeckle.vision.decode import Photograph
from kenspeckle.vision.detect import GRID, Faces, Network, find, overlaps

FULL: Final = (640, 960)
"""Longest side of the full pass in pixels: half the photograph's, between these. At 640 every face of 37 pixels in
500 x 375 is found; 960 is what faces of 40 pixels in 1920 x 1080 need (docs/accuracy.md)."""

SLACK: Final = 1.125
"""A picture that was decoded up to so much larger than wanted is taken as it is: resizing costs more than it saves."""

SMALL: Final = (128, 256)
"""Longest side of the small pass: a third of the photograph's, between these."""

SURE: Final = 0.6
"""Score from which the small pass's largest face is believed."""
RIVAL_SCORE: Final = 0.25
RIVAL_AREA: Final = 0.7
"""Where another possible face has this part of the largest one's area, only the full pass can tell them apart."""

LEAST: Final = 24.0
"""Side of a face in the small pass, pixels, under which a larger one may have been missed."""
ENOUGH: Final = 48.0
"""Side from which landmarks are as good as in any larger pass; between LEAST and this the face is looked at again."""

CROP: Final = 96
"""Side of the second look's picture, in which the face takes up SHARE of it."""
SHARE: Final = 0.55
SAME: Final = 0.4
"""Intersection over union from which the second look shows the same face."""


def every_face(photo: Photograph, network: Network) -> Faces:
    """All faces, in pixels of the photograph. Raises DamagedImage."""
    longest = max(photo.width, photo.height)
    wanted = min(longest, max(FULL[0], min(FULL[1], longest // 2)))
    picture = photo.image(wanted)
    if max(picture.size) > wanted * SLACK:
        picture = _resized(picture, wanted)
    return _to_photo(find(picture, network), picture, photo)


def largest_face(photo: Photograph, network: Network) -> Faces | None:
    """The largest face alone, in pixels of the photograph, where a small pass is sure of it. Raises DamagedImage."""
    longest = max(photo.width, photo.height)
    source = photo.image(min(longest, FULL[0]))
    picture = _resized(source, max(SMALL[0], min(SMALL[1], longest // 3)))
    if picture.width * picture.height * 2 > source.width * source.height * SLACK:
        picture = source
    faces = find(picture, network, RIVAL_SCORE)
    if not len(faces):
        return None
    areas = faces.areas
    best = int(np.argmax(areas))
    rivals = np.count_nonzero(areas >= areas[best] * RIVAL_AREA) - 1
    side = math.sqrt(float(areas[best]))
    if faces.scores[best] < SURE or rivals or side < LEAST:
        return None
    face = faces.take(np.array([best]))
    if side >= ENOUGH or picture is source:
        return _to_photo(face, picture, photo)
    return _second_look(
        face.moved((source.width / picture.width, source.height / picture.height)), source, photo, network
    )


def _second_look(face: Faces, source: Image.Image, photo: Photograph, network: Network) -> Faces | None:
    """The face as it is found in its own surroundings; None where it is not found again."""
    left, top, right, bottom = (float(value) for value in face.boxes[0])
    half = max(right - left, bottom - top) / SHARE / 2
    centre = ((left + right) / 2, (top + bottom) / 2)
    area = (
        max(0, int(centre[0] - half)),
        max(0, int(centre[1] - half)),
        min(source.width, math.ceil(centre[0] + half)),
        min(source.height, math.ceil(centre[1] + half)),
    )
    scale = CROP / max(area[2] - area[0], area[3] - area[1])
    size = (max(1, round((area[2] - area[0]) * scale)), max(1, round((area[3] - area[1]) * scale)))
    crop = source.resize(size, Image.Resampling.BILINEAR, box=area, reducing_gap=2.0)
    found = find(crop, network)
    back = ((area[2] - area[0]) / size[0], (area[3] - area[1]) / size[1])
    found = found.moved(back, (area[0], area[1]))
    likeness = overlaps(face.boxes[0], found.boxes)
    if not len(found) or likeness.max() < SAME:
        return None
    return _to_photo(found.take(np.array([int(np.argmax(likeness))])), source, photo)


def _resized(picture: Image.Image, longest: int) -> Image.Image:
    """The picture with its longest side about `longest` (up to a tenth less where that saves a column of the grid)."""
    scale = longest / max(picture.size)
    if scale >= 1:
        return picture
    short = min(picture.size) * scale
    on_grid = short // GRID * GRID
    if on_grid >= 0.9 * short:
        scale *= on_grid / short
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _to_photo(faces: Faces, picture: Image.Image, photo: Photograph) -> Faces:
    return faces.moved((photo.width / picture.width, photo.height / picture.height))
