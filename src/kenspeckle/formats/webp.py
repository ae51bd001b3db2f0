"""WebP (RFC 9649): the picture's own chunks, of an animation those of its first frame."""

from __future__ import annotations

from typing import Final

from kenspeckle.formats import exif
from kenspeckle.formats.head import MAX_PARTS, Check, Head, damage, too_many

MEDIA_TYPE: Final = "image/webp"

_PIXELS: Final = (b"VP8 ", b"VP8L")
_ANIMATION: Final = 0x02
_ICC, _EXIF, _XMP = 0x20, 0x08, 0x04


def is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read(data: bytes, check: Check) -> Head:
    """Raises DamagedImage, and what `check` raises of any size that the file claims."""
    extended: bytes | None = None
    kept: list[bytes | memoryview] = []
    view = memoryview(data)
    told: dict[bytes, bytes] = {}
    size: tuple[int, int] | None = None
    lossless = False
    at = 12
    for _ in range(MAX_PARTS):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = view[at + 8 : at + 8 + length]
        if len(data) < at + 8:
            break
        if len(body) < length:
            raise damage("a chunk is cut off")
        if kind == b"VP8X" and size is None and length >= 10:
            extended = bytes(body[:10])
            size = int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
            check(*size)
        elif kind in _PIXELS:
            whole = _size(kind, bytes(body[:10]))
            check(*whole)
            size, lossless = size or whole, kind == _PIXELS[1]
            kept += _chunk(kind, body)
            break
        elif kind == b"ANMF" and extended:
            lossless = _check_frame(body, check) == _PIXELS[1]
            kept += _chunk(kind, body)
            break
        elif kind in (b"ALPH", b"ANIM") and extended and kind not in told:
            told[kind] = b""
            kept += _chunk(kind, body)
        at += 8 + length + (length & 1)
    else:
        raise too_many("chunks")
    if size is None or not kept:
        raise damage("it holds no pixels")
    if extended:
        _look_behind(data, at, told)
        kept = [*_chunk(b"VP8X", bytes([extended[0] & ~(_ICC | _EXIF | _XMP)]) + extended[1:]), *kept]
    inside = 4 + sum(map(len, kept))
    return Head(
        lossless=lossless,
        media_type=MEDIA_TYPE,
        width=size[0],
        height=size[1],
        orientation=exif.orientation(told.get(b"EXIF"), told.get(b"XMP ")),
        picture=b"".join((b"RIFF", inside.to_bytes(4, "little"), b"WEBP", *kept)),
    )


def _look_behind(data: bytes, at: int, told: dict[bytes, bytes]) -> None:
    """Metadata stands behind the pixels."""
    for _ in range(MAX_PARTS):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if len(data) < at + 8:
            return
        if kind in (b"EXIF", b"XMP "):
            told.setdefault(kind, data[at + 8 : at + 8 + min(length, exif.MAX_METADATA)])
        at += 8 + length + (length & 1)
    raise too_many("chunks")


def _check_frame(body: memoryview, check: Check) -> bytes:
    """The pixels of an animation's frame (ANMF): 16 bytes of its place, then chunks. The kind of those with pixels."""
    at = 16
    for _ in range(MAX_PARTS):
        kind, length = bytes(body[at : at + 4]), int.from_bytes(body[at + 4 : at + 8], "little")
        if kind in _PIXELS:
            check(*_size(kind, bytes(body[at + 8 : at + 8 + min(length, 10)])))
            return kind
        if len(body) < at + 8:
            break
        at += 8 + length + (length & 1)
    raise damage("its first frame holds no pixels")


def _chunk(kind: bytes, body: bytes | memoryview) -> list[bytes | memoryview]:
    return [kind, len(body).to_bytes(4, "little"), body, bytes(len(body) & 1)]


def _size(kind: bytes, body: bytes) -> tuple[int, int]:
    """Of the bitstream's own header (sections 2.5 and 2.6)."""
    if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    raise damage("the header of its pixels is invalid")
