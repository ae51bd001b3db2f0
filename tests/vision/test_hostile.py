"""Hostile images, the short form of `make soak`: mutations of every format yield faces or a domain error, no more."""

from __future__ import annotations

import random

import pytest
from PIL import Image

from kenspeckle.errors import ImageTooLarge, ImageTooSmall, KenspeckleError, UnsupportedImage
from kenspeckle.models import registry
from kenspeckle.vision.engine import Engine
from tests.soak import either
from tests.vision import drawing
from tests.vision.drawing import HEIC, encode, exif

MUTATIONS = either(48, 1200)


@pytest.fixture(scope="module")
def bodies(samples: registry.Samples) -> dict[str, bytes]:
    face = Image.open(samples.astronaut).convert("RGB").crop((120, 0, 330, 210)).resize((112, 112))
    return {
        "jpeg": encode(face, "JPEG", exif=exif(6)),
        "progressive": encode(face, "JPEG", progressive=True, quality=60),
        "cmyk": encode(face.convert("CMYK"), "JPEG"),
        "png": encode(face, "PNG", exif=exif(3)),
        "palette": encode(face.quantize(64), "PNG", transparency=3),
        "webp": encode(face, "WEBP", quality=70),
        "lossless": encode(face.convert("RGBA"), "WEBP", lossless=True, exif=exif(8)),
        "avif": encode(face, "AVIF", speed=10),
        "heic": HEIC,
    }


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One of the accidents and attacks that a body meets; headers are hit more often than pixels."""
    body = bytearray(data)
    kind = chance.randrange(6)
    where = chance.randrange(min(len(body), 200 if chance.random() < 0.6 else len(body)))
    if kind == 0:
        for _ in range(chance.randrange(1, 9)):
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        body[where] = chance.randrange(256)
    elif kind == 2:
        del body[where:]
    elif kind == 3:
        body[where : where + 4] = chance.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\xff\xff"])
    elif kind == 4:
        body[where:where] = chance.randbytes(chance.randrange(1, 64))
    else:
        del body[where : where + chance.randrange(1, 64)]
    return bytes(body)


@pytest.mark.parametrize("kind", ["jpeg", "progressive", "cmyk", "png", "palette", "webp", "lossless", "avif", "heic"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_mutated_images_yield_faces_or_a_domain_error(engine: Engine, bodies: dict[str, bytes], kind: str) -> None:
    chance = random.Random(kind)
    outcomes = {"faces": 0, "error": 0}
    for at in range(MUTATIONS if kind != "heic" else 20):  # each starts a process
        data = mutated(bodies[kind], chance)
        try:
            photo = engine.open(data)
            faces = engine.detect(photo, largest_only=at % 2 == 0)
            engine.embed(photo, faces[:1])
            if faces:
                engine.thumbnail(photo, faces[0].box)
            outcomes["faces"] += 1
        except KenspeckleError:
            outcomes["error"] += 1
    assert outcomes["error"] > 5
    # The checksums of PNG leave nothing that is damaged and still decodes.
    assert outcomes["faces"] > 5 or kind in ("png", "palette", "heic")


@pytest.mark.parametrize("size", [(16, 16), (16, 3000), (3000, 16), (17, 31), (33, 640)])
def test_odd_shapes_are_searched(engine: Engine, size: tuple[int, int]) -> None:
    for kind in ("JPEG", "PNG"):
        photo = engine.open(encode(Image.effect_noise(size, 90).convert("RGB"), kind))
        for largest_only in (True, False):
            engine.embed(photo, engine.detect(photo, largest_only=largest_only))


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1)])
def test_one_pixel_wide_is_too_small(engine: Engine, size: tuple[int, int]) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        with pytest.raises(ImageTooSmall):
            engine.open(encode(Image.new("RGB", size), kind))


def test_a_gif_by_the_name_of_a_jpeg_is_told_so(engine: Engine) -> None:
    with pytest.raises(UnsupportedImage, match=r"GIF.*whatever its name says"):
        engine.open(encode(drawing.quarters().quantize(4), "GIF"))


def test_a_bomb_costs_nothing(engine: Engine) -> None:
    for data in (drawing.png_header(20_000, 20_000), drawing.png_bomb(20_000 // 2)):
        with pytest.raises(ImageTooLarge):
            engine.open(data)
