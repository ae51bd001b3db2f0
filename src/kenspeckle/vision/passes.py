"""Decides at which sizes a photograph is searched: a small pass for large faces, a full one for all others."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PIL import Image

from kenspeckle.vision.decode import Photograph
from kenspeckle.vision.detect import GRID, OVERLAP, THRESHOLD, Faces, Network, find, overlaps, padded_area, suppressed

FULL: Final = (640, 960)
"""Longest side of the full pass in pixels: half the photograph's, between these. At 640 every face of 37 pixels in
500 x 375 is found; 960 is what faces of 40 pixels in 1920 x 1080 need (docs/accuracy.md)."""
FULL_PIXELS: Final = 960 * 540
"""Pixels of the full pass; each takes about 220 bytes of memory while it runs."""

SLACK: Final = 1.125
"""A picture that was decoded up to so much larger than wanted is taken as it is: resizing costs more than it saves."""

SMALL: Final = (96, 128, 256)
"""The small pass takes at most the pixels of a square of this side: 0.6 of a tiny photograph's longest side, between
the first two, a third of a larger one's between the last two. A face that fills half of it has ENOUGH pixels there."""

HUGE: Final = 300.0
"""Side of a face in the full pass, pixels, from which the small pass knows better: CenterFace was trained on smaller
ones, and sees several in one that fills a large picture."""

SURE: Final = 0.6
"""Score from which the small pass's largest face is believed without the full pass."""
RIVAL_SCORE: Final = 0.25
RIVAL_AREA: Final = 0.6
"""Another possible face with this part of the largest one's area might be the largest: both are looked at again."""
MAX_RIVALS: Final = 5
"""Of more of them, or of two that a second look finds of the same size up to TIE, the full pass has to tell."""
TIE: Final = 0.75

LEAST: Final = 16.0
"""Side of a face in the small pass, pixels, under which a larger one may have been missed."""
ENOUGH: Final = 38.0
"""Side from which landmarks are as good as in any larger pass; between LEAST and this the face is looked at again."""

CROP: Final = 96
"""Side of the second look's picture, in which the face takes up SHARE of it."""
SHARE: Final = 0.55
SAME: Final = 0.4
"""Intersection over union from which the second look shows the same face."""


def every_face(photo: Photograph, network: Network) -> Faces:
    """All faces, in pixels of the photograph. Raises DamagedImage."""
    source, small = _pictures(photo)
    return _all(photo, network, source, None if small is source else _first(photo, network, small), small.width)


def largest_face(photo: Photograph, network: Network) -> Faces:
    """The largest face, alone, in pixels of the photograph; none where there is none. Raises DamagedImage."""
    source, small = _pictures(photo)
    faces = _first(photo, network, small)
    found = _sure(faces, source, small, photo, network)
    if found is None:
        found = _all(photo, network, source, None if small is source else faces, small.width)
    return found.where(np.argsort(-found.areas, kind="stable")[:1])


def _pictures(photo: Photograph) -> tuple[Image.Image, Image.Image]:
    """The decoded photograph, and a small picture of it; the same one where it is small enough."""
    longest = max(photo.width, photo.height)
    source = photo.image(min(longest, FULL[0]))
    side = max(SMALL[0], min(SMALL[1], longest * 3 // 5), min(SMALL[2], longest // 3))
    width, height = source.size
    # Averaging whole pixels is several times faster than a resampling to an exact size.
    factor = 1
    while padded_area((-(-width // factor), -(-height // factor))) > 1.05 * side * side:
        factor += 1
    return source, source.reduce(factor) if factor > 1 else source


def _first(photo: Photograph, network: Network, small: Image.Image) -> Faces:
    return _to_photo(find(small, network, RIVAL_SCORE), small, photo)


def _all(photo: Photograph, network: Network, source: Image.Image, small: Faces | None, small_width: int) -> Faces:
    """The full pass, and what the small one saw, where there was one, in a picture of `small_width` pixels."""
    longest = max(photo.width, photo.height)
    affordable = int(longest * math.sqrt(FULL_PIXELS / (photo.width * photo.height)))
    wanted = min(longest, affordable, max(FULL[0], min(FULL[1], longest // 2)))
    picture = source if max(source.size) >= wanted else photo.image(wanted)
    if max(picture.size) > wanted * SLACK:
        picture = _resized(picture, wanted)
    faces = _to_photo(find(picture, network), picture, photo)
    if small is None:
        return faces
    # What both see goes once, by suppression. In noise only the small one sees, because it averages.
    certain = small.where((small.scores >= THRESHOLD) & (small.sides >= ENOUGH * photo.width / small_width))
    huge = faces.sides > HUGE * photo.width / picture.width
    found = certain.joined(faces.where(~huge))
    for at in np.flatnonzero(huge).tolist():
        if not len(certain) or overlaps(faces.boxes[at], certain.boxes).max() <= OVERLAP:
            look = _second_look(faces.where([at]), source, photo, network)
            found = found if look is None else found.joined(look)
    return suppressed(found)


def _sure(faces: Faces, source: Image.Image, small: Image.Image, photo: Photograph, network: Network) -> Faces | None:
    """The largest of the small pass's faces where no other may be larger, None where only the full pass can tell."""
    if not len(faces):
        return None
    areas, sides = faces.areas, faces.sides * (small.width / photo.width)
    best = int(np.argmax(areas))
    rivals = np.flatnonzero(areas >= areas[best] * RIVAL_AREA)
    if faces.scores[best] < SURE or sides[best] < LEAST or len(rivals) > MAX_RIVALS:
        return None
    if len(rivals) == 1 and (small is source or sides[best] >= ENOUGH):
        return faces.where(rivals)
    looks = [_second_look(faces.where([at]), source, photo, network) for at in rivals.tolist()]
    seen = sorted((look for look in looks if look is not None), key=lambda look: -float(look.areas[0]))
    # A possible face that is none on a second look is no rival; the best one has to be there.
    if looks[rivals.tolist().index(best)] is None or (len(seen) > 1 and seen[1].areas[0] > TIE * seen[0].areas[0]):
        return None
    return seen[0]


def _second_look(face: Faces, source: Image.Image, photo: Photograph, network: Network) -> Faces | None:
    """The face as it is found in its own surroundings; None where it is not found again."""
    left, top, right, bottom = (float(value) for value in face.boxes[0] * (source.width / photo.width))
    half = max(right - left, bottom - top) / SHARE / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    area = (
        max(0, int(x - half)),
        max(0, int(y - half)),
        min(source.width, math.ceil(x + half)),
        min(source.height, math.ceil(y + half)),
    )
    width, height = area[2] - area[0], area[3] - area[1]
    scale = CROP / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    crop = source.resize(size, Image.Resampling.BILINEAR, box=area, reducing_gap=2.0)
    found = find(crop, network).moved((width / size[0], height / size[1]), (area[0], area[1]))
    found = _to_photo(found, source, photo)
    likeness = overlaps(face.boxes[0], found.boxes)
    return found.where([int(np.argmax(likeness))]) if len(found) and likeness.max() >= SAME else None


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
