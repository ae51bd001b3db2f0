"""JPEG (ITU-T T.81): the tables, the frame and the scans of the first picture of a file, up to its end.

Nothing else is handed on: metadata, which costs a general reader time and memory without bound, and what lies behind
the picture (a phone's video, further pictures, a maker's trailer)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from kenspeckle.formats import exif
from kenspeckle.formats.head import MAX_PARTS, Check, Head, damage, too_many

MEDIA_TYPE: Final = "image/jpeg"
MAGIC: Final = b"\xff\xd8\xff"

_MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
_END_OF_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""Stuffed bytes and restart markers are part of a scan (T.81, B.1.1.2)."""

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE: Final = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_TABLES: Final = frozenset((0xC4, 0xCC, 0xDB, 0xDD))
"""DHT, DAC, DQT, DRI."""
_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers without a segment: TEM, RST, SOI."""
_SCAN, _END, _JFIF, _APP1, _ADOBE = 0xDA, 0xD9, 0xE0, 0xE1, 0xEE

_EXIF: Final = b"Exif\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"

EOI: Final = b"\xff\xd9"
TAILS: Final = (EOI, bytes(range(1, 255)) * 16 + EOI)
"""Ends for a picture that has none. A decoder that still needs bits reads zeros behind the first, other values of the
second; one that has all of them reads neither."""


@dataclass(slots=True)
class _Component:
    """`missing[k]` is the lowest bit of coefficient k that is not there yet, 0 for none; bit 14 is above all."""

    samples: int
    missing: list[int] = field(default_factory=lambda: [14] * 64)


@dataclass(slots=True)
class _Picture:
    """What the parser has found so far."""

    kept: list[bytes | memoryview]
    width: int = 0
    height: int = 0
    progressive: bool = False
    components: dict[int, _Component] = field(default_factory=dict)
    largest: int = 1
    scans: int = 0
    passes: float = 0.0
    several: bool = False
    exif: bytes | None = None
    xmp: bytes | None = None
    tails: tuple[bytes, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every coefficient of every component is there: what follows can be no part of it."""
        return bool(self.scans) and not any(any(one.missing) for one in self.components.values())


def read(data: bytes, check: Check) -> Head:
    """Raises DamagedImage, and what `check` raises of the size that the frame claims."""
    found = _Picture([b"\xff\xd8"])
    seen: set[int] = set()
    at = 2
    for _ in range(MAX_PARTS):
        marker = _MARKER.search(data, at)
        if marker is None:
            raise damage("its end is missing")
        at = marker.start()
        code = data[at + 1]
        if code == _END:
            break
        if code in _ALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise damage("a segment is cut off")
        segment = data[at + 4 : end]
        if code == _SCAN:
            at = _scan(data, at, end, found)
            if found.complete:
                break
            continue
        if code in _FRAMES:
            _frame(code, segment, found, check)
        elif code == _APP1:
            _metadata(segment, found)
        if code in _FRAMES or code in _TABLES or (code in (_JFIF, _ADOBE) and _is_needed(code, segment, seen)):
            found.kept.append(memoryview(data)[at:end])
        at = end
    else:
        raise too_many("segments")
    return _head(found)


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height that the frame claims; None where it is cut off or missing, which a decoder will refuse."""
    at = 2
    for _ in range(MAX_PARTS):
        marker = _MARKER.search(data, at)
        if marker is None:
            return None
        at = marker.start()
        code = data[at + 1]
        if code in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 if code in _ALONE else 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None


def _head(found: _Picture) -> Head:
    if not found.scans:
        raise damage("it holds no pixels")
    samples = sum(one.samples for one in found.components.values()) / found.largest
    return Head(
        media_type=MEDIA_TYPE,
        width=found.width,
        height=found.height,
        orientation=exif.orientation(found.exif, found.xmp),
        picture=b"".join((*found.kept, b"" if found.tails else EOI)),
        passes=found.passes,
        # Two bytes a coefficient, of the whole picture, where it doesn't come in one scan from top to bottom.
        buffered=round(2 * samples * found.width * found.height) if found.several else 0,
        tails=found.tails,
    )


def _metadata(segment: bytes, found: _Picture) -> None:
    """The first of each kind; further ones belong to another picture, or are there to waste a parser's time."""
    if found.exif is None and segment.startswith(_EXIF):
        found.exif = segment
    elif found.xmp is None and segment.startswith(_XMP):
        found.xmp = segment


def _is_needed(code: int, segment: bytes, seen: set[int]) -> bool:
    """Whether it tells a decoder the colours: the first of its kind does."""
    known = segment.startswith(b"JFIF\0") if code == _JFIF else segment.startswith(b"Adobe")
    if not known or code in seen:
        return False
    seen.add(code)
    return True


def _frame(code: int, segment: bytes, found: _Picture, check: Check) -> None:
    """B.2.2."""
    if found.components or len(segment) < 9 or len(segment) < 6 + 3 * segment[5]:
        raise damage("its frame header is invalid")
    if not segment[5]:
        raise damage("its frame has no components")
    found.height, found.width = int.from_bytes(segment[1:3], "big"), int.from_bytes(segment[3:5], "big")
    check(found.width, found.height)
    found.progressive = code in _PROGRESSIVE
    factors = []
    for at in range(6, 6 + 3 * segment[5], 3):
        factors.append((segment[at + 1] >> 4, segment[at + 1] & 15))
        found.components[segment[at]] = _Component(factors[-1][0] * factors[-1][1])
    if not all(1 <= one <= 4 for pair in factors for one in pair) or len(found.components) != segment[5]:
        raise damage("its frame header is invalid")
    found.largest = max(pair[0] for pair in factors) * max(pair[1] for pair in factors)


def _scan(data: bytes, at: int, end: int, found: _Picture) -> int:
    """Take in the scan at `at` whose header ends at `end`, and return where its content ends (B.2.3)."""
    header = data[at + 4 : end]
    count = header[0] if header else 0
    if not found.components or not 1 <= count <= 4 or len(header) < 4 + 2 * count:
        raise damage("a scan header is invalid")
    first, last, bits = header[1 + 2 * count : 4 + 2 * count]
    if not found.progressive:
        first, last, bits = 0, 63, 0
    if not first <= last <= 63:
        raise damage("a scan header is invalid")
    for which in header[1 : 1 + 2 * count : 2]:
        component = found.components.get(which)
        if component is None:
            raise damage("a scan header is invalid")
        for coefficient in range(first, last + 1):
            component.missing[coefficient] = min(component.missing[coefficient], bits & 15)
        found.passes += component.samples / found.largest
    found.scans += 1
    found.several = found.several or found.progressive or count < len(found.components)
    stop = _END_OF_SCAN.search(data, end)
    if stop is None and not found.complete:
        raise damage("its end is missing")
    close = stop.start() if stop else len(data)
    if found.complete and (stop is None or data[close + 1] != _END):
        found.tails = TAILS
    found.kept.append(memoryview(data)[at:close])
    return close
