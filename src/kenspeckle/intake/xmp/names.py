"""Which of a photograph's faces have names by its XMP: regions of the file and its sidecars, matched with boxes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from kenspeckle import formats
from kenspeckle.domain import Box, Face
from kenspeckle.domain.detection import overlap
from kenspeckle.errors import InvalidValue, UnsupportedImage
from kenspeckle.formats import heif, xmp
from kenspeckle.intake.xmp.regions import SAME, Region, read

LEAST: Final = 0.1
"""Intersection over union from which a region shows a face. Programs draw from a face's features (Picasa) to the whole
head with its hair (digiKam); two boxes of one face on top of each other have 0.2 and more."""

INSIDE: Final = 0.5
"""And the part of the smaller box that has to lie in the other."""

_BACK: Final = {6: 8, 8: 6}
"""Orientations whose way back is another one."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture as it is stored, in pixels, and EXIF's orientation, which turns it upright."""

    width: int
    height: int
    orientation: int

    def to_upright(self, box: Box) -> Box:
        """A box of the stored picture in the upright one."""
        return _turn(box, self.orientation)

    def to_stored(self, box: Box) -> Box:
        """A box of the upright picture in the stored one."""
        return _turn(box, _BACK.get(self.orientation, self.orientation))


@dataclass(frozen=True, slots=True)
class Names:
    """Regions that XMP names, with the frame that they belong to, and what is wrong with others."""

    frame: Frame | None = None
    regions: tuple[Region, ...] = ()
    remarks: tuple[str, ...] = ()


def frame(data: bytes) -> Frame:
    """Of a photograph. Raises UnsupportedImage."""
    kind = formats.media_type(data)
    if kind == formats.HEIC:
        return Frame(*heif.stored_size(data))
    head = formats.head(data, lambda width, height: None)
    return Frame(head.width, head.height, head.orientation)


def sidecars(path: Path) -> list[Path]:
    """The files with XMP beside a photograph: `a.jpg.xmp`, then `a.xmp`; endings in either case."""
    names = [path.name + ".xmp", path.stem + ".xmp"]
    wanted = {one.casefold(): rank for rank, one in reversed(list(enumerate(names)))}
    try:
        there = [entry.name for entry in os.scandir(path.parent) if entry.name.casefold() in wanted]
    except OSError:
        return []
    exact = [one for one in there if one[:-4] in (path.name, path.stem)]
    return [path.parent / one for one in sorted(exact, key=lambda one: (wanted[one.casefold()], one))]


def names(path: Path, data: bytes) -> Names:
    """Who is where by the XMP beside a photograph and in it. What stands in a sidecar goes before what the file says of
    the same face. Never raises for bad XMP: it is remarked, and the rest is read."""
    try:
        size = frame(data)
    except UnsupportedImage:
        return Names()  # whoever indexes it says why
    found: list[Region] = []
    remarks: list[str] = []
    for where, read_packets in _sources(path, data):
        try:
            for packet in read_packets():
                told = read(packet, size.width, size.height)
                remarks += [f"{where}: {one}" for one in told.remarks]
                for one in told.regions:
                    if all(overlap(_to_upright(other, size), _to_upright(one, size)) <= SAME for other in found):
                        found.append(one)
        except InvalidValue as error:
            remarks.append(f"{where}: {error.message}")
        except OSError as error:
            remarks.append(f"{where}: It can't be read: {error.strerror}.")
    return Names(size, tuple(found), tuple(dict.fromkeys(remarks)))


def _sources(path: Path, data: bytes) -> Iterator[tuple[str, Callable[[], tuple[bytes, ...]]]]:
    """What XMP may come from: a name to tell it by, and what reads it."""
    for place in sidecars(path):
        yield place.name, partial(_of_file, place)
    yield path.name, partial(xmp.packets, data)


def _of_file(place: Path) -> tuple[bytes, ...]:
    return (xmp.check(content_of(place)),)


def content_of(place: Path) -> bytes:
    """Of a sidecar, a byte more than may be at most. Raises OSError, also for a pipe, which would never end."""
    with open(place, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "It is no file")
        return file.read(xmp.MOST_BYTES + 1)


def match_faces(told: Names, faces: Sequence[Face]) -> tuple[dict[str, list[str]], list[str]]:
    """Ids of faces by the name that their region has, and names whose region shows none of them. A face has one name
    at most; the closest boxes are put together first.

    Where not one region shows a face and the picture is turned, they are tried as regions of the upright picture:
    some programs write them so without saying it."""
    if told.frame is None or not told.regions:
        return {}, []
    size = told.frame
    pairs = _pairs([_to_upright(one, size) for one in told.regions], faces)
    if not pairs and size.orientation != 1:
        pairs = _pairs([one.box for one in told.regions], faces)
    found: dict[str, list[str]] = {}
    for region, face in pairs:
        found.setdefault(told.regions[region].name, []).append(faces[face].face_id)
    shown = {region for region, _ in pairs}
    return found, [one.name for at, one in enumerate(told.regions) if at not in shown]


def _to_upright(region: Region, size: Frame) -> Box:
    return region.box if region.upright else size.to_upright(region.box)


def _pairs(boxes: Sequence[Box], faces: Sequence[Face]) -> list[tuple[int, int]]:
    """(box, face) of those that show the same, each once."""
    near = sorted(
        (
            (-overlap(box, face.box), at, to)
            for at, box in enumerate(boxes)
            for to, face in enumerate(faces)
            if _is_near(box, face.box)
        ),
    )
    pairs: dict[int, int] = {}
    for _, at, to in near:
        if at not in pairs and to not in pairs.values():
            pairs[at] = to
    return sorted(pairs.items())


def _is_near(one: Box, other: Box) -> bool:
    both = overlap(one, other)
    shared = both * (one.area + other.area) / (1 + both)
    return both >= LEAST and shared >= INSIDE * min(one.area, other.area)


def _turn(box: Box, orientation: int) -> Box:
    """By EXIF's orientation: where the corners of a box come to lie when the picture is turned upright."""

    def to(x: float, y: float) -> tuple[float, float]:
        if orientation in (2, 3):
            x = 1 - x
        if orientation in (3, 4):
            y = 1 - y
        if orientation >= 5:
            x, y = (1 - y if orientation in (6, 7) else y), (1 - x if orientation in (7, 8) else x)
        return x, y

    one, other = to(box.left, box.top), to(box.left + box.width, box.top + box.height)
    left, top = min(one[0], other[0]), min(one[1], other[1])
    return Box(left, top, abs(one[0] - other[0]), abs(one[1] - other[1]))
