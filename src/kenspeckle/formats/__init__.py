"""Formats of photographs: recognition by magic bytes, and what a header says before any pixel is decoded."""

from __future__ import annotations

from typing import Final

from kenspeckle.errors import UnsupportedImage
from kenspeckle.formats import heif, jpeg, png, webp
from kenspeckle.formats.head import Check, Head, damage

__all__ = ["AVIF", "HEIC", "JPEG", "PNG", "TAKEN", "WEBP", "Check", "Head", "head", "media_type", "size", "sniff"]

JPEG: Final = jpeg.MEDIA_TYPE
PNG: Final = png.MEDIA_TYPE
WEBP: Final = webp.MEDIA_TYPE
AVIF: Final = heif.AVIF
HEIC: Final = heif.HEIC

TAKEN: Final = "JPEG, PNG, WebP, AVIF and HEIC are taken"

_REFUSED: Final = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"\0\0\x01\0", "an icon"),
    (b"8BPS", "a Photoshop"),
    (b"<", "a text"),
)


def sniff(data: bytes) -> str | None:
    """The media type by the first bytes; None for everything outside the allow-list."""
    if data.startswith(jpeg.MAGIC):
        return JPEG
    if data.startswith(png.MAGIC):
        return PNG
    return WEBP if webp.is_webp(data) else heif.media_type(data)


def media_type(data: bytes) -> str:
    """As `sniff`, but raises UnsupportedImage, which names what it is instead."""
    found = sniff(data)
    if found is not None:
        return found
    for magic, name in _REFUSED:
        if data.startswith(magic):
            raise UnsupportedImage(f"This is {name} file, whatever its name says; {TAKEN}. Convert it first.")
    raise UnsupportedImage(f"This is no image, or none of a known format; {TAKEN}.")


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG or PNG in pixels as they are stored, before any EXIF orientation.

    None where the header is cut off or there is none, which a decoder will refuse; and for other formats."""
    kind = sniff(data)
    if kind == JPEG:
        return jpeg.size(data)
    return png.size(data) if kind == PNG else None


def head(data: bytes, check: Check) -> Head:
    """Everything that has to be known before decoding. The bytes are read once or twice; no time or memory beyond that.
    Raises UnsupportedImage, DamagedImage, and what `check` raises of any size that the file claims."""
    kind = media_type(data)
    try:
        if kind in (AVIF, HEIC):
            return heif.read(data, kind, check)
        return {JPEG: jpeg.read, PNG: png.read, WEBP: webp.read}[kind](data, check)
    except (ArithmeticError, LookupError, ValueError) as error:  # a contradiction that a parser stumbled over
        raise damage("its header is invalid") from error
