"""A photograph costs what its pixels cost, whatever is in its head; and what is no part of it refuses none."""

from __future__ import annotations

import json
import logging
import os
import random
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kenspeckle import formats
from kenspeckle.errors import DamagedImage, ImageTooLarge, ImageTooSmall, UnsupportedImage
from kenspeckle.models import registry
from tests.vision.drawing import HEIC, boxed_claiming, chunk, encode, exif, quarters
from tests.vision.hostile_heads import box, heads, jpeg_with, many_scans, png_with, segment, webp_with
from tests.vision.ten_bits import avif
from tests.vision.test_decode import assert_quarters, photograph

SECONDS, MIB = 3.0, 300.0
"""What any photograph may cost at most."""

Measure = Callable[[bytes], dict[str, Any]]


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measure]:
    """Looks at a photograph in another process, which is asked for all of them in turn."""
    file = tmp_path_factory.mktemp("heads") / "photograph"
    log = file.with_suffix(".log")
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.vision.costs"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip

        def asked(data: bytes) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            file.write_bytes(data)
            process.stdin.write(f"{file}\n")
            process.stdin.flush()
            told: dict[str, Any] = json.loads(process.stdout.readline())
            return told | {"log": log.stat().st_size}

        yield asked
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process's peak of memory, and sets it back")
@pytest.mark.parametrize(("name", "made"), list(heads()), ids=[name for name, _ in heads()])
def test_no_head_costs_more_than_pixels(measure: Measure, name: str, made: Callable[[], bytes]) -> None:
    told = measure(made())
    # Of 64 x 48 pixels nearly all of them are; those of 49 million may cost what these cost.
    least = name == "jpeg: as many scans as are taken"
    assert told["seconds"] < (SECONDS if least else 1.0), told
    assert told["mib"] < (MIB if least else 64), told
    assert told["log"] == 0


@pytest.mark.parametrize(
    ("width", "height", "kind", "options"),
    [
        (7070, 7070, "JPEG", {"progressive": True}),
        (7070, 7070, "PNG", {"compress_level": 1}),
        (6000, 4000, "WEBP", {"quality": 50, "method": 0}),
        (5000, 4500, "WEBP", {"lossless": True, "quality": 0, "method": 0}),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_the_largest_photographs_cost_no_more(
    measure: Measure, width: int, height: int, kind: str, options: dict[str, Any]
) -> None:
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGBA" if kind == "PNG" else "RGB")
    if "lossless" in options:
        picture = picture.convert("L").point(lambda value: value & 0xE0).convert("RGBA")
        picture.putalpha(128)
    told = measure(encode(picture, kind, **options))
    assert told["ended"].endswith(tuple("0123456789")), told
    assert told["seconds"] < SECONDS, told
    assert told["mib"] < MIB, told


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (encode(quarters(), "WEBP", lossless=False), 6400),
        (encode(quarters(), "WEBP", lossless=True), 6827),
        (encode(quarters(), "AVIF", speed=10), 6144),
        (HEIC, 2 * 64 * 64),  # As it is stored, before it is cut.
    ],
    ids=["WebP", "WebP without loss", "AVIF", "HEIC"],
)
def test_formats_that_cost_more_have_a_part_of_the_pixels(data: bytes, most: int) -> None:
    """Of 64 x 48 pixels. The limit is named, and what to do."""
    assert photograph(data, max_pixels=most).image(64).size in ((64, 48), (48, 64))
    with pytest.raises(ImageTooLarge, match=r"at most (307|409)\d pixels .* than a JPEG.*KENSPECKLE_MAX_IMAGE_PIXELS"):
        photograph(data, max_pixels=most - 2)


def test_what_is_too_much_is_refused_in_words() -> None:
    with pytest.raises(ImageTooLarge, match="too many scans"):
        photograph(many_scans(7_000, 99))
    with pytest.raises(DamagedImage, match="20000 segments"):
        photograph(jpeg_with(b"\xff\xe5\0\2" * 30_000))
    with pytest.raises(DamagedImage, match="20000 chunks"):
        photograph(png_with(chunk(b"teSt", b"") * 30_000))
    with pytest.raises(ImageTooLarge):
        photograph(dict(heads())["avif: a frame larger than it says"]())


def test_scans_behind_the_last_are_not_read() -> None:
    data = encode(quarters(), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    photo = photograph(data[:-2] + scan * 5000 + data[-2:])
    assert len(photo._head.picture) <= len(data)
    assert_quarters(photo.image(100))


def video(size: int) -> bytes:
    """Behind a phone's photograph: any two bytes come once in 65,536."""
    return box(b"ftyp", b"mp42\0\0\0\0isommp42") + box(b"mdat", random.Random(7).randbytes(size))


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_video_behind_a_jpeg_is_no_part_of_it(options: dict[str, Any]) -> None:
    data = encode(quarters(), "JPEG", **options)
    assert_quarters(photograph(data + video(9 << 20)).image(100))
    assert_quarters(photograph(data + data[:300]).image(100))


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"quality": 100}], ids=["baseline", "progressive", "best"]
)
@pytest.mark.parametrize(
    "trailer", [b"", b"\0\0\1\x0aSEFH" + bytes(range(256)) * 64, video(1 << 16), b"\0" * 5000, b"\xff" * 99]
)
def test_a_jpeg_without_its_end_marker_is_whole(
    samples: registry.Samples, options: dict[str, Any], trailer: bytes
) -> None:
    picture = Image.open(samples.grace_hopper).convert("RGB")
    data = encode(picture, "JPEG", **options)
    whole, bare = photograph(data), photograph(data[:-2] + trailer)
    for longest in (10, 400, 10_000):
        assert bare.image(longest).tobytes() == whole.image(longest).tobytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_jpeg_that_is_cut_off_is_not(samples: registry.Samples, options: dict[str, Any]) -> None:
    data = encode(Image.open(samples.grace_hopper).convert("RGB"), "JPEG", **options)
    for part in (0.3, 0.6, 0.9, 0.97):
        for trailer in (b"", video(3000)):
            with pytest.raises(DamagedImage):
                photograph(data[: int(len(data) * part)] + trailer).image(100)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b"{}" * (1 << 20))),
        chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(2_000_000))),
        chunk(b"iCCP", b"icc\0\0no profile"),
        chunk(b"iTXt", b"Comment\0\0\0\0\0hello")[:-1] + b"?",
        chunk(b"tIME", b"\x07\xe8\1\1\1\1\1")[:-1] + b"?",
        chunk(b"eXIf", b"no EXIF"),
        chunk(b"gAMA", b""),
        chunk(b"acTL", b"\0\0\0\1"),
    ],
    ids=["note", "profile", "bad-profile", "note-checksum", "date-checksum", "exif", "gamma", "animation"],
)
def test_what_lies_beside_the_pixels_of_a_png_refuses_none(extra: bytes) -> None:
    assert_quarters(photograph(png_with(extra)).image(100))


def test_a_png_without_its_end_is_whole_if_its_pixels_are() -> None:
    data = encode(quarters(), "PNG")
    for less in (12, 14, 5):
        assert_quarters(photograph(data[:-less]).image(100))
    with pytest.raises(DamagedImage):
        photograph(data[:-40]).image(100)
    at = data.index(b"IDAT")
    with pytest.raises(DamagedImage, match="checksum of its IDAT"):
        photograph(data[: at + 20] + b"?" + data[at + 21 :])


@pytest.mark.parametrize("orientation", [3, 6])
def test_orientation_is_found_where_writers_put_it(orientation: int) -> None:
    tiff = exif(orientation).removeprefix(b"Exif\0\0")
    digits = tiff.hex().encode()
    text = b"\nexif\n%8d\n" % len(tiff) + b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % orientation
    for data in (
        png_with(chunk(b"tEXt", b"Raw profile type exif\0" + text)),
        png_with(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))),
        png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)),
        jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)),
        jpeg_with(segment(0xE1, b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0" + bytes([orientation, 0, 0]))),
        jpeg_with(segment(0xE1, b"something") + segment(0xE1, exif(orientation))),
    ):
        assert photograph(data)._head.orientation == orientation


def test_a_reader_of_pictures_writes_nothing_about_metadata(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(), caplog.at_level(logging.DEBUG):
        warnings.simplefilter("error")
        for name, made in heads():
            if "EXIF" in name:
                photograph(made()).image(100)
    assert not [one for one in caplog.records if one.levelno > logging.DEBUG]


def _jxl() -> bytes:
    return b"\xff\x0a" + bytes(100)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_jxl(), "JPEG XL"),
        (b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a" + bytes(50), "JPEG XL"),
        (b"\0\0\0\x0cjP  \x0d\x0a\x87\x0a" + bytes(50), "JPEG 2000"),
        (encode(quarters().quantize(8), "GIF"), "GIF"),
        (encode(quarters(), "BMP"), "BMP"),
        (b"8BPS\0\1" + bytes(30), "Photoshop"),
        (box(b"ftyp", b"mp42\0\0\0\0isom") + bytes(99), "no image"),
        (box(b"ftyp", b"qt  \0\0\0\0qt  ") + bytes(99), "no image"),
        (box(b"ftyp", b"crx \0\0\0\1crx isom") + bytes(99), "no image"),
    ],
)
def test_neighbours_of_the_formats_are_refused_by_name(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedImage, match=words):
        photograph(data)


def test_several_pictures_in_one_file_are_their_first() -> None:
    other = Image.new("RGB", (64, 48), "white")
    for data in (
        encode(quarters(), "MPO", save_all=True, append_images=[other]),
        encode(quarters(), "PNG", save_all=True, append_images=[other]),
        encode(quarters(), "WEBP", save_all=True, append_images=[other]),
        encode(quarters(), "AVIF", save_all=True, append_images=[other], speed=10),
    ):
        assert_quarters(photograph(data).image(100))


def test_webp_with_all_its_metadata() -> None:
    data = encode(quarters(), "WEBP", exif=exif(1), xmp=b"<x/>", icc_profile=bytes(5000), lossless=True)
    photo = photograph(data)
    assert b"EXIF" not in photo._head.picture
    assert b"ICCP" not in photo._head.picture
    assert_quarters(photo.image(100))
    assert_quarters(photograph(webp_with(b"ICCP\3\0\0\0abc\0")).image(100))


def test_sizes_by_the_first_bytes_alone() -> None:
    for kind in ("JPEG", "PNG"):
        assert formats.size(encode(quarters(), kind)) == (64, 48)
    assert formats.size(jpeg_with(b"\xff\xe5\0\2" * 30_000)) is None
    assert formats.size(b"\xff\xd8\xff") is None
    assert formats.size(encode(quarters(), "WEBP")) is None


def test_a_heic_or_avif_that_claims_too_much_anywhere_is_refused() -> None:
    for data in (HEIC, encode(quarters(), "AVIF", speed=10)):
        with pytest.raises(ImageTooLarge):
            photograph(boxed_claiming(data, 30_000, 3_000))
    lying = boxed_claiming(encode(Image.new("L", (640, 480)), "AVIF", speed=10), 64, 48)
    with pytest.raises(ImageTooLarge):
        photograph(lying, max_pixels=2 * 640 * 479)
    # Within what is allowed the reader makes it as large as it says.
    assert photograph(lying).image(1000).size == (64, 48)


def test_avif_of_many_bits_and_transparency() -> None:
    noise = Image.fromarray(np.random.default_rng(2).integers(0, 255, (48, 64, 4), np.uint8))
    for subsampling in ("4:4:4", "4:2:0", "4:0:0"):
        photo = photograph(encode(noise, "AVIF", speed=10, subsampling=subsampling, exif=exif(6)))
        assert photo.image(100).size == (48, 64)
        assert photo._head.passes == 2


def test_avif_of_ten_bits_with_transparency_is_shown_on_white() -> None:
    picture, mask = Image.new("RGB", (96, 64), (200, 40, 60)), Image.new("L", (96, 64), 0)
    mask.paste(128, (32, 0, 64, 64))
    mask.paste(255, (64, 0, 96, 64))
    data = avif(picture, mask)
    photo = photograph(data)
    assert (photo.media_type, photo._head.passes) == ("image/avif", 2)
    shown = np.asarray(photo.image(96), np.int16)[32, [10, 48, 85]]
    assert np.abs(shown - [(255, 255, 255), (227, 147, 157), (200, 40, 60)]).max() <= 5
    alone = np.asarray(photograph(avif(picture, None)).image(96), np.int16)
    assert np.abs(alone - (200, 40, 60)).max() <= 5
    with pytest.raises((DamagedImage, ImageTooSmall)):
        photograph(data[:-40]).image(96)
    assert not hasattr(os, "sched_getscheduler") or os.sched_getscheduler(0) == os.SCHED_OTHER, "as ten_bits.py says"


def test_a_frame_header_that_makes_no_sense_is_damage() -> None:
    data = bytearray(encode(quarters(), "JPEG"))
    at = data.index(b"\xff\xc0")
    for place, value in ((9, 0), (9, 200), (11, 0), (11, 0xF1), (6, 0)):
        broken = bytearray(data)
        broken[at + place] = value
        with pytest.raises((DamagedImage, ImageTooSmall)):
            photograph(bytes(broken)).image(100)
    with pytest.raises(DamagedImage):
        photograph(bytes(data[:at]) + struct.pack(">HH", 0xFFC0, 3)).image(100)
