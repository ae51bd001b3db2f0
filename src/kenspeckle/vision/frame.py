"""A frame of a video as a photograph whose pixels are decoded already."""

from __future__ import annotations

from typing import Final

from PIL import Image

from kenspeckle.domain import Sample
from kenspeckle.vision.decode import Photograph

_TURNS: Final = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
"""Pillow counts anticlockwise."""


class Frame(Photograph):
    """`ports.Photo` of a sample; for one thread at a time."""

    def __init__(self, sample: Sample) -> None:
        picture = Image.frombuffer("RGB", (sample.width, sample.height), sample.pixels, "raw", "RGB", 0, 1)
        self._picture = picture.transpose(_TURNS[sample.turned]) if sample.turned else picture
        self.width, self.height = self._picture.size
        self.media_type = ""
        self.chips = {}
        self.templates = {}
        self.smoothing = 0.0

    def image(self, longest: int) -> Image.Image:
        """The whole frame, whatever is asked for."""
        return self._picture
