"""The engine as its port promises it: what it returns, in which order, at which size, from many threads."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kenspeckle.domain import Box, FaceDetail
from kenspeckle.errors import DamagedImage, ImageTooLarge, ModelMissing
from kenspeckle.models import registry
from kenspeckle.settings import Settings
from kenspeckle.vision.cutter import THUMBNAIL_SIDE
from kenspeckle.vision.engine import KINDS, Engine
from tests.vision.drawing import encode, exif, turned


@pytest.fixture(scope="module")
def astronaut(samples: registry.Samples) -> Image.Image:
    return Image.open(samples.astronaut).convert("RGB")


@pytest.fixture(scope="module")
def hopper(samples: registry.Samples) -> Image.Image:
    return Image.open(samples.grace_hopper).convert("RGB")


@pytest.fixture(scope="module")
def couple(astronaut: Image.Image, hopper: Image.Image) -> bytes:
    """Both people side by side, the second smaller."""
    picture = Image.new("RGB", (1024, 600), "gray")
    picture.paste(astronaut, (0, 44))
    picture.paste(hopper.resize((200, 235)), (700, 100))
    return encode(picture, "JPEG", quality=92)


def template(engine: Engine, data: bytes, *, largest_only: bool = True) -> np.ndarray:
    photo = engine.open(data)
    faces = engine.detect(photo, largest_only=largest_only)
    return engine.embed(photo, faces[:1])[0]


def test_describes_a_face_in_ratios_and_percent(engine: Engine, astronaut: Image.Image) -> None:
    (face,) = engine.detect(engine.open(encode(astronaut, "PNG")))
    assert 0.3 < face.box.left < 0.5
    assert 0 < face.box.top < 0.25
    assert 0.1 < face.box.width < 0.25
    assert 80 < face.confidence <= 100
    assert [point.kind for point in face.landmarks] == list(KINDS)
    left, right, nose, mouth_left, mouth_right = face.landmarks
    assert left.x < nose.x < right.x
    assert left.y < nose.y < mouth_left.y
    assert mouth_left.x < mouth_right.x
    assert face.box.left < left.x < right.x < face.box.left + face.box.width
    assert abs(face.pose.roll) < 25
    assert 80 < face.quality.brightness <= 100
    assert face.quality.sharpness > 50


def test_faces_come_largest_first(engine: Engine, couple: bytes) -> None:
    faces = engine.detect(engine.open(couple))
    assert len(faces) == 2
    assert faces[0].box.area > faces[1].box.area
    largest = engine.detect(engine.open(couple), largest_only=True)
    assert abs(largest[0].box.left - faces[0].box.left) < 0.02


def test_the_same_person_is_near_and_another_is_far(
    engine: Engine, astronaut: Image.Image, hopper: Image.Image, couple: bytes
) -> None:
    person = template(engine, encode(astronaut, "PNG"))
    assert person.dtype == np.float32
    assert person.shape == (engine.pack.dimension,)
    assert np.linalg.norm(person - template(engine, couple)) < 0.35
    other = np.linalg.norm(person - template(engine, encode(hopper, "JPEG")))
    assert other > 0.6
    similarity = engine.pack.calibration.similarity
    assert similarity(float(np.linalg.norm(person - template(engine, couple)))) > 95
    assert similarity(float(other)) < 80


@pytest.mark.parametrize("largest_only", [True, False])
def test_orientation_changes_nothing(engine: Engine, astronaut: Image.Image, largest_only: bool) -> None:
    upright = engine.detect(engine.open(encode(astronaut, "PNG")), largest_only=largest_only)[0]
    for orientation in range(2, 9):
        photo = engine.open(encode(turned(astronaut, orientation), "PNG", exif=exif(orientation)))
        found = engine.detect(photo, largest_only=largest_only)[0]
        assert found.box == upright.box
        assert found.landmarks == upright.landmarks


def test_embeds_in_the_order_given_also_faces_it_did_not_detect_itself(engine: Engine, couple: bytes) -> None:
    photo = engine.open(couple)
    faces = engine.detect(photo)
    first, second = engine.embed(photo, faces)
    again = engine.embed(engine.open(couple), faces[::-1])
    assert np.linalg.norm(again[0] - second) < 0.1
    assert np.linalg.norm(again[1] - first) < 0.1
    assert engine.embed(photo, []) == []


@pytest.mark.parametrize("side", [150, 400, 1400, 3000])
def test_a_face_is_the_same_at_every_size(engine: Engine, astronaut: Image.Image, side: int) -> None:
    face = astronaut.crop((120, 0, 330, 210))
    original = template(engine, encode(face, "PNG"))
    resized = encode(face.resize((side, side), Image.Resampling.BICUBIC), "JPEG", quality=92)
    assert np.linalg.norm(original - template(engine, resized)) < 0.3
    assert np.linalg.norm(original - template(engine, resized, largest_only=False)) < 0.3


def test_a_small_face_of_a_large_photograph_is_cut_from_its_full_resolution(
    engine: Engine, astronaut: Image.Image
) -> None:
    """In 4000 x 3000 the face has 110 pixels; the picture that it is found in holds a quarter of them."""
    picture = Image.new("RGB", (4000, 3000), (120, 110, 100))
    picture.paste(astronaut, (2500, 1500))
    photo = engine.open(encode(picture, "JPEG", quality=92))
    (face,) = engine.detect(photo)
    assert face.quality.sharpness > 50
    found = engine.embed(photo, [face])[0]
    assert np.linalg.norm(found - template(engine, encode(astronaut, "PNG"))) < 0.3


def test_thumbnail_is_upright_and_shows_the_surroundings(engine: Engine, astronaut: Image.Image) -> None:
    for image in (astronaut, astronaut.resize((2000, 2000))):
        photo = engine.open(encode(turned(image, 6), "JPEG", exif=exif(6)))
        (face,) = engine.detect(photo)
        cut = Image.open(io.BytesIO(engine.thumbnail(photo, face.box)))
        assert cut.format == "JPEG"
        assert max(cut.size) <= THUMBNAIL_SIDE
        assert max(cut.size) > 150
        (again,) = engine.detect(engine.open(encode(cut, "PNG")))
        assert 0.2 < again.box.area < 0.7
        assert abs(again.pose.roll - face.pose.roll) < 8


@pytest.mark.parametrize(
    "box", [Box(-0.5, -0.5, 2, 2), Box(0.98, 0.98, 0.3, 0.3), Box(0.5, 0.5, 0, 0), Box(3, 3, 1, 1), Box(-3, 0, 1, 1)]
)
def test_thumbnail_of_a_box_at_or_over_the_edge(engine: Engine, hopper: Image.Image, box: Box) -> None:
    cut = Image.open(io.BytesIO(engine.thumbnail(engine.open(encode(hopper, "JPEG")), box)))
    assert 1 <= max(cut.size) <= THUMBNAIL_SIDE


def test_many_threads_get_the_same_answers(engine: Engine, couple: bytes, astronaut: Image.Image) -> None:
    bodies = [couple, encode(astronaut, "PNG"), encode(astronaut.resize((256, 256)), "WEBP")]

    def analyse(at: int) -> tuple[FaceDetail, np.ndarray]:
        photo = engine.open(bodies[at % 3])
        faces = engine.detect(photo, largest_only=at % 2 == 0)
        return faces[0], engine.embed(photo, faces[:1])[0]

    alone = [analyse(at) for at in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(analyse, range(24)))
    for at, (face, found) in enumerate(together):
        assert face.box.left == pytest.approx(alone[at % 6][0].box.left, abs=1e-4)
        assert found == pytest.approx(alone[at % 6][1], abs=2e-3)


def test_keeps_the_operators_limits(pack: registry.InstalledPack, hopper: Image.Image) -> None:
    data = encode(hopper, "JPEG")
    with pytest.raises(ImageTooLarge, match="pixels"):
        Engine(pack, Settings(max_image_pixels=10_000)).open(data)
    with pytest.raises(ImageTooLarge, match="bytes"):
        Engine(pack, Settings(max_image_bytes=1_000)).open(data)


def test_damage_shows_when_pixels_are_asked_for(engine: Engine, hopper: Image.Image) -> None:
    photo = engine.open(encode(hopper, "JPEG")[:5000])
    for _ in range(2):
        with pytest.raises(DamagedImage):
            engine.detect(photo)


def test_a_file_that_is_no_network_names_the_command(pack: registry.InstalledPack, tmp_path: Path) -> None:
    broken = tmp_path / "detector.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(ModelMissing, match="kenspeckle models pull"):
        Engine(registry.InstalledPack(pack.pack, tmp_path, broken, pack.embedder), Settings())
