"""Fuzzes the heads of photographs by their grammar: parts repeated, dropped, put elsewhere, with other lengths.

Each yields pixels or a domain error, within a bound of processor time that fits its size. A soak does thousands; what
was once found to be wrong lies in `corpus` and is tried in every run."""

from __future__ import annotations

import random
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kenspeckle.errors import KenspeckleError
from kenspeckle.vision.decode import Photograph
from tests.soak import either
from tests.vision.drawing import HEIC, encode, exif, quarters
from tests.vision.hostile_heads import CORPUS

SECONDS = 1.0
"""Of processor time, for a photograph of at most MOST_PIXELS; ten times what the slowest takes on a quiet machine."""
MOST_PIXELS = 4_000_000

Part = tuple[bytes, bytes]


def seeds() -> dict[str, list[bytes]]:
    picture, clear = quarters(), quarters().convert("RGBA")
    metadata = {"exif": exif(6), "icc_profile": bytes(300)}
    return {
        "jpeg": [encode(picture, "JPEG", **metadata), encode(picture, "JPEG", progressive=True), _mpo(picture)],
        "png": [encode(clear, "PNG", **metadata), encode(picture.quantize(8), "PNG"), _animated(picture, "PNG")],
        "webp": [encode(clear, "WEBP", lossless=True, **metadata), _animated(picture, "WEBP"), encode(picture, "WEBP")],
        "boxes": [encode(clear, "AVIF", **metadata), _animated(picture, "AVIF"), encode(picture, "AVIF")],
    }  # fmt: skip


def _animated(picture: Image.Image, kind: str) -> bytes:
    return encode(picture, kind, save_all=True, append_images=[picture.rotate(90), picture.rotate(180)])


def _mpo(picture: Image.Image) -> bytes:
    return encode(picture, "MPO", save_all=True, append_images=[picture.rotate(90)])


def jpeg_parts(data: bytes) -> list[Part]:
    """(marker, segment with what follows it) of a sound file."""
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xDA:
            while not (data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8))):
                end += 1
        found.append((data[at : at + 2], data[at + 4 : end]))
        at = end
    return found


def jpeg_of(parts: list[Part], dice: random.Random) -> bytes:
    made = []
    for kind, inside in parts:
        # What follows the header of a scan is not counted.
        length = 6 + 2 * inside[0] if kind == b"\xff\xda" and inside else len(inside) + 2
        made.append(kind + struct.pack(">H", _length(length, dice, 65_535)) + inside)
    body = b"".join(made)
    return b"\xff\xd8" + body + dice.choice((b"\xff\xd9", b"\xff\xd9", b"", b"\xff", bytes(9)))


def png_parts(data: bytes) -> list[Part]:
    found, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png_of(parts: list[Part], dice: random.Random) -> bytes:
    made = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in parts:
        check = zlib.crc32(kind + body) ^ (dice.random() < 0.02)
        made.append(struct.pack(">I", _length(len(body), dice, 1 << 31)) + kind + body + struct.pack(">I", check))
    return b"".join(made)


def riff_parts(data: bytes) -> list[Part]:
    found, at = [], 12
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + (length & 1)
    return found


def riff_of(parts: list[Part], dice: random.Random) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", _length(len(one), dice, 1 << 31)) + one + bytes(len(one) & 1) for kind, one in parts
    )
    return b"RIFF" + struct.pack("<I", _length(len(body) + 4, dice, 1 << 31)) + b"WEBP" + body


def box_parts(data: bytes) -> list[Part]:
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + length]))
        at += length
    return found


def box_of(parts: list[Part], dice: random.Random) -> bytes:
    return b"".join(struct.pack(">I", _length(len(body) + 8, dice, 1 << 31)) + kind + body for kind, body in parts)


FORMATS: dict[str, tuple[Callable[[bytes], list[Part]], Callable[[list[Part], random.Random], bytes]]] = {
    "jpeg": (jpeg_parts, jpeg_of),
    "png": (png_parts, png_of),
    "webp": (riff_parts, riff_of),
    "boxes": (box_parts, box_of),
}


class Honest(random.Random):
    """Never lies about a length."""

    def random(self) -> float:
        return 1.0

    def choice(self, seq: Any) -> Any:
        return seq[0]


def _length(true: int, dice: random.Random, most: int) -> int:
    """Mostly the true length."""
    if dice.random() > 0.01:
        return true
    return dice.choice((0, 1, 2, true + 1, max(0, true - 1), dice.randrange(true + 100), most - 1)) % most


def mutated(parts: list[Part], others: list[Part], dice: random.Random) -> list[Part]:
    parts = list(parts)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(parts) + 1)
        what = dice.randrange(7)
        one = parts[at % len(parts)] if parts else dice.choice(others)
        if what == 0:
            parts[at:at] = [one] * dice.choice((1, 2, 50, 5000, 30_000))
        elif what == 1 and parts:
            del parts[at % len(parts)]
        elif what == 2:
            parts.insert(at, dice.choice(others))
        elif what == 3:
            parts.insert(at, (one[0], b""))
        elif what == 4:
            dice.shuffle(parts)
        elif parts:
            body = bytearray(one[1])
            for _changed in range(dice.choice((1, 2, 8))):
                if body:
                    body[dice.randrange(min(len(body), dice.choice((16, 64, 400))))] = dice.choice(
                        (0, 1, 127, 255, dice.randrange(256))
                    )
            parts[at % len(parts)] = (one[0], bytes(body))
    return parts


def tried(data: bytes) -> bool:
    """Whether it has pixels. Anything but those and a domain error fails the test, and so does more time than fits."""
    begun = time.process_time()
    try:
        photo = Photograph(data, max_bytes=15 << 20, max_pixels=MOST_PIXELS)
        for longest in (32, 1 << 20):
            photo.image(longest)
        return True
    except KenspeckleError:
        return False
    finally:
        assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_heads_made_by_grammar(kind: str) -> None:
    dice = random.Random(kind)
    take_apart, put_together = FORMATS[kind]
    whole = [take_apart(data) for data in seeds()[kind]]
    others = [part for parts in whole for part in parts]
    outcomes = [
        tried(put_together(mutated(dice.choice(whole), others, dice), dice)) for _ in range(either(400, 40_000))
    ]
    assert sum(outcomes) > len(outcomes) // 50
    assert sum(outcomes) < len(outcomes)


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_the_grammar_makes_sound_files_of_sound_parts(kind: str) -> None:
    take_apart, put_together = FORMATS[kind]

    for data in seeds()[kind]:
        assert tried(data)
        assert tried(put_together(take_apart(data), Honest(0)))


@pytest.mark.parametrize("file", sorted(CORPUS.iterdir()), ids=lambda file: file.name)
def test_what_was_found_before(file: Path) -> None:
    tried(file.read_bytes())


def test_heic_containers() -> None:
    """Their pixels are decoded elsewhere: the head alone, which decides about it."""
    dice = random.Random(9)
    parts = box_parts(HEIC)
    for _ in range(either(400, 20_000)):
        begun = time.process_time()
        with suppress(KenspeckleError):
            Photograph(box_of(mutated(parts, parts, dice), dice), max_bytes=15 << 20, max_pixels=MOST_PIXELS)
        assert time.process_time() - begun < SECONDS
