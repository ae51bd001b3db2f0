"""Makes the demo's probes: one photograph cropped, turned, darkened, mirrored and made smaller."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image, ImageEnhance, ImageOps

from kenspeckle.domain import Box

TURN = 17
BRIGHTNESS = 0.35
SMALL = 128
MARGIN = 0.45


def open_upright(data: bytes) -> Image.Image:
    """The photograph in RGB, upright."""
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")


def jpeg(picture: Image.Image) -> bytes:
    """JPEG bytes of good quality."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def variations(photograph: Image.Image, face: Box) -> Iterator[tuple[str, Image.Image]]:
    """(what was done, picture) for each variation; `face` is where the face of the photograph is."""
    yield "cropped", photograph.crop(_around(photograph, face))
    yield f"turned {TURN}°", photograph.rotate(TURN, Image.Resampling.BICUBIC, expand=True, fillcolor="gray")
    yield f"darkened to {BRIGHTNESS:.0%}", ImageEnhance.Brightness(photograph).enhance(BRIGHTNESS)
    yield "mirrored", ImageOps.mirror(photograph)
    scale = SMALL / max(photograph.size)
    small = (round(photograph.width * scale), round(photograph.height * scale))
    yield f"{small[0]} x {small[1]} pixels", photograph.resize(small, Image.Resampling.LANCZOS)


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """The pictures in one row, of one height."""
    height = min(one.height for one in pictures)
    scaled = [
        one.resize((round(one.width * height / one.height), height), Image.Resampling.LANCZOS) for one in pictures
    ]
    row = Image.new("RGB", (sum(one.width for one in scaled), height))
    left = 0
    for one in scaled:
        row.paste(one, (left, 0))
        left += one.width
    return row


def _around(photograph: Image.Image, face: Box) -> tuple[int, int, int, int]:
    """The face and some surroundings, in pixels, within the photograph."""
    across, down = face.width * MARGIN, face.height * MARGIN
    return (
        round(max(0.0, face.left - across) * photograph.width),
        round(max(0.0, face.top - down) * photograph.height),
        round(min(1.0, face.left + face.width + across) * photograph.width),
        round(min(1.0, face.top + face.height + down) * photograph.height),
    )
