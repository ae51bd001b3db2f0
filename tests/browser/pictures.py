"""Photographs for the browser tests, made of the two public-domain samples."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from PIL import Image, ImageDraw, ImageEnhance

from tests.faults.portraits import sample

HEADS = {"grace_hopper.jpg": (110, 20, 430, 420), "astronaut.png": (120, 10, 360, 310)}


@cache
def grace() -> bytes:
    return sample("grace_hopper.jpg").read_bytes()


@cache
def eileen() -> bytes:
    return sample("astronaut.png").read_bytes()


@cache
def rocket() -> bytes:
    return sample("rocket.jpg").read_bytes()


def jpeg(picture: Image.Image, **how: Any) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=90, **how)
    return file.getvalue()


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@cache
def both() -> bytes:
    """The two side by side: Grace Hopper at the left, the larger face."""
    sheet = Image.new("RGB", (1000, 600))
    sheet.paste(picture(grace()).resize((500, 600)), (0, 0))
    sheet.paste(picture(eileen()).resize((500, 500)), (500, 50))
    return jpeg(sheet)


@cache
def crowd(across: int = 8, down: int = 5, shade: float = 1.0) -> bytes:
    """A wall of heads, the two in turn, each a little different."""
    heads = [Image.open(sample(name)).convert("RGB").crop(frame) for name, frame in HEADS.items()]
    wall = Image.new("RGB", (across * 160, down * 200), "gray")
    for at in range(across * down):
        head = ImageEnhance.Brightness(heads[at % 2].resize((150, 190))).enhance(shade * (0.85 + 0.01 * (at % 30)))
        wall.paste(head, (at % across * 160 + 5, at // across * 200 + 5))
    return jpeg(wall)


@cache
def dark() -> bytes:
    """Grace Hopper in a room without light."""
    return jpeg(ImageEnhance.Brightness(picture(grace())).enhance(0.05))


@cache
def sideways() -> bytes:
    """Grace Hopper as a phone stores her: lying, with an EXIF orientation that says how to turn it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(picture(grace()).rotate(90, expand=True), exif=exif)


@cache
def huge(width: int, height: int) -> bytes:
    """A photograph of that many pixels that packs well, with Grace Hopper in it."""
    sheet = Image.new("RGB", (width, height), "#667788")
    ImageDraw.Draw(sheet).rectangle((0, height // 2, width, height), fill="#445566")
    face = picture(grace()).resize((height * 5 // 6, height))
    sheet.paste(face, ((width - face.width) // 2, 0))
    return jpeg(sheet)
