"""Detection: the maps are read as CenterFace means them, every annotated face is found, nothing else is."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from kenspeckle.models import registry
from kenspeckle.vision.decode import Photograph
from kenspeckle.vision.detect import OVERLAP, Faces, find, overlaps, read, suppress
from kenspeckle.vision.passes import every_face, largest_face
from kenspeckle.vision.sessions import Network

Floats = npt.NDArray[np.float32]

FACES = Path(__file__).parents[3] / "shared/data/faces"
needs_photographs = pytest.mark.skipif(
    not FACES.is_dir(), reason="the folder of photographs, ../shared/data, is absent"
)


@pytest.fixture(scope="module")
def network(dlib_pack: registry.InstalledPack) -> Network:
    return Network(dlib_pack.detector)


def opened(file: Path) -> Photograph:
    return Photograph(file.read_bytes(), max_bytes=1 << 24, max_pixels=50_000_000)


def maps(rows: int = 16, columns: int = 24) -> tuple[Floats, Floats, Floats, Floats]:
    return tuple(np.zeros((1, channels, rows, columns), np.float32) for channels in (1, 2, 2, 10))  # type: ignore[return-value]  # four of them


def test_reads_box_and_landmarks_from_a_peak() -> None:
    heat, scale, offset, landmarks = maps()
    heat[0, 0, 5, 7] = 0.9
    scale[0, :, 5, 7] = math.log(10), math.log(6)  # height 40, width 24
    offset[0, :, 5, 7] = 0.25, -0.25
    landmarks[0, :, 5, 7] = [0.3, 0.2, 0.3, 0.8, 0.5, 0.5, 0.7, 0.25, 0.7, 0.75]  # y, x of each
    faces = read(heat, scale, offset, landmarks)
    assert len(faces) == 1
    assert faces.scores[0] == pytest.approx(0.9)
    centre_x, centre_y = 4 * (7 - 0.25 + 0.5), 4 * (5 + 0.25 + 0.5)
    left, top = centre_x - 12, centre_y - 20
    assert faces.boxes[0] == pytest.approx([left, top, left + 24, top + 40])
    assert faces.areas[0] == pytest.approx(960)
    wanted = [(0.2, 0.3), (0.8, 0.3), (0.5, 0.5), (0.25, 0.7), (0.75, 0.7)]
    assert faces.points[0] == pytest.approx(np.array([(left + 24 * x, top + 40 * y) for x, y in wanted]))


def test_keeps_the_strongest_of_a_hill_and_both_of_two_faces() -> None:
    heat, scale, offset, landmarks = maps()
    scale[:] = math.log(5)
    heat[0, 0, 4:7, 4:7] = 0.6
    heat[0, 0, 5, 5] = 0.8
    heat[0, 0, 5, 6] = 0.8  # a plateau of two peaks, one face
    heat[0, 0, 10, 20] = 0.95
    heat[0, 0, 0, 0] = 0.7  # at the very edge
    heat[0, 0, 15, 0] = 0.49
    faces = read(heat, scale, offset, landmarks)
    assert faces.scores == pytest.approx([0.95, 0.8, 0.7])


def test_nothing_found_is_an_empty_answer() -> None:
    faces = read(*maps())
    assert len(faces) == 0
    assert faces.boxes.shape == (0, 4)
    assert faces.points.shape == (0, 5, 2)


def test_survives_maps_that_no_photograph_makes() -> None:
    heat, scale, offset, landmarks = maps()
    heat[:] = 1.0
    scale[:] = 80.0
    assert np.isfinite(read(heat, scale, offset, landmarks).boxes).all()


def test_overlap_is_intersection_over_union() -> None:
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 3]], np.float32)
    assert overlaps(box, others) == pytest.approx([1, 1 / 3, 0, 0])


def test_faces_move_with_their_picture() -> None:
    faces = Faces(np.array([[1, 2, 3, 4]], np.float32), np.ones(1, np.float32), np.full((1, 5, 2), 2, np.float32))
    moved = faces.move((2, 3), (10, 20))
    assert moved.boxes.tolist() == [[12, 26, 16, 32]]
    assert moved.points[0, 0].tolist() == [14, 26]


def test_finds_the_sample_faces_and_none_where_there_is_none(samples: registry.Samples, network: Network) -> None:
    for file in (samples.grace_hopper, samples.astronaut):
        photo = opened(file)
        faces = every_face(photo, network)
        assert len(faces) == 1
        alone = largest_face(photo, network)
        assert len(alone) == 1
        assert overlaps(faces.boxes[0], alone.boxes)[0] > 0.7
    for file in (samples.coffee, samples.chelsea, samples.rocket):
        assert len(every_face(opened(file), network)) == 0
        assert len(largest_face(opened(file), network)) == 0


@pytest.mark.parametrize("size", [(16, 16), (40, 60), (31, 300), (1000, 17)])
def test_takes_pictures_of_any_shape(size: tuple[int, int], network: Network) -> None:
    assert len(find(Image.new("RGB", size, "white"), network)) == 0


@pytest.mark.parametrize("side", [48, 64, 96])
def test_finds_a_face_in_a_tiny_picture(side: int, samples: registry.Samples, network: Network) -> None:
    photo = opened(samples.astronaut)
    left, top, right, bottom = every_face(photo, network).boxes[0]
    middle, half = ((left + right) / 2, (top + bottom) / 2), 0.7 * (bottom - top)
    x, y = middle
    area = (float(x - half), float(y - half), float(x + half), float(y + half))
    tiny = photo.image(1000).resize((side, side), Image.Resampling.LANCZOS, box=area)
    assert len(find(tiny, network)) == 1


@pytest.mark.parametrize("turn", [-60, -30, 30, 60])
def test_finds_a_turned_face(turn: int, samples: registry.Samples, network: Network) -> None:
    image = opened(samples.astronaut).image(1000).rotate(turn, Image.Resampling.BICUBIC, expand=True)
    assert len(find(image, network)) == 1


def test_finds_a_face_that_fills_the_picture(samples: registry.Samples, network: Network, tmp_path: Path) -> None:
    photo = opened(samples.astronaut)
    left, top, right, bottom = map(int, every_face(photo, network).boxes[0])
    huge = photo.image(1000).crop((left, top, right, bottom)).resize((1500, 2000), Image.Resampling.BICUBIC)
    huge.save(tmp_path / "huge.jpg")
    photo = opened(tmp_path / "huge.jpg")
    assert len(every_face(photo, network)) == 1
    assert len(largest_face(photo, network)) == 1


def annotated() -> list[tuple[Path, list[tuple[float, float, float, float]]]]:
    """Photographs and the boxes that people drew into them: left, top, right, bottom."""
    found = []
    for file in ("training.xml", "testing.xml"):
        for image in ET.parse(FACES / "voc" / file).getroot().iter("image"):
            boxes = [
                [float(box.attrib[side]) for side in ("left", "top", "width", "height")] for box in image.iter("box")
            ]
            found.append((FACES / "voc" / image.attrib["file"], [(x, y, x + w, y + h) for x, y, w, h in boxes]))
    return found


@needs_photographs
@pytest.mark.photographs
def test_finds_every_annotated_face(network: Network) -> None:
    total = 0
    for file, boxes in annotated():
        faces = every_face(opened(file), network)
        middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        for left, top, right, bottom in boxes:
            total += 1
            inside = ((middles > (left, top)) & (middles < (right, bottom))).all(axis=1)
            assert inside.any(), (file.name, left, top)
    assert total == 43


@needs_photographs
@pytest.mark.photographs
def test_takes_dogs_for_nobody(network: Network) -> None:
    photo = opened(FACES / "voc/dogs.jpg")
    assert len(every_face(photo, network)) == 0
    assert len(largest_face(photo, network)) == 0


@needs_photographs
@pytest.mark.photographs
def test_the_small_pass_never_prefers_another_face(network: Network) -> None:
    """What the small pass is sure of is the full pass's largest face."""
    pixels: list[int] = []

    def counting(picture: Floats) -> list[Floats]:
        pixels.append(picture.size // 3)
        return network(picture)

    cheap = 0
    files = [*sorted((FACES / "voc").glob("*.jpg")), *sorted((FACES / "bbt_group").glob("*.jpg"))]
    files += [*sorted((FACES / "openface").glob("*.jpg")), *sorted((FACES / "johns").rglob("*.jpg"))[::9]]
    for file in files:
        photo = opened(file)
        faces = every_face(photo, network)
        pixels.clear()
        largest = largest_face(photo, counting)
        cheap += sum(pixels) < photo.width * photo.height / 3
        assert (len(largest) == 0) == (len(faces) == 0)
        if len(faces):
            best = [one.boxes[int(np.argmax(one.areas))] for one in (faces, largest)]
            assert overlaps(best[0], best[1][None])[0] > 0.5, file.name
    assert cheap >= 12


def test_a_crowd_is_suppressed_in_bounded_memory() -> None:
    """As all pairs would be, whose overlaps take hundreds of megabytes."""
    random = np.random.default_rng(3)
    low = random.uniform(0, 1000, (5000, 2)).astype(np.float32)
    boxes = np.concatenate([low, low + random.uniform(10, 60, (5000, 2)).astype(np.float32)], axis=1)
    scores = random.uniform(0.3, 1, 5000).astype(np.float32)
    faces = Faces(boxes, scores, np.zeros((5000, 5, 2), np.float32))
    tracemalloc.start()
    try:
        kept = suppress(faces)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
    chosen: list[int] = []
    for at in np.argsort(-scores, kind="stable").tolist():
        if not len(chosen) or overlaps(boxes[at], boxes[chosen]).max() <= OVERLAP:
            chosen.append(at)
    assert np.array_equal(kept.boxes, boxes[chosen])
    assert np.array_equal(suppress(faces, 150).boxes, boxes[chosen[:150]])
