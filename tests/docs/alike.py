"""Whether a command printed or drew what the page shows, but for what differs from run to run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

UNIMPORTANT = (
    (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::[\d.]+)?(?:\+00:00)?", "<moment>"),
    (r"\(\d+\.\d s(?:, [\d.]+ a second)?\)", "<duration>"),
    (r"\bkey-[a-z0-9]{12}\b", "<key>"),
    (r"\bksp_\w+", "<secret>"),
)
"""(pattern, what stands for it): ids, times and secrets."""
NEAR = 0.6
"""How far a number with a decimal point may be off: similarities and confidences differ in the last places from one
processor to another."""
_PIECE = re.compile(r"\.\.\.|-?\d+\.\d+|-?\d+°|\s+|.", re.DOTALL)


def difference(told: str, shown: str) -> str | None:
    """None where `told` is what `shown` says; `...` stands for anything. Otherwise both, to read."""
    pattern, numbers = "", []
    for piece in _PIECE.findall(_plain(shown)):
        if piece == "...":
            pattern += ".*?"
        elif re.fullmatch(r"-?\d+\.\d+", piece):
            pattern += r"(-?\d+\.\d+)"
            numbers.append((float(piece), NEAR))
        elif piece.endswith("°") and len(piece) > 1:
            pattern += r"(-?\d+)°"
            numbers.append((float(piece[:-1]), 1.0))
        else:
            pattern += r"\s+" if piece.isspace() else re.escape(piece)
    found = re.fullmatch(pattern, _plain(told), re.DOTALL)
    if found and all(
        abs(float(one) - wanted) <= near for one, (wanted, near) in zip(found.groups(), numbers, strict=True)
    ):
        return None
    return f"it printed:\n{told}\nthe page shows:\n{shown}"


def _plain(text: str) -> str:
    for pattern, name in UNIMPORTANT:
        text = re.sub(pattern, name, text)
    return text.strip()


def same_picture(drawn: Path, shown: Path) -> bool:
    """Whether two photographs look alike, but for a digit of a similarity written into them."""
    one, other = (np.asarray(Image.open(file).convert("L"), np.float32) for file in (drawn, shown))
    return one.shape == other.shape and float(np.abs(one - other).mean()) < 1


def same_plot(drawn: Path, shown: Path) -> bool:
    """Whether two SVG files are equal but for the last places of numbers, which differ between processors."""
    number = re.compile(r"-?\d+\.\d+")
    one, other = (file.read_text("utf-8") for file in (drawn, shown))
    if number.sub("0", one) != number.sub("0", other):
        return False
    here, there = (np.array(number.findall(text), np.float64) for text in (one, other))
    return bool(np.allclose(here, there, atol=0.01))
