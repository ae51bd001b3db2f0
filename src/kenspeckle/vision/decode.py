"""Turns untrusted bytes into pixels: size, magic bytes and header are checked first, pixels are decoded on demand and
reduced.

Order of the checks: number of bytes, format by magic bytes against an allow-list, the head by a parser of our own
(`kenspeckle.formats`), which hands on what pixels depend on and nothing else; only then pixels, at the smallest scale
that serves the caller. Nothing but a `KenspeckleError` comes out.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

from PIL import AvifImagePlugin, Image, ImageChops, ImageFile, JpegImagePlugin, PngImagePlugin

from kenspeckle import formats
from kenspeckle.domain import Box, Vector
from kenspeckle.errors import DamagedImage, ImageTooLarge, ImageTooSmall, KenspeckleError, UnsupportedImage
from kenspeckle.vision import heif
from kenspeckle.vision.pixels import WORKING_PIXELS, finish

MIN_SIDE: Final = 16
"""Pixels. A shorter side holds no face that could be described."""

MAX_SIDE: Final = 65_535
"""Pixels. The longest side that JPEG can express; no camera is near it."""

LARGE_PIXELS: Final = 16_000_000
"""Pictures of more pixels are decoded one at a time in a process: one of them may need hundreds of megabytes."""

PARTS: Final = {formats.WEBP: 0.48, formats.AVIF: 0.5, formats.HEIC: 0.5}
"""Part of the allowed pixels that these formats may have: their decoders hold three or four copies of the picture at
once, and HEIC takes a core the longest."""
LOSSLESS: Final = 0.45
"""That of a WebP which is compressed without loss."""

MAX_PASSES: Final = {formats.JPEG: 20.0, formats.AVIF: 2.5}
"""How often a decoder may go over the most pixels that are allowed: the scans of a JPEG, each over what part of the
components it has (encoders write eight to fourteen), or the frames of an AVIF (colours and transparency). A picture of
fewer pixels may have more."""

MAX_BUFFERED: Final = 4
"""Bytes a pixel allowed that a decoder may keep beside its output."""

_READERS: Final[dict[str, type[ImageFile.ImageFile]]] = {
    formats.JPEG: JpegImagePlugin.JpegImageFile,
    formats.PNG: PngImagePlugin.PngImageFile,
    formats.AVIF: AvifImagePlugin.AvifImageFile,
}


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """Around calls of the decoding libraries only: whatever they raise on hostile bytes becomes a domain error."""
    try:
        yield
    except KenspeckleError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageTooLarge("The image needs more memory than there is to decode; send a smaller one.") from error
    except Exception as error:
        raise DamagedImage("The image is damaged or cut off and can't be decoded; save or send it again.") from error


class Photograph:
    """A photograph whose head was checked (`ports.Photo`). Pixels are decoded on demand; for one thread at a time."""

    def __init__(self, data: bytes, *, max_bytes: int, max_pixels: int, turn: threading.Lock | None = None) -> None:
        """Judges bytes and head. `turn` is taken while a picture of more than LARGE_PIXELS is decoded.

        Raises UnsupportedImage (DamagedImage), ImageTooLarge, ImageTooSmall.
        """
        if not data:
            raise UnsupportedImage(f"The body is empty; {formats.TAKEN}.")
        if len(data) > max_bytes:
            raise ImageTooLarge(f"The image has {len(data)} bytes; at most {max_bytes} are taken.")
        self.media_type = formats.media_type(data)
        most = _most(self.media_type, max_pixels)
        self._head = formats.head(data, lambda width, height: _check_most(width, height, most, self.media_type))
        if self._head.lossless:
            most = int(max_pixels * LOSSLESS)
        _check(self._head, most)
        turned = self._head.orientation >= 5
        self.width, self.height = self._head.width, self._head.height
        if turned:
            self.width, self.height = self.height, self.width
        self._turn = turn
        self._decoded: Image.Image | None = None
        self._full = False
        self.chips: dict[Box, Image.Image] = {}
        """Faces that the engine has cut out already, by their boxes."""
        self.templates: dict[Box, Vector] = {}
        """Theirs, as the embedder made them."""
        self.smoothing = 0.0
        """Standard deviation in pixels of the Gaussian that its faces were found through; 0: none."""
        self.part = 1.0
        """Part of the places that a photograph may have looked at closely which this one may."""

    def image(self, longest: int) -> Image.Image:
        """RGB, upright; its longest side has at least `longest` pixels, or as many as there are (or WORKING_PIXELS
        allows). May be larger. Decoding happens once for each scale; a finer one replaces a coarser one.

        Raises DamagedImage, ImageTooLarge (no memory).
        """
        if self._decoded is None or not (self._full or max(self._decoded.size) >= longest):
            self._decoded = None  # frees the coarser one first
            large = self.width * self.height > LARGE_PIXELS
            with self._turn if large and self._turn else nullcontext(), _foreign_errors():
                self._decoded = self._decode(longest)
        return self._decoded

    def _decode(self, longest: int) -> Image.Image:
        head = self._head
        if self.media_type == formats.HEIC:
            self._full = True
            return finish(heif.decode(head, WORKING_PIXELS), head.orientation)
        if not head.tails:
            return finish(self._read(head.picture, longest), head.orientation)
        # The end of the picture is not marked. If all pixels are present, bytes appended there change no pixel.
        one, other = (self._read(head.picture + tail, longest) for tail in head.tails)
        if ImageChops.difference(one, other).getbbox(alpha_only=False) is not None:
            raise DamagedImage("The image is cut off: pixels are missing at its end; save or send it again.")
        return finish(one, head.orientation)

    def _agrees(self, opened: Image.Image) -> Image.Image:
        if opened.size != (self._head.width, self._head.height):
            raise DamagedImage("The image contradicts itself about its size; save it again with any image program.")
        return opened

    def _read(self, picture: bytes, longest: int) -> Image.Image:
        """The pixels at the scale that serves; notes whether there is no finer one."""
        if self.media_type == formats.WEBP:
            self._full = True
            return self._agrees(_webp_pixels(picture))
        # The plug-in itself and not Image.open: no format is guessed, no other plug-in is loaded.
        reader = _READERS[self.media_type](io.BytesIO(picture))
        self._agrees(reader)
        self._full = True
        if isinstance(reader, JpegImagePlugin.JpegImageFile):
            # libjpeg decodes at 1/8, 1/4 or 1/2 by smaller inverse transforms: cheaper, and well filtered.
            possible = [scale for scale in (1, 2, 4, 8) if scale == 1 or min(reader.size) >= scale]
            pixels = reader.width * reader.height
            least = next((one for one in possible if pixels <= WORKING_PIXELS * one * one), possible[-1])
            scale = max(least, *(one for one in possible if one == 1 or max(reader.size) >= one * longest))
            if scale > 1:
                reader.draft(None, (reader.width // scale, reader.height // scale))
            self._full = scale == least
        reader.load()
        return reader


def _webp_pixels(picture: bytes) -> Image.Image:
    """As Pillow's plug-in does it, with two copies of the pixels less: it keeps the decoder's and makes one of its own.

    Pillow has no public way to that; its version is pinned."""
    from PIL import _webp  # Not in the zip of AWS Lambda, which takes JPEG and PNG alone.

    decoder = _webp.WebPAnimDecoder(picture)
    size, *_, mode = decoder.get_info()
    pixels, _ = decoder.get_next()
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)


def _most(media_type: str, max_pixels: int) -> int:
    return int(max_pixels * PARTS.get(media_type, 1))


def _check(head: formats.Head, max_pixels: int) -> None:
    """Raises ImageTooLarge, ImageTooSmall."""
    _check_most(head.width, head.height, max_pixels, head.media_type)
    if min(head.width, head.height) < MIN_SIDE:
        raise ImageTooSmall(
            f"The image has {head.width} x {head.height} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed."
        )
    passes = MAX_PASSES.get(head.media_type, 1.0)
    if head.passes * head.width * head.height > passes * max_pixels or head.buffered > MAX_BUFFERED * max_pixels:
        raise ImageTooLarge(
            f"The image of {head.width} x {head.height} pixels comes in too many scans or layers to be decoded in "
            "reasonable time and memory; save it again as a plain JPEG."
        )


def _check_most(width: int, height: int, max_pixels: int, media_type: str) -> None:
    if width * height <= max_pixels and max(width, height) <= MAX_SIDE:
        return
    less = ""
    if media_type in PARTS:
        less = f" of {media_type}, which takes more memory or time than a JPEG, of which more are; send it as one"
    raise ImageTooLarge(
        f"The image has {width} x {height} pixels; at most {max_pixels} pixels and {MAX_SIDE} a side are taken{less}. "
        "The operator sets the limit (KENSPECKLE_MAX_IMAGE_PIXELS)."
    )
