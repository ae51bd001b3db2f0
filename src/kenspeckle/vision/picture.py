"""Draws results into a photograph: a frame around each face, and a label that is readable at any size."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from kenspeckle.domain import Box, Landmark
from kenspeckle.vision.decode import Photograph

MAX_SIDE: Final = 2560
"""Pixels of the longest side of the picture drawn; larger photographs are shrunk to it."""
MIN_SIDE: Final = 640
"""Smaller photographs are enlarged to it, or a label would be wider than the photograph."""

KNOWN: Final = "#14b8a6"
UNKNOWN: Final = "#f59e0b"
INK: Final = "#0b1220"

MAX_BYTES: Final = 1 << 30
MAX_PIXELS: Final = 200_000_000


@dataclass(frozen=True, slots=True)
class Mark:
    """A face to be framed; `known` chooses the colour, no label writes none."""

    box: Box
    label: str = ""
    known: bool = True
    landmarks: tuple[Landmark, ...] = ()


def annotate(data: bytes, marks: Sequence[Mark]) -> bytes:
    """The photograph, upright, with every mark drawn in: PNG where it was a PNG, else JPEG.

    Raises UnsupportedImage, DamagedImage, ImageTooLarge, ImageTooSmall.
    """
    photo = Photograph(data, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
    picture = draw_marks(_fit(photo.image(MAX_SIDE)), marks)
    written = io.BytesIO()
    if photo.media_type == "image/png":
        picture.save(written, "PNG")
    else:
        picture.save(written, "JPEG", quality=90)
    return written.getvalue()


def draw_marks(picture: Image.Image, marks: Sequence[Mark]) -> Image.Image:
    """The picture itself, with every mark drawn in."""
    draw = ImageDraw.Draw(picture, "RGBA")
    taken: list[tuple[float, float, float, float]] = []
    # Large faces first, so that a small one in front of them stays visible.
    for mark in sorted(marks, key=lambda one: -one.box.area):
        _frame(draw, mark, picture.size)
    for mark in sorted(marks, key=lambda one: -one.box.area):
        if mark.label:
            _label(draw, mark, picture.size, taken)
    return picture


def _fit(picture: Image.Image) -> Image.Image:
    longest = max(picture.size)
    side = min(max(longest, MIN_SIDE), MAX_SIDE)
    if side == longest:
        return picture.copy()
    size = (max(1, round(picture.width * side / longest)), max(1, round(picture.height * side / longest)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _stroke(size: tuple[int, int]) -> int:
    """Width of lines in pixels, in proportion to the picture."""
    return max(2, round(max(size) / 400))


def _frame(draw: ImageDraw.ImageDraw, mark: Mark, size: tuple[int, int]) -> None:
    width, height = size
    line = _stroke(size)
    box = mark.box
    left, top = box.left * width, box.top * height
    right, bottom = left + max(box.width * width, 2 * line), top + max(box.height * height, 2 * line)
    colour = KNOWN if mark.known else UNKNOWN
    round_ = min(right - left, bottom - top) * 0.12
    # A dark line under the bright one keeps it visible on any ground.
    edges = [(left - line / 2, top - line / 2), (right + line / 2, bottom + line / 2)]
    draw.rounded_rectangle(edges, round_, outline=INK + "a0", width=2 * line)
    draw.rounded_rectangle([(left, top), (right, bottom)], round_, outline=colour, width=line)
    radius = max(1.5, line * 0.8)
    for point in mark.landmarks:
        x, y = point.x * width, point.y * height
        draw.ellipse([(x - radius, y - radius), (x + radius, y + radius)], fill=colour, outline=INK + "a0")


def _label(
    draw: ImageDraw.ImageDraw, mark: Mark, size: tuple[int, int], taken: list[tuple[float, float, float, float]]
) -> None:
    """The label on a plate under the frame, or over it, or inside: where it fits and covers no other plate."""
    width, height = size
    font, text = _fitting(draw, mark.label, width, max(13, round(max(size) / 48)))
    pad = font.size * 0.35
    plate_width, plate_height = draw.textlength(text, font=font) + 2 * pad, font.size + 2 * pad
    gap = _stroke(size) * 1.5
    box = mark.box
    x = min(max(0.0, (box.left + box.width / 2) * width - plate_width / 2), width - plate_width)
    below, above = (box.top + box.height) * height + gap, box.top * height - gap - plate_height
    inside = (box.top + box.height) * height - gap - plate_height
    tops = (min(max(0.0, y), height - plate_height) for y in (below, above, inside, below + plate_height))
    places = [(x, y, x + plate_width, y + plate_height) for y in tops]
    place = next((one for one in places if not any(_meet(one, other) for other in taken)), places[0])
    taken.append(place)
    draw.rounded_rectangle([place[:2], place[2:]], pad, fill=(KNOWN if mark.known else UNKNOWN) + "e6")
    draw.text((place[0] + pad, (place[1] + place[3]) / 2), text, fill=INK, font=font, anchor="lm")


def _fitting(draw: ImageDraw.ImageDraw, text: str, width: int, wanted: int) -> tuple[ImageFont.FreeTypeFont, str]:
    """Pillow's own font at the wanted size, and the text shortened until it is no wider than the picture."""
    font = ImageFont.load_default(size=wanted)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("labels need a Pillow with FreeType, as its wheels are")
    # That font holds ASCII alone.
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = " ".join(plain.split())
    room = width - wanted
    if draw.textlength(text, font=font) <= room:
        return font, text
    while len(text) > 1 and draw.textlength(text + "...", font=font) > room:
        text = text[:-1]
    return font, text + "..."


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
