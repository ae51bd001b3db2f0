"""What the first bytes of a JPEG or PNG say: which of the two it is, and how many pixels it has."""

from __future__ import annotations

JPEG = "image/jpeg"
PNG = "image/png"

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG's start-of-frame segments (ITU-T T.81, table B.1)."""


def media_type(data: bytes) -> str | None:
    """The type of the image; None where it is neither."""
    if data.startswith(_PNG):
        return PNG
    return JPEG if data.startswith(_JPEG) else None


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as they are stored, before any EXIF orientation.

    None where the header is cut off or there is none, which a decoder will refuse."""
    kind = media_type(data)
    if kind is None:
        return None
    return _png_size(data) if kind == PNG else _jpeg_size(data)


def _png_size(data: bytes) -> tuple[int, int] | None:
    """Of the IHDR chunk, which is the first."""
    if len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Of the frame header."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
