"""The XMP packets of a photograph (ISO 16684-1, parts 1 and 3), as bytes; nothing of them is read here."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Literal

from kenspeckle.errors import InvalidValue
from kenspeckle.formats import heif, jpeg, png, webp
from kenspeckle.formats.boxes import Malformed, items
from kenspeckle.formats.head import MAX_PARTS

MOST_BYTES: Final = 4 << 20
"""Of a packet, and of a sidecar. Programs that keep their whole history there write some hundred kilobytes."""

_MAIN: Final = b"http://ns.adobe.com/xap/1.0/\0"
_MORE: Final = b"http://ns.adobe.com/xmp/extension/\0"
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_TEXT: Final = b"XML:com.adobe.xmp\0"
_TAG: Final = 700
"""Of TIFF: XMP."""


def packets(data: bytes) -> tuple[bytes, ...]:
    """Those of a JPEG (with what its extension segments hold), PNG, WebP, HEIC, AVIF or TIFF; none where there are
    none, or the file is damaged before them. Raises InvalidValue for one that is too large."""
    if data.startswith(jpeg.MAGIC):
        found = _of_jpeg(data)
    elif data.startswith(png.MAGIC):
        found = list(_of_png(data))
    elif webp.is_webp(data):
        found = list(_of_webp(data))
    elif data[:4] in (b"II*\0", b"MM\0*"):
        found = list(_of_tiff(data))
    elif heif.media_type(data) is not None:
        found = list(_of_boxes(data))
    else:
        found = []
    return tuple(check(one) for one in found if one)


def check(packet: bytes) -> bytes:
    """The packet. Raises InvalidValue where it is too large."""
    if len(packet) > MOST_BYTES:
        raise InvalidValue(f"It has more than {MOST_BYTES >> 20} MB of XMP.", field="xmp")
    return packet


def _of_jpeg(data: bytes) -> list[bytes]:
    """The main packet, and the one that its extension segments make together."""
    found: list[bytes] = []
    pieces: dict[tuple[bytes, int], dict[int, bytes]] = {}
    at = 2
    for _ in range(MAX_PARTS):
        if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] in (_SCAN, _END):
            break
        if data[at + 1] == 0xFF:  # a byte that fills
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == _APP1:
            segment = data[at + 4 : end]
            if segment.startswith(_MAIN) and not found:
                found.append(segment[len(_MAIN) :])
            elif segment.startswith(_MORE) and len(segment) > len(_MORE) + 40:
                rest = segment[len(_MORE) :]
                whole = rest[:32], int.from_bytes(rest[32:36], "big")
                pieces.setdefault(whole, {})[int.from_bytes(rest[36:40], "big")] = rest[40:]
        at = end
    for (digest, length), some in pieces.items():
        joined = b"".join(some[offset] for offset in sorted(some))
        if found and digest in found[0] and len(joined) == length:
            found.append(joined)
            break
    return found


def _of_png(data: bytes) -> Iterator[bytes]:
    at = len(png.MAGIC)
    for _ in range(MAX_PARTS):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if len(kind) < 4:
            return
        if kind == b"iTXt" and data.startswith(_TEXT, at + 8):
            body = data[at + 8 + len(_TEXT) : at + 8 + length]
            text = body[2:].split(b"\0", 2)[-1]
            yield _unpack(text) if body[:1] == b"\1" else text
            return
        at += 12 + length


def _unpack(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MOST_BYTES + 1)
    except zlib.error:
        return b""


def _of_webp(data: bytes) -> Iterator[bytes]:
    at = 12
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"XMP ":
            yield data[at + 8 : at + 8 + length]
            return
        at += 8 + length + (length & 1)


def _of_boxes(data: bytes) -> Iterator[bytes]:
    """Of HEIC and AVIF: an item of a media type, which is RDF."""
    try:
        found = items(data)
    except (Malformed, IndexError):
        return
    for item, kind in found.types.items():
        places = found.places.get(item, ())
        if kind == b"mime" and sum(length for _, length in places) <= 2 * MOST_BYTES:
            packet = b"".join(data[at : at + length] for at, length in places)
            if b"RDF" in packet[:4096]:
                yield packet


def _of_tiff(data: bytes) -> Iterator[bytes]:
    order: Literal["little", "big"] = "little" if data[:1] == b"I" else "big"

    def number(at: int, length: int) -> int:
        return int.from_bytes(data[at : at + length], order)

    start = number(4, 4)
    for entry in range(min(number(start, 2), MAX_PARTS)):
        at = start + 2 + 12 * entry
        if number(at, 2) == _TAG:
            length, place = number(at + 4, 4), number(at + 8, 4)
            yield data[place : place + length]
            return
