"""The orientation of a photograph by its metadata; nothing else of EXIF and XMP is read."""

from __future__ import annotations

import re
from typing import Final, Literal

UPRIGHT: Final = 1

MAX_METADATA: Final = 1 << 20
"""Bytes of EXIF or XMP that are looked at. The tag stands at the front of both."""

_TAG: Final = 0x0112
_SHORT: Final = 3
_XMP: Final = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])\b")


def orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """1 to 8 (TIFF 6.0, tag Orientation); 1 where neither has a valid one: bad metadata must not make a photograph
    unusable. `exif` is a TIFF file, with or without EXIF's own head."""
    found = _of_tiff(exif[:MAX_METADATA]) if exif else None
    if found is None and xmp:
        told = _XMP.search(xmp[:MAX_METADATA])
        found = int(told[1]) if told else None
    return found or UPRIGHT


def _of_tiff(data: bytes) -> int | None:
    """The tag of the first directory."""
    data = data.removeprefix(b"Exif\0\0")
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    order: Literal["little", "big"] = "little" if data[:1] == b"I" else "big"

    def number(at: int, length: int) -> int:
        return int.from_bytes(data[at : at + length], order)

    start = number(4, 4)
    entries = min(number(start, 2), (len(data) - start - 2) // 12)
    for at in range(start + 2, start + 2 + 12 * entries, 12):
        if number(at, 2) == _TAG:
            wide = number(at + 2, 2) != _SHORT
            value = number(at + 8, 4 if wide else 2)
            return value if 1 <= value <= 8 else None
    return None
