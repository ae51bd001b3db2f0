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
_FACTORS: Final = (8, 4, 2)
"""By which a picture is reduced at most, as decoders of JPEG do it."""


class Frame(Photograph):
    """`ports.Photo` of a sample; for one thread at a time."""

    def __init__(self, sample: Sample) -> None:
        picture = Image.frombuffer("RGB", (sample.width, sample.height), sample.pixels, "raw", "RGB", 0, 1)
        self._picture = picture.transpose(_TURNS[sample.turned]) if sample.turned else picture
        self._reduced = self._picture
        self.width, self.height = self._picture.size
        self.media_type = ""
        self.chips = {}
        self.templates = {}
        self.smoothing = 0.0
        self.part = 1.0

    def image(self, longest: int) -> Image.Image:
        """As a photograph of this size gives it: reduced by 2, 4 or 8 where `longest` pixels are left; the whole frame
        for 0. Averages of 2 x 2 pixels take less time than the reduction that the
        detector makes otherwise."""
        side = max(self.width, self.height)
        factor = next((one for one in _FACTORS if longest > 0 and side >= one * longest), 1)
        if factor == 1:
            return self._picture
        if max(self._reduced.size) != -(-side // factor):
            self._reduced = self._picture.reduce(factor)
        return self._reduced
