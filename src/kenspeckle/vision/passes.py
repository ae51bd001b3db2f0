"""Multi-scale detection by CenterFace alone: chooses the sizes at which a photograph is searched for faces, so that
none is lost and little is computed.

Three passes, each only where the one before leaves something open. The *small* one finds a face that dominates the
photograph. The *middle* one ranks all faces of some size, so that the largest is the same whether one is asked for or
all. The *full* one adds the small faces. A face that has few pixels where it was found gets a second look of its own.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PIL import Image

from kenspeckle.vision.decode import Photograph
from kenspeckle.vision.detect import GRID, OVERLAP, THRESHOLD, Faces, Network, count_padded_pixels, find, overlaps

FULL: Final = (640, 960)
"""Longest side of the full pass in pixels: half the photograph's, between these. At 640 every face of 37 pixels in
500 x 375 is found; 960 is what faces of 40 pixels in 1920 x 1080 need (docs/accuracy.md)."""
FULL_PIXELS: Final = 960 * 540
"""Pixels of the full pass; each takes about 220 bytes of memory while it runs."""

SLACK: Final = 1.125
"""A picture that was decoded up to so much larger than wanted is taken as it is: resizing costs more than it saves."""

MIDDLE: Final = 345
"""Longest side of the middle pass at most; under half of that of most decoded photographs, of which it loses no face
of 16 pixels (its own). Faces that fill a large picture, in which the full pass sees several, are whole in it."""

SMALL: Final = (96, 128, 192)
"""The small pass takes about the pixels of a square of this side at most: 0.6 of a tiny photograph's longest side,
between the first two, a quarter of a larger one's between the last two. Of a tiny one it is the whole answer, mostly,
and has to be exact: averaged to half, 75 pixels instead of 96, it cost bbt two true matches."""

SAVING: Final = 0.8
"""A small pass has to be at least so much cheaper than one of the photograph as it is."""

SURE: Final = 0.6
"""Score from which the small pass's largest face is believed without the middle pass, if it has no rival."""
RIVAL_SCORE: Final = 0.25
RIVAL_AREA: Final = 0.6
"""Part of the largest face's area from which another possible face is its rival; sizes vary by a tenth (s.d.)."""

LEAST: Final = 16.0
"""Side of a face in pixels of its pass under which a larger one may have been missed."""
ENOUGH: Final = 38.0
"""Side from which landmarks are as good as in any larger pass; under it the face is looked at again."""

HUGE: Final = 300.0
"""Side of a face in the full pass, pixels, from which only the middle pass is believed."""

CROP: Final = 96
"""Side of the second look's picture, in which the face takes up SHARE of it."""
SHARE: Final = 0.55
SAME: Final = 0.4
"""Intersection over union from which the second look shows the same face."""


def every_face(photo: Photograph, network: Network) -> Faces:
    """All faces, in pixels of the photograph. Raises DamagedImage."""
    source = _source(photo)
    middle = _middle(source)
    faces = _find(middle, photo, network)
    if middle is not source:
        full, picture = _full(source, photo, network)
        full = full.where(full.sides <= HUGE * photo.width / picture.width)
        faces = _merge(faces, full, ENOUGH * photo.width / middle.width)
    if len(faces):
        return faces
    # Strong noise hides a large face from all passes but the one that averages most.
    small = _small(source, max(photo.width, photo.height))
    faces = _find(small, photo, network)
    return faces.where(faces.sides >= ENOUGH * photo.width / small.width)


def largest_face(photo: Photograph, network: Network) -> Faces:
    """The largest face, alone, in pixels of the photograph; none where there is none. Raises DamagedImage."""
    source = _source(photo)
    small, middle = _small(source, max(photo.width, photo.height)), _middle(source)
    if small.width < middle.width:
        faces = _sure(_find(small, photo, network, RIVAL_SCORE), photo.width / small.width)
        seen = None if faces is None else _clear(faces, source, small, photo, network)
        if seen is not None:
            return seen
    faces = _find(middle, photo, network, RIVAL_SCORE)
    best = _largest(faces.where(faces.scores > THRESHOLD))
    doubtful = faces.areas[faces.scores <= THRESHOLD]
    if (
        not len(best)
        or best.sides[0] < LEAST * photo.width / middle.width
        or (doubtful > RIVAL_AREA * best.areas).any()
    ):
        return _largest(every_face(photo, network))
    return _clear(best, source, middle, photo, network) or best


def _source(photo: Photograph) -> Image.Image:
    """The photograph, decoded at the least size that all but the full pass of a large one can do with."""
    return photo.image(min(max(photo.width, photo.height), FULL[0]))


def full_side(photo: Photograph) -> int:
    """Longest side of the full pass over the photograph, in pixels."""
    longest = max(photo.width, photo.height)
    affordable = int(longest * math.sqrt(FULL_PIXELS / (photo.width * photo.height)))
    return min(longest, affordable, max(FULL[0], min(FULL[1], longest // 2)))


def _full(source: Image.Image, photo: Photograph, network: Network) -> tuple[Faces, Image.Image]:
    """What the full pass finds, and the picture that it looked at."""
    wanted = full_side(photo)
    picture = source if max(source.size) >= wanted else photo.image(wanted)
    if max(picture.size) > wanted * SLACK:
        picture = _resize(picture, wanted)
    return _find(picture, photo, network), picture


def _middle(source: Image.Image) -> Image.Image:
    factor = -(-max(source.size) // MIDDLE)
    return source.reduce(factor) if factor > 1 else source


def _small(source: Image.Image, longest: int) -> Image.Image:
    side = max(SMALL[0], min(SMALL[1], longest * 3 // 5), min(SMALL[2], longest // 4))
    if longest <= MIDDLE:
        small = _resize(source, side)
        return small if count_padded_pixels(small.size) < SAVING * count_padded_pixels(source.size) else source
    # Averaging whole pixels is several times faster than a resampling to an exact size.
    factor = 1
    while count_padded_pixels((-(-source.width // factor), -(-source.height // factor))) > 1.05 * side * side:
        factor += 1
    return source.reduce(factor)


def _find(picture: Image.Image, photo: Photograph, network: Network, threshold: float = THRESHOLD) -> Faces:
    """Faces of a picture of the photograph, in pixels of the photograph."""
    return _to_photo(find(picture, network, threshold), picture, photo)


def _largest(faces: Faces) -> Faces:
    return faces.where(np.argsort(-faces.areas, kind="stable")[:1])


def _merge(faces: Faces, full: Faces, enough: float) -> Faces:
    """The middle pass's faces, those of fewer than `enough` pixels with the full pass's landmarks; and its others."""
    new = np.ones(len(full), bool)
    points = faces.points.copy()
    for at in range(len(faces)):
        likeness = overlaps(faces.boxes[at], full.boxes)
        if len(full) and likeness.max() > OVERLAP:
            if faces.sides[at] < enough:
                points[at] = full.points[int(np.argmax(likeness))]
            new &= likeness <= OVERLAP
    return Faces(faces.boxes, faces.scores, points).join(full.where(new))


def _sure(faces: Faces, scale: float) -> Faces | None:
    """The small pass's largest face where no other may be larger; `scale`: pixels of the photograph in one of its."""
    if not len(faces):
        return None
    best = _largest(faces)
    rivals = np.count_nonzero(faces.areas >= best.areas[0] * RIVAL_AREA) - 1
    return None if rivals or best.scores[0] < SURE or best.sides[0] < LEAST * scale else best


def _clear(face: Faces, source: Image.Image, picture: Image.Image, photo: Photograph, network: Network) -> Faces | None:
    """The face with good landmarks: as it was found in `picture`, or by a second look; None where that fails."""
    if picture is source or face.sides[0] * picture.width / photo.width >= ENOUGH:
        return face
    return _second_look(face, source, photo, network)


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
    found = find(crop, network).move((width / size[0], height / size[1]), (area[0], area[1]))
    found = _to_photo(found, source, photo)
    likeness = overlaps(face.boxes[0], found.boxes)
    return found.where([int(np.argmax(likeness))]) if len(found) and likeness.max() >= SAME else None


def _resize(picture: Image.Image, longest: int) -> Image.Image:
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
    return faces.move((photo.width / picture.width, photo.height / picture.height))
