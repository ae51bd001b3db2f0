"""Cuts a face out of its photograph, with some surroundings, upright, as a JPEG."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from PIL import Image

from kenspeckle.domain import Box
from kenspeckle.domain.detection import THUMBNAIL_MARGIN
from kenspeckle.ports import Photo
from kenspeckle.settings import Settings
from kenspeckle.vision.decode import Photograph

THUMBNAIL_SIDE: Final = 256

PORTRAIT_SIDE: Final = 1024
PORTRAIT_MARGIN: Final = 0.5
"""The same of a portrait, in which a detector has to find the face again; too much would show larger faces beside
it."""

LEAST_SIDE: Final = 160
"""Pixels that a portrait is enlarged to: twice the least that Amazon Rekognition accepts."""


class Cutter:
    """For the managed recognizer, which has no engine; safe for many threads at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = threading.Lock()

    def thumbnail(self, image: bytes, box: Box) -> bytes:
        """JPEG of at most THUMBNAIL_SIDE pixels. Raises UnsupportedImage, DamagedImage, ImageTooLarge."""
        return thumbnail(self._open(image), box)

    def portraits(self, image: bytes, boxes: Sequence[Box]) -> Iterator[bytes]:
        """JPEGs of LEAST_SIDE to PORTRAIT_SIDE pixels, each made when it is asked for. Raises as `thumbnail`."""
        photo = self._open(image)
        for box in boxes:
            yield _portrait(photo, box)

    def _open(self, image: bytes) -> Photograph:
        limits = self._settings
        return Photograph(image, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels, turn=self._turn)


def thumbnail(photo: Photograph, box: Box) -> bytes:
    """The face as a JPEG of at most THUMBNAIL_SIDE pixels. Raises DamagedImage."""
    return _jpeg(_cut(photo, box, THUMBNAIL_MARGIN, THUMBNAIL_SIDE), 88)


def portrait(photo: Photo, box: Box) -> bytes:
    """The face as a JPEG of LEAST_SIDE to PORTRAIT_SIDE pixels, in which a detector finds it again. Raises
    DamagedImage."""
    if not isinstance(photo, Photograph):
        raise TypeError("the photograph was not opened by this package")
    return _portrait(photo, box)


def _portrait(photo: Photograph, box: Box) -> bytes:
    picture = _cut(photo, box, PORTRAIT_MARGIN, PORTRAIT_SIDE)
    if min(picture.size) < LEAST_SIDE:
        scale = LEAST_SIDE / min(picture.size)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    return _jpeg(picture, 95)


def _cut(photo: Photograph, box: Box, margin: float, side: int) -> Image.Image:
    """The box and `margin` at each side (in units of its longer side), at most `side` pixels."""
    width, height = box.width * photo.width, box.height * photo.height
    around = margin * max(width, height)
    shown = max(width, height, 1.0) + 2 * around
    picture = photo.image(round(max(photo.width, photo.height) * min(1.0, side / shown)))
    scale = picture.width / photo.width
    left, top = box.left * photo.width - around, box.top * photo.height - around
    area = (
        min(max(0, int(left * scale)), picture.width - 1),
        min(max(0, int(top * scale)), picture.height - 1),
        max(1, min(picture.width, round((left + width + 2 * around) * scale))),
        max(1, min(picture.height, round((top + height + 2 * around) * scale))),
    )
    cut = picture.crop((area[0], area[1], max(area[2], area[0] + 1), max(area[3], area[1] + 1)))
    cut.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return cut


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=quality, optimize=True)
    return written.getvalue()
