"""Draws the pictures of the documentation: `make pictures`. Needs node and a Chromium besides what set-up installs."""

from __future__ import annotations

import sys

from docs.making import diagrams, plots, portraits, screenshots
from docs.making.fences import PICTURES

if __name__ == "__main__":
    for picture in [
        *diagrams.draw(),
        *plots.draw(PICTURES),
        *portraits.draw(PICTURES),
        *screenshots.draw(PICTURES),
    ]:
        sys.stdout.write(f"{picture.relative_to(PICTURES.parents[1])}\n")
