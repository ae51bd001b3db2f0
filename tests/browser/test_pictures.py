"""The picture of the console in the documentation shows the console of today."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from docs.making import screenshots
from docs.making.fences import PICTURES
from PIL import Image
from playwright.sync_api import Browser

COARSE = (80, 50)
"""So small that a digit makes no difference, and another arrangement does."""
DIFFERENCE = 3.0
"""Mean difference of grey levels, 0..255. The dark theme is 190 off, the page without its side 5."""


def coarse(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(Image.open(file).convert("L").resize(COARSE, Image.Resampling.BOX), np.float32)


def test_the_console_looks_as_the_documentation_shows_it(browser: Browser, server: str, tmp_path: Path) -> None:
    taken = screenshots.who(browser, server, tmp_path / "console-who.jpg")
    if Image.open(taken).info["comment"] != Image.open(PICTURES / taken.name).info["comment"]:
        pytest.skip("this machine's fonts are others than those of the picture, so its lines break elsewhere")
    difference = float(np.abs(coarse(taken) - coarse(PICTURES / taken.name)).mean())
    assert difference < DIFFERENCE, "run: make pictures"
