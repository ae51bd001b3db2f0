"""Turns untrusted bytes into pixels: size, magic bytes and header are judged first, pixels come late and small.

Order of distrust: bytes counted, format by magic bytes against an allow-list, dimensions from the header alone,
and only then pixels, at the smallest scale that serves the caller. Nothing but a `KenspeckleError` comes out.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

from PIL import AvifImagePlugin, Image, ImageChops, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from kenspeckle.domain import Box
from kenspeckle.errors import DamagedImage, ImageTooLarge, ImageTooSmall, KenspeckleError, UnsupportedImage
from kenspeckle.vision import heif

MIN_SIDE: Final = 16
"""Pixels. A shorter side holds no face that could be described."""

MAX_SIDE: Final = 65_535
"""Pixels. The longest side that JPEG can express; no camera is near it."""

WORKING_PIXELS: Final = 16_000_000
"""A decoded picture of more pixels is reduced at once, so that memory stays bounded while faces are looked for."""

LARGE_PIXELS: Final = 16_000_000
"""Pictures of more pixels are decoded one at a time in a process: one of them may need hundreds of megabytes."""

WEBP_COST: Final = 2
"""A WebP may have this part of the pixels of others: its reader holds four copies of the picture at once."""

MAX_SCANS: Final = 100
"""Scans of a progressive JPEG. Encoders write about ten; each costs a pass over the whole picture."""

UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture with this EXIF orientation (tag 0x0112) into the one that a viewer sees."""

_READERS: Final[dict[str, type[ImageFile.ImageFile]]] = {
    "image/jpeg": JpegImagePlugin.JpegImageFile,
    "image/png": PngImagePlugin.PngImageFile,
    "image/webp": WebPImagePlugin.WebPImageFile,
    "image/avif": AvifImagePlugin.AvifImageFile,
}

_BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"),
}
"""Brands of the ISO base media file format (ISO/IEC 23008-12, AV1 Image File Format) and what they hold."""

_REFUSED: Final = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\0\0\x01\0", "an icon"),
    (b"<", "a text"),
)
_TAKEN: Final = "JPEG, PNG, WebP, AVIF and HEIC are taken"


def media_type(data: bytes) -> str:
    """The media type that the first bytes tell. Raises UnsupportedImage for everything outside the allow-list."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        # The major brand may be the general "mif1"; then the compatible brands tell.
        end = min(int.from_bytes(data[:4], "big"), 256, len(data))
        for brand in (data[8:12], *(data[at : at + 4] for at in range(16, end, 4))):
            if brand in _BRANDS:
                return _BRANDS[brand]
    for magic, name in _REFUSED:
        if data.startswith(magic):
            raise UnsupportedImage(f"This is {name} file, whatever its name says; {_TAKEN}. Convert it first.")
    raise UnsupportedImage(f"This is no image, or none of a known format; {_TAKEN}.")


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """Around calls of the decoding libraries alone: whatever they raise on hostile bytes becomes a domain error."""
    try:
        yield
    except KenspeckleError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageTooLarge("The image needs more memory than there is to decode; send a smaller one.") from error
    except Exception as error:
        raise DamagedImage("The image is damaged or cut off and can't be decoded; save or send it again.") from error


class Photograph:
    """A photograph whose header was checked (`ports.Photo`). Pixels are decoded on demand; for one thread at a time."""

    def __init__(self, data: bytes, *, max_bytes: int, max_pixels: int, turn: threading.Lock | None = None) -> None:
        """Judges bytes and header. `turn` is taken while a picture of more than LARGE_PIXELS is decoded.

        Raises UnsupportedImage (DamagedImage), ImageTooLarge, ImageTooSmall.
        """
        if not data:
            raise UnsupportedImage(f"The body is empty; {_TAKEN}.")
        if len(data) > max_bytes:
            raise ImageTooLarge(f"The image has {len(data)} bytes; at most {max_bytes} are taken.")
        self.media_type = media_type(data)
        self._data = data
        self._turn = turn
        self._opened: ImageFile.ImageFile | None = None
        self._decoded: Image.Image | None = None
        self._full = False
        self.chips: dict[Box, Image.Image] = {}
        """Faces that the engine has cut out already, by their boxes."""
        self.smoothing = 0.0
        """Standard deviation in pixels of the Gaussian that its faces were found through; 0: none."""
        if self.media_type == "image/webp":
            max_pixels //= WEBP_COST
            _check_size(*_webp_size(data), max_pixels)  # before the reader allocates its canvas
        elif self.media_type in ("image/avif", "image/heic"):
            for size in _boxed_sizes(data):
                _check_size(*size, max_pixels, least=1)  # tiles and thumbnails are among them
        with _foreign_errors():
            width, height, self._orientation = self._header()
        _check_size(width, height, max_pixels)
        turned = self._orientation >= 5
        self.width, self.height = (height, width) if turned else (width, height)
        if self.media_type == "image/jpeg" and data.count(b"\xff\xda") > MAX_SCANS:
            raise DamagedImage(f"The JPEG has more than {MAX_SCANS} scans; save it again as a plain JPEG.")

    def _header(self) -> tuple[int, int, int]:
        """Stored width and height in pixels, and the EXIF orientation (1..8) still to be applied."""
        if self.media_type == "image/heic":
            return *heif.size(self._data), 1
        self._opened = self._reader()
        return *self._opened.size, _orientation(self._opened, self._data)

    def _reader(self) -> ImageFile.ImageFile:
        """The opened file; one that was read is opened anew."""
        if self._opened is not None:
            reader, self._opened = self._opened, None
            return reader
        # The plug-in itself and not Image.open: no format is guessed, no other plug-in is loaded.
        return _READERS[self.media_type](io.BytesIO(self._data))

    def image(self, longest: int) -> Image.Image:
        """RGB, upright; its longest side has at least `longest` pixels, or as many as there are (or WORKING_PIXELS
        allows). May be larger. Decoding happens once for each scale; a finer one replaces a coarser one.

        Raises DamagedImage, ImageTooLarge (no memory).
        """
        if self._decoded is None or not (self._full or max(self._decoded.size) >= longest):
            self._decoded = None  # let the coarser one go first
            # An AVIF's header may claim less than its pixels take; the decoder finds out when it has them.
            large = self.width * self.height > LARGE_PIXELS or self.media_type == "image/avif"
            with self._turn if large and self._turn else nullcontext(), _foreign_errors():
                self._decoded = self._decode(longest)
        return self._decoded

    def _decode(self, longest: int) -> Image.Image:
        if self.media_type == "image/heic":
            image = heif.decode(self._data, WORKING_PIXELS)
            self._full = True
        else:
            reader = self._reader()
            scale = 1
            if isinstance(reader, JpegImagePlugin.JpegImageFile):
                # libjpeg decodes at 1/8, 1/4 or 1/2 by smaller inverse transforms: cheaper, and well filtered.
                scale = next((s for s in (8, 4, 2) if max(reader.size) >= s * longest and min(reader.size) >= s), 1)
                if scale > 1:
                    reader.draft(None, (reader.width // scale, reader.height // scale))
            reader.load()
            self._full = scale == 1
            image = reader
        if image.width * image.height > WORKING_PIXELS:
            image = _shrunk(image)
        image = _rgb(image)
        return image.transpose(UPRIGHT[self._orientation]) if self._orientation in UPRIGHT else image


def _check_size(width: int, height: int, max_pixels: int, least: int = MIN_SIDE) -> None:
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise ImageTooLarge(
            f"The image has {width} x {height} pixels; at most {max_pixels} pixels and {MAX_SIDE} a side are taken."
        )
    if min(width, height) < least:
        raise ImageTooSmall(f"The image has {width} x {height} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed.")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Canvas size by the first chunk (RFC 9649, sections 2.5 to 2.7)."""
    chunk = data[12:16]
    if chunk == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8L" and len(data) >= 25 and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and len(data) >= 30 and data[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    raise DamagedImage("The WebP header is damaged; save or send the image again.")


def _boxed_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Width and height in each `ispe` box (ISO/IEC 23008-12, 6.5.3) in front of the pixels."""
    end = data.find(b"mdat")
    end = len(data) if end < 0 else end
    at = data.find(b"ispe", 0, end)
    while 0 <= at <= len(data) - 16:
        yield int.from_bytes(data[at + 8 : at + 12], "big"), int.from_bytes(data[at + 12 : at + 16], "big")
        at = data.find(b"ispe", at + 4, end)


def _orientation(reader: ImageFile.ImageFile, data: bytes) -> int:
    """EXIF orientation, 1..8; 1 where there is none or it makes no sense: metadata must not cost a photograph."""
    try:
        if reader.format == "PNG" and "exif" not in reader.info and b"eXIf" in data:
            exif = Image.Exif()
            exif.load(_late_exif(data))
            value = exif.get(0x0112)
        elif reader.format == "PNG" and not {"exif", "Raw profile type exif"} & reader.info.keys():
            return 1  # getexif() would decode the whole picture to look behind it
        else:
            value = reader.getexif().get(0x0112)
    except Exception:  # Pillow's parser lets many kinds out on a hostile tag
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _late_exif(data: bytes) -> bytes:
    """The eXIf chunk of a PNG that has it behind the pixels; empty where there is none."""
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"eXIf":
            return b"Exif\0\0" + data[at + 8 : at + 8 + size]
        at += 12 + size
    return b""


def _shrunk(image: Image.Image) -> Image.Image:
    """The picture reduced by the smallest whole factor that brings it under WORKING_PIXELS."""
    factor = 2
    while image.width * image.height > WORKING_PIXELS * factor * factor:
        factor += 1
    if image.mode in ("L", "RGB", "RGBA", "CMYK", "LA"):
        return _keep_info(image, image.reduce(factor))
    # Palettes and 16 bits can't be averaged as they are; every n-th pixel bounds memory as well.
    return _keep_info(image, image.resize((image.width // factor, image.height // factor), Image.Resampling.NEAREST))


def _keep_info(image: Image.Image, smaller: Image.Image) -> Image.Image:
    smaller.info = image.info
    return smaller


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode that the readers give, as RGB; what shines through is white."""
    if image.mode == "CMYK":
        # Pillow reads every CMYK JPEG as Adobe writes it, inverted; without Adobe's marker it is not.
        return (image if "adobe" in image.info else ImageChops.invert(image)).convert("RGB")
    if image.mode.startswith("I"):  # 16 bits a pixel, grey; convert() would clip at 255
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        return paper
    return image if image.mode == "RGB" else image.convert("RGB")
