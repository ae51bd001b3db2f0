"""Draws the demo's contact sheet: every photograph with the faces that were found, who they are, and how alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from kenspeckle.domain import Box

TILE = 240
CAPTION = 66
GAP = 14
HEAD = 54
PAPER = (250, 249, 246)
INK = (33, 37, 41)
FAINT = (110, 117, 125)
RIGHT = (22, 138, 84)
WRONG = (200, 48, 48)
KNOWN = (37, 99, 189)


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of the sheet, with a caption of two lines at most. `verdict` is True (as expected), False (not so),
    or None for an indexed photograph."""

    picture: Image.Image
    boxes: Sequence[Box]
    title: str
    caption: str
    verdict: bool | None = None


def contact_sheet(heading: str, tiles: Sequence[Tile], across: int) -> Image.Image:
    """All tiles in rows of `across` under a heading."""
    rows = -(-len(tiles) // across)
    size = (GAP + across * (TILE + GAP), HEAD + rows * (TILE + CAPTION + GAP))
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), heading, INK, _font(24))
    for number, tile in enumerate(tiles):
        left = GAP + number % across * (TILE + GAP)
        top = HEAD + number // across * (TILE + CAPTION + GAP)
        _place(sheet, draw, tile, left, top)
    return sheet


def _place(sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, left: int, top: int) -> None:
    colour = {None: KNOWN, True: RIGHT, False: WRONG}[tile.verdict]
    draw.rectangle((left, top, left + TILE - 1, top + TILE - 1), (235, 233, 228))
    scale = min(TILE / tile.picture.width, TILE / tile.picture.height)
    size = (max(1, round(tile.picture.width * scale)), max(1, round(tile.picture.height * scale)))
    picture = tile.picture.resize(size, Image.Resampling.LANCZOS)
    across, down = left + (TILE - size[0]) // 2, top + (TILE - size[1]) // 2
    sheet.paste(picture, (across, down))
    for box in tile.boxes:
        corners = (
            across + max(0.0, box.left) * size[0],
            down + max(0.0, box.top) * size[1],
            across + min(1.0, box.left + box.width) * size[0] - 1,
            down + min(1.0, box.top + box.height) * size[1] - 1,
        )
        draw.rectangle(corners, outline=colour, width=3)
    draw.rectangle((left, top + TILE, left + TILE - 1, top + TILE + 3), colour)
    draw.text((left, top + TILE + 8), _fitting(draw, tile.title, 16), INK, _font(16))
    for number, line in enumerate(tile.caption.splitlines()[:2]):
        draw.text((left, top + TILE + 29 + 17 * number), _fitting(draw, line, 14), FAINT, _font(14))


def _fitting(draw: ImageDraw.ImageDraw, text: str, size: int) -> str:
    font = _font(size)
    while draw.textlength(text, font) > TILE and len(text) > 1:
        text = text[:-2].rstrip() + "…"
    return text


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow."""
    return ImageFont.load_default(size)
