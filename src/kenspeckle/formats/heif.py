"""HEIC and AVIF: the pictures' sizes by their container, and, of AVIF, by the bitstream that a decoder will follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kenspeckle.formats import av1
from kenspeckle.formats.boxes import Items, Malformed, boxes, items, number
from kenspeckle.formats.head import Check, Head, damage

AVIF: Final = "image/avif"
HEIC: Final = "image/heic"

BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis"), AVIF),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), HEIC),
}
"""Brands of ISO/IEC 23008-12 and of the AV1 Image File Format, and what they hold."""

_TURNS: Final = ((4, 2, 1), (5, 7, 8), (2, 4, 3), (7, 5, 6))
"""EXIF's orientation by turns of 90 degrees against the clock and mirroring: top to bottom, left to right, none."""


def media_type(data: bytes) -> str | None:
    """By the brands; the major one may be the general "mif1", then the compatible ones tell."""
    if data[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4], "big"), 256, len(data))
    for brand in (data[8:12], *(data[at : at + 4] for at in range(16, end, 4))):
        if brand in BRANDS:
            return BRANDS[brand]
    return None


def read(data: bytes, kind: str, check: Check) -> Head:
    """Raises DamagedImage, and what `check` raises of any size that is claimed: tiles and thumbnails are among them."""
    try:
        found = items(data)
        for name, at, _ in found.properties:
            if name == b"ispe":
                check(number(data, at + 4, 4), number(data, at + 8, 4))
        if kind == HEIC:
            width, height = _shown_size(data, found)
            return Head(media_type=kind, width=width, height=height, picture=data)
        return _avif(data, found, check)
    except (Malformed, ZeroDivisionError, IndexError) as error:
        raise damage("its boxes are invalid") from error


def stored_size(data: bytes) -> tuple[int, int, int]:
    """Width, height and orientation (EXIF's numbers) of the picture as it is stored, before its container turns it.
    Raises DamagedImage."""
    try:
        found = items(data)
        return (*_stored_size(data, found), _turn(data, found))
    except (Malformed, IndexError) as error:
        raise damage("its boxes are invalid") from error


def _stored_size(data: bytes, found: Items) -> tuple[int, int]:
    for name, at, _ in found.of(found.primary):
        if name == b"ispe":
            return number(data, at + 4, 4), number(data, at + 8, 4)
    raise Malformed


def _shown_size(data: bytes, found: Items) -> tuple[int, int]:
    """Width and height of the primary item as a viewer sees it."""
    width, height = _stored_size(data, found)
    for name, at, _ in found.of(found.primary):
        if name == b"clap":
            width, height = (round(number(data, at + by, 4) / number(data, at + by + 4, 4)) for by in (0, 8))
        elif name == b"irot" and number(data, at, 1) & 1:
            width, height = height, width
    return width, height


def _avif(data: bytes, found: Items, check: Check) -> Head:
    width, height = _stored_size(data, found)
    pixels = 0
    left = len(data)
    for item, kind in found.types.items():
        left -= sum(length for _, length in found.places.get(item, ()))
        if left < 0:  # items that share their bytes: more to decode than was sent
            raise Malformed
        if kind == b"av01":
            for size in av1.frames(b"".join(_content(data, found, item))):
                check(*size)
                pixels += size[0] * size[1]
    return Head(
        media_type=AVIF,
        width=width,
        height=height,
        orientation=_turn(data, found),
        picture=_still(data),
        passes=pixels / max(1, width * height),
    )


def _content(data: bytes, found: Items, item: int) -> Iterator[bytes]:
    for at, length in found.places.get(item, ()):
        if not length:  # to the end of the file, by the letter of it; no writer does that
            raise Malformed
        yield data[at : at + length]


def _turn(data: bytes, found: Items) -> int:
    """The container's rotation and mirroring as EXIF's orientation; EXIF's own counts for nothing in an AVIF."""
    angle, mirror = 0, 2
    for name, at, _ in found.of(found.primary):
        if name == b"irot":
            angle = number(data, at, 1) & 3
        elif name == b"imir":
            mirror = number(data, at, 1) & 1
    return _TURNS[angle][mirror]


def _still(data: bytes) -> bytes:
    """The file as a still picture: an image sequence beside it repeats it, and readers would take that."""
    moved = [begin for kind, begin, _ in boxes(data, 0, len(data)) if kind == b"moov"]
    end = min(int.from_bytes(data[:4], "big"), 256, len(data))
    brands = [at for at in (8, *range(16, end, 4)) if data[at : at + 4] == b"avis"]
    if not moved and not brands:
        return data
    changed = bytearray(data)
    for begin in moved:
        at = changed.rindex(b"moov", 0, begin)
        changed[at : at + 4] = b"free"
    for at in brands:
        changed[at : at + 4] = b"avif"
    return bytes(changed)
