"""Photographs whose head is made to cost: what each format lets a sender repeat, nest or claim."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from tests.vision.drawing import chunk, encode, exif, quarters

CORPUS = Path(__file__).parent / "corpus"

MOST = 15 << 20
"""Bytes of a photograph that are taken."""


def segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(extra: bytes) -> bytes:
    plain = encode(quarters(), "JPEG")
    return plain[:2] + extra + plain[2:]


def png_with(extra: bytes) -> bytes:
    plain = encode(quarters(), "PNG")
    return plain[:33] + extra + plain[33:]


def webp_with(extra: bytes, behind: bytes = b"") -> bytes:
    plain = encode(quarters(), "WEBP", exif=exif(1))
    at = plain.index(b"VP8 ")
    inside = plain[8:at] + extra + plain[at:] + behind
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def avif_with(extra: bytes) -> bytes:
    """Boxes put in front of the `meta` box, whose offsets in the file then miss."""
    plain = encode(quarters(), "AVIF", speed=10)
    at = plain.index(b"meta") - 4
    return plain[:at] + extra + plain[at:]


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG, grey, whose scans are all but empty and never complete it: a pass over its memory each."""
    blocks = (-(-side // 8)) ** 2
    ends = b"\0" * -(-15 * -(-blocks // (1 << 14)) // 8)  # runs of 2**14 blocks without a coefficient
    head = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    tables = segment(0xC4, b"\0\1" + bytes(16)) + segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")
    first = segment(0xDA, b"\1\1\0\0\0\1") + bytes(-(-blocks // 8))
    return b"\xff\xd8" + head + tables + first + (segment(0xDA, b"\1\1\0\1\x3f\1") + ends) * scans + b"\xff\xd9"


def _tiff_of(entries: int) -> bytes:
    """EXIF whose every entry is a text outside the file: a warning each in a careless reader."""
    entry = struct.pack("<HHII", 0x010E, 2, 1 << 20, 1 << 30)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, entries) + entry * entries


def heads() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """(what it is, the maker of its bytes): photographs of 64 x 48 pixels, some of which are to be refused."""
    packed = zlib.compress(bytes(4 << 20), 9)
    yield "jpeg: EXIF in 140 segments", lambda: jpeg_with(segment(0xE1, b"Exif\0\0II*\0" + b"\1" * 65_000) * 140)
    yield "jpeg: EXIF full of strange entries", lambda: jpeg_with(segment(0xE1, _tiff_of(5000)) * 200)
    yield "jpeg: empty segments", lambda: jpeg_with(b"\xff\xe5\0\2" * (MOST // 4 - 1000))
    yield "jpeg: empty comments", lambda: jpeg_with(segment(0xFE, b"") * (MOST // 4 - 1000))
    yield "jpeg: tables", lambda: jpeg_with(segment(0xDB, b"\0" + b"\1" * 64) * 200_000)
    yield "jpeg: pieces of a profile", lambda: jpeg_with(segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000)) * 230)
    yield "jpeg: further pictures", lambda: jpeg_with(segment(0xE2, b"MPF\0" + bytes(4000)) * 3000)
    yield "jpeg: fill bytes", lambda: jpeg_with(b"\xff" * (MOST - 5000))
    yield "jpeg: fill bytes and a zero", lambda: jpeg_with(b"\xff" * (MOST - 5000) + b"\0")
    yield "jpeg: stuffed bytes without end", lambda: encode(quarters(), "JPEG")[:-2] + b"\xff\0" * (MOST // 2 - 1000)
    yield "jpeg: restart markers", lambda: encode(quarters(), "JPEG")[:-2] + b"\xff\xd0" * (MOST // 2 - 1000)
    yield "jpeg: 99 scans", lambda: many_scans(7_000, 99)
    yield "jpeg: as many scans as are taken", lambda: many_scans(7_000, 18)
    yield "jpeg: scans of few pixels", lambda: many_scans(64, 15_000)
    yield "jpeg: pictures one behind the other", lambda: encode(quarters(), "JPEG") * 20_000
    yield "png: empty chunks", lambda: png_with(chunk(b"teSt", b"") * (MOST // 12 - 100))
    yield "png: empty pixels", lambda: png_with(chunk(b"IDAT", b"") * (MOST // 12 - 100))
    yield "png: comments", lambda: png_with(chunk(b"tEXt", b"Comment\0" + b"a" * 90) * 100_000)
    yield "png: packed comments", lambda: png_with(chunk(b"zTXt", b"Comment\0\0" + packed) * 2000)
    yield "png: profiles", lambda: png_with(chunk(b"iCCP", b"icc\0\0" + packed) * 2000)
    yield "png: EXIF as text", lambda: png_with(chunk(b"zTXt", b"Raw profile type exif\0\0" + packed) * 2000)
    yield "png: EXIF", lambda: png_with(chunk(b"eXIf", _tiff_of(5000)[6:]) * 200)
    yield "png: frames", lambda: png_with(chunk(b"acTL", bytes(8)) + chunk(b"fdAT", bytes(4)) * 500_000)
    yield "png: pixels without end", lambda: _png_of(zlib.compress(bytes(1 << 27), 9))
    yield "webp: empty chunks", lambda: webp_with(b"TEST\0\0\0\0" * (MOST // 8 - 1000))
    yield "webp: empty chunks behind", lambda: webp_with(b"", b"TEST\0\0\0\0" * (MOST // 8 - 1000))
    yield "webp: EXIF", lambda: webp_with(b"", (b"EXIF" + struct.pack("<I", 60_032) + _tiff_of(5001)[:60_032]) * 200)
    yield "webp: frames", lambda: encode(quarters(), "WEBP", save_all=True, append_images=[quarters(), *_frames()])
    yield "avif: a frame larger than it says", _avif_that_lies
    yield "avif: empty boxes", lambda: avif_with(b"\0\0\0\x08free" * (MOST // 8 - 1000))
    yield "avif: boxes in boxes", lambda: encode(quarters(), "AVIF", speed=10)[:32] + _nested(3000)
    yield "avif: items", lambda: _items(b"avif", b"av01", 400_000)
    yield "heic: items", lambda: _items(b"heic", b"hvc1", 400_000)
    yield "avif: a sequence", lambda: encode(quarters(), "AVIF", speed=10, save_all=True, append_images=list(_frames()))


def _png_of(pixels: bytes) -> bytes:
    plain = encode(quarters(), "PNG")
    return plain[:33] + chunk(b"IDAT", pixels) + plain[-12:]


def _frames() -> Iterator[Image.Image]:
    for at in range(20):
        yield quarters().rotate(at)


def _avif_that_lies() -> bytes:
    """It says 1000 x 1000; the frame that a decoder makes has 7200 x 7200, more than is taken."""
    return (CORPUS / "claims-1000-holds-7200.avif").read_bytes()


def _nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = box(b"meta", b"\0" * 4 + inner)
    return inner


def _items(brand: bytes, kind: bytes, count: int) -> bytes:
    """A file of so many items, all of which lie in the same bytes."""
    entry = box(b"infe", b"\2\0\0\0" + struct.pack(">HH", 1, 0) + kind + b"\0")
    meta = b"\0" * 4 + b"".join(
        (
            box(b"hdlr", b"\0" * 8 + b"pict" + b"\0" * 13),
            box(b"pitm", b"\0" * 4 + struct.pack(">H", 1)),
            box(b"iloc", b"\0" * 4 + b"\x44\0" + struct.pack(">HHHHII", 1, 1, 0, 1, 0, 64)),
            box(b"iinf", b"\1\0\0\0" + struct.pack(">I", count) + entry * count),
            box(b"iprp", box(b"ipco", box(b"ispe", b"\0" * 4 + struct.pack(">II", 64, 48))) + box(b"ipma", bytes(8))),
        )
    )
    return box(b"ftyp", brand + b"\0" * 4 + brand + b"mif1") + box(b"meta", meta)
