"""PNG (ISO/IEC 15948): the critical chunks and the transparency of a file; all others are skipped unchecked."""

from __future__ import annotations

import zlib
from typing import Final

from kenspeckle.formats import exif
from kenspeckle.formats.head import MAX_PARTS, Check, Head, damage, too_many

MEDIA_TYPE: Final = "image/png"
MAGIC: Final = b"\x89PNG\r\n\x1a\n"

_PROFILE: Final = b"Raw profile type exif\0"
_XMP: Final = b"XML:com.adobe.xmp\0"


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the header chunk, which is the first; None where it is cut off."""
    if len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def read(data: bytes, check: Check) -> Head:
    """Raises DamagedImage, and what `check` raises of the size that the header claims."""
    whole = size(data)
    if whole is None or data[8:16] != b"\0\0\0\x0dIHDR":
        raise damage("its header is missing")
    check(*whole)
    kept: dict[bytes, memoryview] = {}
    pixels: list[memoryview] = []
    told: dict[str, bytes] = {}
    view = memoryview(data)
    at = len(MAGIC)
    for _ in range(MAX_PARTS):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = view[at + 8 : at + 8 + length]
        if len(kind) < 4 or kind == b"IEND":
            break
        sound = zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big") == data[at + 8 + length : at + 12 + length]
        # Of a file that ends within its last chunk the decoder sees by the pixels whether any is missing.
        if not kind[0] & 0x20 and not sound and at + 12 + length <= len(data):
            raise damage(f"the checksum of its {kind.decode('ascii', 'replace')} chunk is wrong")
        if kind == b"IDAT":
            pixels.append(body)
        elif kind in (b"IHDR", b"PLTE", b"tRNS") and (sound or kind != b"tRNS"):
            if kind in kept and kind != b"tRNS":
                raise damage("a chunk is there twice")
            kept.setdefault(kind, body)
        elif not kind[0] & 0x20:
            raise damage(f"it needs an unknown chunk, {kind.decode('ascii', 'replace')!r}")
        elif sound:
            _tell(kind, bytes(body[: exif.MAX_METADATA]), told)
        at += 12 + length
    else:
        raise too_many("chunks")
    ordered = [(kind, [kept[kind]]) for kind in (b"IHDR", b"PLTE", b"tRNS") if kind in kept]
    return Head(
        media_type=MEDIA_TYPE,
        width=whole[0],
        height=whole[1],
        orientation=exif.orientation(told.get("exif") or told.get("profile"), told.get("xmp")),
        picture=b"".join(
            (MAGIC, *(part for one in (*ordered, (b"IDAT", pixels), (b"IEND", [])) for part in _chunk(*one)))
        ),
    )


def _chunk(kind: bytes, pieces: list[memoryview]) -> list[bytes | memoryview]:
    """One chunk of many pieces, without copying them."""
    check = zlib.crc32(kind)
    for piece in pieces:
        check = zlib.crc32(piece, check)
    return [sum(map(len, pieces)).to_bytes(4, "big"), kind, *pieces, check.to_bytes(4, "big")]


def _tell(kind: bytes, body: bytes, told: dict[str, bytes]) -> None:
    """Keep the first of each place where metadata may lie."""
    if kind == b"eXIf":
        told.setdefault("exif", body)
    elif kind in (b"tEXt", b"zTXt") and "profile" not in told and body.startswith(_PROFILE):
        text = body[len(_PROFILE) :]
        told["profile"] = _profile(_unpack(text[1:]) if kind == b"zTXt" else text)
    elif kind == b"iTXt" and "xmp" not in told and body.startswith(_XMP):
        packed, text = body[len(_XMP)], body[len(_XMP) + 2 :].split(b"\0", 2)[-1]
        told["xmp"] = _unpack(text) if packed else text[: exif.MAX_METADATA]


def _unpack(data: bytes) -> bytes:
    """At most MAX_METADATA bytes; nothing where it is damaged."""
    try:
        return zlib.decompressobj().decompress(data, exif.MAX_METADATA)
    except zlib.error:
        return b""


def _profile(text: bytes) -> bytes:
    """ImageMagick's way: an empty line, a name, a length, and the bytes as hexadecimal digits."""
    try:
        return bytes.fromhex("".join(text[: exif.MAX_METADATA].decode("ascii").split("\n")[3:]))
    except ValueError:
        return b""
