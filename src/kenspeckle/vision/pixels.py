"""Converts decoded pictures of any mode to RGB, upright and small enough."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageChops

WORKING_PIXELS: Final = 16_000_000
"""A decoded picture of more pixels is reduced at once, so that memory stays bounded while faces are looked for."""

_STRIP: Final = 64
"""Rows of the reduced picture that are made at once."""

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture with this EXIF orientation (tag 0x0112) into the one that a viewer sees."""


def finish(image: Image.Image, orientation: int) -> Image.Image:
    """RGB, upright (`orientation` is EXIF's), at most WORKING_PIXELS; transparency becomes white."""
    if image.width * image.height > WORKING_PIXELS:
        image = _shrunk(image)
    image = _rgb(image)
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _shrunk(image: Image.Image) -> Image.Image:
    """The picture reduced by the smallest whole factor that brings it under WORKING_PIXELS."""
    factor = 2
    while image.width * image.height > WORKING_PIXELS * factor * factor:
        factor += 1
    if image.mode in ("L", "RGB", "RGBX", "RGBA", "CMYK", "LA"):
        return _keep_info(image, _average(image, factor))
    # Palettes and 16 bits can't be averaged as they are; every n-th pixel bounds memory as well.
    return _keep_info(image, image.resize((image.width // factor, image.height // factor), Image.Resampling.NEAREST))


def _average(image: Image.Image, factor: int) -> Image.Image:
    """By strips: Pillow makes a second picture of the whole size where there is transparency."""
    smaller = Image.new(image.mode, (-(-image.width // factor), -(-image.height // factor)))
    rows = _STRIP * factor
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(image.height, top + rows)))
        smaller.paste(strip.reduce(factor), (0, top // factor))
    return smaller


def _keep_info(image: Image.Image, smaller: Image.Image) -> Image.Image:
    smaller.info = image.info
    return smaller


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode that the readers give."""
    if image.mode == "CMYK":
        # Pillow reads every CMYK JPEG as Adobe writes it, inverted; without Adobe's marker it is not.
        return (image if "adobe" in image.info else ImageChops.invert(image)).convert("RGB")
    if image.mode.startswith("I"):  # 16 bits a pixel, grey; convert() would clip at 255
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        return paper
    return image if image.mode == "RGB" else image.convert("RGB")
