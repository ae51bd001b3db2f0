"""Decoding: what is taken, in which order it is judged, and that pixels come out as a viewer sees them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageFile

from kenspeckle.errors import DamagedImage, ImageTooLarge, ImageTooSmall, KenspeckleError, UnsupportedImage
from kenspeckle.vision.decode import Photograph
from kenspeckle.vision.pixels import WORKING_PIXELS
from tests.vision import drawing
from tests.vision.drawing import BLUE, GREEN, HEIC, RED, encode, exif, quarters, turned


def photograph(data: bytes, *, max_bytes: int = 1 << 24, max_pixels: int = 50_000_000) -> Photograph:
    return Photograph(data, max_bytes=max_bytes, max_pixels=max_pixels)


def close(found: tuple[int, ...], wanted: tuple[int, ...], by: int = 14) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


def assert_quarters(image: Image.Image) -> None:
    width, height = image.size
    places = {(1 / 8, 1 / 8): GREEN, (7 / 8, 1 / 8): RED, (1 / 8, 7 / 8): RED, (7 / 8, 7 / 8): BLUE}
    for (x, y), colour in places.items():
        pixel = image.getpixel((int(x * width), int(y * height)))
        assert isinstance(pixel, tuple)
        assert close(pixel, colour), (x, y, pixel, colour)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_takes_the_format_and_names_it(kind: str) -> None:
    photo = photograph(encode(quarters(), kind))
    assert (photo.media_type, photo.width, photo.height) == (f"image/{kind.lower()}", 64, 48)
    image = photo.image(1000)
    assert (image.mode, image.size) == ("RGB", (64, 48))
    assert_quarters(image)


def test_takes_heic_upright() -> None:
    photo = photograph(HEIC)
    assert (photo.media_type, photo.width, photo.height) == ("image/heic", 48, 64)
    image = photo.image(1)
    assert image.size == (48, 64)
    # Stored as quarters and turned clockwise by the container: green moves to the upper right.
    assert close(image.getpixel((40, 8)), GREEN)  # type: ignore[arg-type]  # an RGB pixel is a tuple
    assert close(image.getpixel((8, 56)), BLUE)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_applies_exif_orientation(kind: str, orientation: int) -> None:
    photo = photograph(encode(turned(quarters(), orientation), kind, exif=exif(orientation)))
    assert (photo.width, photo.height) == (64, 48)
    image = photo.image(1000)
    assert image.size == (64, 48)
    assert_quarters(image)


@pytest.mark.parametrize("orientation", [6, 8])
def test_applies_orientation_that_a_png_tells_after_its_pixels(orientation: int) -> None:
    plain = encode(turned(quarters(), orientation), "PNG")
    late = plain[:-12] + drawing.chunk(b"eXIf", exif(orientation).removeprefix(b"Exif\0\0")) + plain[-12:]
    photo = photograph(late)
    assert (photo.width, photo.height) == (64, 48)
    assert_quarters(photo.image(1000))


@pytest.mark.parametrize("tag", [b"Exif\0\0" + b"\xff" * 40, b"Exif\0\0II*\0\x08\0\0\0\xff\xff", exif(9), b"nonsense"])
def test_ignores_metadata_that_makes_no_sense(tag: bytes) -> None:
    photo = photograph(encode(quarters(), "JPEG", exif=tag))
    assert (photo.width, photo.height) == (64, 48)
    assert_quarters(photo.image(1000))


def test_reduced_decoding_is_upright_too_and_as_large_as_asked() -> None:
    photo = photograph(encode(turned(quarters(1600, 1200), 6), "JPEG", exif=exif(6)))
    small = photo.image(390)
    assert small.size == (400, 300)
    assert_quarters(small)
    assert photo.image(400) is small
    assert photo.image(401).size == (800, 600)
    assert photo.image(300).size == (800, 600)  # what is there is used
    assert photo.image(10**9).size == (1600, 1200)


def test_shows_white_where_a_picture_is_transparent() -> None:
    image = quarters().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    for kind in ("PNG", "WEBP"):
        found = photograph(encode(image, kind, **({"lossless": True} if kind == "WEBP" else {}))).image(100)
        assert found.getextrema() == ((255, 255),) * 3
    half = quarters().convert("RGBA")
    half.putalpha(128)
    assert close(photograph(encode(half, "PNG")).image(100).getpixel((2, 2)), (147, 227, 147))  # type: ignore[arg-type]


def test_reads_grey_with_alpha_palettes_and_bits() -> None:
    grey = Image.linear_gradient("L").resize((64, 64))
    for image in (grey, grey.convert("LA"), grey.quantize(64), grey.convert("RGB").quantize(32)):
        found = np.asarray(photograph(encode(image, "PNG")).image(100), int)
        assert found.shape == (64, 64, 3)
        assert np.abs(found[..., 0] - np.asarray(grey, int)).max() <= 24
    black = photograph(encode(Image.new("1", (32, 32)), "PNG")).image(100)
    assert black.getextrema() == ((0, 0),) * 3


def test_palette_with_a_transparent_colour_is_white_there() -> None:
    image = Image.new("P", (32, 32), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    found = photograph(encode(image, "PNG", transparency=1)).image(100)
    assert found.getextrema() == ((255, 255),) * 3


def test_sixteen_bits_keep_their_brightness() -> None:
    steps = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    found = np.asarray(photograph(encode(Image.fromarray(steps), "PNG")).image(256))
    assert (found == (steps >> 8)[..., np.newaxis]).all()


def test_cmyk_with_and_without_adobes_marker() -> None:
    data = encode(quarters().convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    assert_quarters(photograph(data).image(100))
    # The same samples without the marker mean the opposite.
    at = data.index(b"\xff\xee")
    plain = data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0] :]
    inverted = photograph(plain).image(100).getpixel((4, 4))
    assert not close(inverted, GREEN)  # type: ignore[arg-type]  # an RGB pixel is a tuple


def test_progressive_jpeg_and_bytes_behind_the_end() -> None:
    assert_quarters(photograph(encode(quarters(), "JPEG", progressive=True)).image(100))
    for kind in ("JPEG", "PNG", "WEBP"):
        assert_quarters(photograph(encode(quarters(), kind) + b"garbage" * 99).image(100))


def test_animations_show_their_first_frame() -> None:
    frames = [quarters(), Image.new("RGB", (64, 48), "white")]
    for kind in ("PNG", "WEBP", "AVIF"):
        assert_quarters(photograph(encode(frames[0], kind, save_all=True, append_images=frames[1:])).image(100))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"not an image at all", "no image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text"),
        (encode(quarters().quantize(8), "GIF"), "GIF"),
        (encode(quarters(), "BMP"), "BMP"),
        (encode(quarters(), "TIFF"), "TIFF"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "no image"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "no image"),
    ],
)
def test_refuses_other_formats_and_says_which_are_taken(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedImage, match=words) as caught:
        photograph(data)
    assert "JPEG, PNG, WebP" in caught.value.message


def test_judges_bytes_before_anything_else() -> None:
    with pytest.raises(ImageTooLarge, match="bytes"):
        photograph(b"no image" * 100, max_bytes=100)


@pytest.mark.parametrize(
    "data",
    [
        drawing.png_header(20_000, 20_000),
        drawing.png_header(2**31 - 1, 2**31 - 1),
        drawing.png_header(100_000, 100),
        drawing.jpeg_claiming(encode(quarters(), "JPEG"), 65_535, 65_535),
        drawing.webp_claiming(16_384, 16_384),
        drawing.webp_claiming(2**24, 2**8),
        drawing.boxed_claiming(encode(quarters(), "AVIF"), 30_000, 30_000),
        drawing.boxed_claiming(HEIC, 30_000, 30_000),
    ],
    ids=["png", "png-largest", "png-long", "jpeg", "webp", "webp-largest", "avif", "heic"],
)
def test_refuses_by_the_header_what_is_too_large(data: bytes) -> None:
    with pytest.raises(ImageTooLarge):
        photograph(data)


def test_refuses_a_decompression_bomb_without_decoding_it() -> None:
    bomb = drawing.png_bomb(8_000)
    assert len(bomb) < 100_000
    with pytest.raises(ImageTooLarge, match="8000 x 8000"):
        photograph(bomb)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (15, 400)])
def test_refuses_what_is_too_small(size: tuple[int, int]) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        with pytest.raises(ImageTooSmall, match=f"{size[0]} x {size[1]}"):
            photograph(encode(Image.new("RGB", size), kind))


def test_a_small_limit_counts_pixels_of_the_turned_picture_alike() -> None:
    data = encode(quarters(), "JPEG", exif=exif(6))
    assert photograph(data, max_pixels=64 * 48).width == 48
    with pytest.raises(ImageTooLarge):
        photograph(data, max_pixels=64 * 48 - 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_truncated_file_is_damaged(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8))
    data = encode(noise, kind)
    for part in (0.2, 0.5, 0.9):
        with pytest.raises(DamagedImage):
            photograph(data[: int(len(data) * part)]).image(1000)
    with pytest.raises(DamagedImage):
        photograph(HEIC[:500]).image(1000)


def test_large_pictures_are_reduced_as_soon_as_they_are_decoded() -> None:
    for mode in ("L", "P"):
        found = photograph(encode(Image.new(mode, (5_000, 4_000)), "PNG", compress_level=1)).image(10**6)
        assert found.width * found.height <= WORKING_PIXELS
        assert found.size == (2_500, 2_000)


def test_leaves_pillow_as_it_was() -> None:
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    assert Image.MAX_IMAGE_PIXELS == 1024**3 // 12
    assert not {"HEIF", "HEIC"} & set(Image.OPEN)


def test_no_message_carries_a_librarys_words() -> None:
    data = encode(quarters(), "JPEG")
    with pytest.raises(KenspeckleError) as caught:
        photograph(data[: len(data) // 2]).image(100)
    assert "damaged or cut off" in caught.value.message
    assert "bytes not processed" not in caught.value.message
