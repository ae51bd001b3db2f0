"""Hostile photographs: real ones in every format, damaged at random, and small files that claim to be enormous."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import Image

Mutation = Callable[[random.Random, bytes, bytes], bytes]


def seeds(photograph: bytes) -> dict[str, bytes]:
    """One small photograph in every format that Pillow writes, those that are not taken included."""
    picture = Image.open(io.BytesIO(photograph)).convert("RGB")
    ways: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "jpeg": (picture, "JPEG", {"quality": 85}),
        "progressive": (picture, "JPEG", {"progressive": True}),
        "grey": (picture.convert("L"), "JPEG", {}),
        "cmyk": (picture.convert("CMYK"), "JPEG", {}),
        "exif": (picture, "JPEG", {"exif": _turned()}),
        "png": (picture, "PNG", {}),
        "palette": (picture.quantize(64), "PNG", {}),
        "alpha": (picture.convert("RGBA"), "PNG", {}),
        "webp": (picture, "WEBP", {}),
        "lossless": (picture, "WEBP", {"lossless": True}),
        "avif": (picture, "AVIF", {"speed": 10}),
        "gif": (picture.quantize(64), "GIF", {}),
        "bmp": (picture, "BMP", {}),
        "tiff": (picture, "TIFF", {}),
    }
    found = {}
    for name, (image, kind, options) in ways.items():
        file = io.BytesIO()
        image.save(file, kind, **options)
        found[name] = file.getvalue()
    return found


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _flip(dice: random.Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    for _flipped in range(dice.choice((1, 1, 2, 8, 64))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _flip_in_head(dice: random.Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    for _flipped in range(dice.choice((1, 2, 4))):
        changed[dice.randrange(min(64, len(changed)))] = dice.randrange(256)
    return bytes(changed)


def _cut(dice: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: dice.randrange(len(data))]


def _cut_out(dice: random.Random, data: bytes, _: bytes) -> bytes:
    start = dice.randrange(len(data))
    return data[:start] + data[start + dice.randrange(1, 2000) :]


def _put_in(dice: random.Random, data: bytes, _: bytes) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + dice.randbytes(dice.randrange(1, 500)) + data[at:]


def _repeat(dice: random.Random, data: bytes, _: bytes) -> bytes:
    start = dice.randrange(len(data))
    part = data[start : start + dice.randrange(1, 300)]
    return data[:start] + part * dice.randrange(2, 40) + data[start:]


def _splice(dice: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: dice.randrange(1, len(data))] + other[dice.randrange(len(other)) :]


def _extreme_number(dice: random.Random, data: bytes, _: bytes) -> bytes:
    """A length, size or offset somewhere becomes as small or large as it can be."""
    changed = bytearray(data)
    at = dice.randrange(min(400, len(changed) - 4))
    value = dice.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 20_000))
    width = 2 if value <= 0xFFFF and dice.random() < 0.5 else 4
    changed[at : at + width] = value.to_bytes(width, dice.choice(("big", "little")))
    return bytes(changed)


def _as_text(dice: random.Random, data: bytes, _: bytes) -> bytes:
    """Base64, damaged."""
    import base64

    text = bytearray(base64.b64encode(data))
    for _changed in range(dice.choice((0, 1, 5))):
        text[dice.randrange(len(text))] = dice.randrange(256)
    return bytes(text[: len(text) - dice.randrange(4)])


MUTATIONS: tuple[Mutation, ...] = (
    _flip, _flip, _flip_in_head, _cut, _cut_out, _put_in, _repeat, _splice, _extreme_number, _extreme_number, _as_text,
)  # fmt: skip


def mutated(originals: dict[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """(what was done, bytes), the same for the same seed: bombs first, then random damage."""
    bombs = list(enormous())
    yield from bombs[:count]
    dice = random.Random(seed)
    names = sorted(originals)
    for number in range(count - len(bombs)):
        name = dice.choice(names)
        data = originals[name]
        done = []
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            mutation = dice.choice(MUTATIONS)
            data = mutation(dice, data, originals[dice.choice(names)]) or b"\0"
            done.append(mutation.__name__.strip("_"))
        yield f"{number} {name}: {', '.join(done)}", data


def enormous(side: int = 20_000) -> Iterator[tuple[str, bytes]]:
    """Small files of side x side pixels: what they say is true of some, and only said by others."""
    yield "png of 1 bit", png(side, side, 1, 0)
    yield "png of 8 bits, only the head", png(side, side, 8, 2, rows=4)
    yield "png, long and narrow", png(1_000_000, 16, 8, 0, rows=1)
    yield "png of 2**31-1", png(2**31 - 1, 2**31 - 1, 8, 6, rows=0)
    yield "png just under the limit of pixels", png(7000, 7000, 1, 0)
    yield "png of 16 bits just under the limit", png(7000, 7000, 16, 6)
    for size in ((side, side), (65_535, 65_535), (7000, 7000)):
        yield f"jpeg of {size}", _jpeg_of(*size)
        yield f"progressive jpeg of {size}", _jpeg_of(*size, progressive=True)
    for kind, options in (("WEBP", {"quality": 1}), ("AVIF", {"quality": 1, "speed": 10}), ("GIF", {})):
        file = io.BytesIO()
        Image.new("L", (3000, 3000)).save(file, kind, **options)
        yield f"true {kind} of 3000 x 3000", file.getvalue()
    yield "webp that claims 16383 x 16383", _claimed_webp()
    yield "png with a compressed text bomb", _png_text_bomb()
    yield "tiff that claims much", b"II*\0" + struct.pack("<IH", 8, 0xFFFF) + b"\xff" * 1000
    for brand in (b"heic", b"avif", b"mif1"):
        yield f"{brand.decode()} that claims 20000 x 20000", _claimed_heif(brand, side)
        yield f"{brand.decode()} with boxes in boxes", _nested_boxes(brand)


def png(width: int, height: int, bits: int, colour: int, rows: int | None = None) -> bytes:
    """A valid PNG of zeros; with `rows`, one whose data ends after so many."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = 1 + (width * bits * channels + 7) // 8
    packer = zlib.compressobj(1)
    body = b""
    if row < 1 << 24:
        body = b"".join(packer.compress(b"\0" * row) for _ in range(height if rows is None else rows))
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body + packer.flush()) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_text_bomb() -> bytes:
    text = zlib.compress(b"\0" * 64 * 1024 * 1024, 9)
    plain = png(64, 64, 8, 0)
    return plain[:33] + _chunk(b"zTXt", b"Comment\0\0" + text) + _chunk(b"iCCP", b"icc\0\0" + text) + plain[33:]


def _jpeg_of(width: int, height: int, *, progressive: bool = False) -> bytes:
    """A tiny JPEG whose frame header says another size."""
    file = io.BytesIO()
    Image.new("L", (64, 64)).save(file, "JPEG", progressive=progressive)
    data = bytearray(file.getvalue())
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _claimed_webp() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "WEBP")
    data = bytearray(file.getvalue())
    data[26:30] = struct.pack("<HH", 16_383, 16_383)
    return bytes(data)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _claimed_heif(brand: bytes, side: int) -> bytes:
    """A HEIF file with one item that says its size and has no picture behind it (ISO/IEC 23008-12)."""
    item = b"av01" if brand == b"avif" else b"hvc1"
    infe = _box(b"infe", b"\x02\0\0\0" + struct.pack(">HH", 1, 0) + item + b"\0")
    sizes = _box(b"ispe", b"\0" * 4 + struct.pack(">II", side, side))
    meta = b"\0" * 4 + b"".join(
        (
            _box(b"hdlr", b"\0" * 8 + b"pict" + b"\0" * 13),
            _box(b"pitm", b"\0" * 4 + struct.pack(">H", 1)),
            _box(b"iloc", b"\0" * 4 + b"\x44\0" + struct.pack(">HHHHII", 1, 1, 0, 1, 0, 2**31 - 1)),
            _box(b"iinf", b"\0" * 4 + struct.pack(">H", 1) + infe),
            _box(b"iprp", _box(b"ipco", sizes) + _box(b"ipma", b"\0" * 4 + struct.pack(">IHBB", 1, 1, 1, 0x81))),
        )
    )
    return _box(b"ftyp", brand + b"\0" * 4 + brand + b"mif1") + _box(b"meta", meta) + _box(b"mdat", b"\0" * 64)


def _nested_boxes(brand: bytes) -> bytes:
    inner = b""
    for _ in range(3000):
        inner = _box(b"meta", b"\0" * 4 + inner)
    return _box(b"ftyp", brand + b"\0" * 4 + brand) + inner
