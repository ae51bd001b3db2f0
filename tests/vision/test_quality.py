"""Quality and pose: monotone where they should be, right where the truth is known."""

from __future__ import annotations

import io
import math
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from kenspeckle.domain import QualityFilter
from kenspeckle.models import registry
from kenspeckle.usecases.recognition.quality_bars import BARS
from kenspeckle.vision.align import Aligner
from kenspeckle.vision.decode import Photograph
from kenspeckle.vision.engine import Engine
from kenspeckle.vision.passes import every_face
from kenspeckle.vision.quality import DEPTHS, WHITE, PoseEstimator, describe
from kenspeckle.vision.sessions import Network

PLACES = registry.CENTERFACE_DLIB.alignment.places
EYES = math.dist(*PLACES[:2])
"""Distance of the eyes in a chip, pixels."""


@pytest.fixture(scope="module")
def chip(dlib_pack: registry.InstalledPack, samples: registry.Samples) -> Image.Image:
    photo = Photograph(samples.astronaut.read_bytes(), max_bytes=1 << 24, max_pixels=10**7)
    faces = every_face(photo, Network(dlib_pack.detector))
    return Aligner(150, PLACES).chip(photo.image(1000), faces.points[0])


def test_flat_pictures_have_their_brightness_and_no_detail() -> None:
    for value in (0, 51, 204, 255):
        found = describe(Image.new("RGB", (150, 150), (value,) * 3))
        assert found.brightness == pytest.approx(min(100, 100 * value / WHITE), abs=0.01)
        assert found.sharpness == 0


def test_brightness_is_a_percentile() -> None:
    random = np.random.default_rng(3)
    for spread in (0, 3, 20, 70):
        pixels = np.clip(random.normal(120, spread, (112, 112)), 0, 255).astype(np.uint8)
        reached = float(np.percentile(pixels, 98))
        assert describe(Image.fromarray(pixels)).brightness == pytest.approx(min(100, 100 * reached / WHITE), abs=0.01)


def test_sharpness_does_not_depend_on_what_lies_outside_the_face(chip: Image.Image) -> None:
    chip = chip.resize((112, 112))  # as it is judged: no pixel is mixed with its neighbours
    assert describe(_framed(chip)).sharpness == describe(chip).sharpness > 0


def _framed(chip: Image.Image) -> Image.Image:
    """The chip with its outermost pixels made noise, where its brightness stays the same."""
    pixels = np.asarray(chip).copy()
    outside = np.ones(pixels.shape[:2], bool)
    outside[8:-8, 8:-8] = False
    pixels[outside] = np.random.default_rng(4).permutation(pixels[outside])
    return Image.fromarray(pixels)


def test_noise_is_all_detail() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (150, 150, 3), np.uint8)
    assert describe(Image.fromarray(noise)).sharpness == 100


def test_an_ordinary_face_is_bright_and_sharp(chip: Image.Image) -> None:
    found = describe(chip, EYES)
    assert 80 < found.brightness <= 100
    assert found.sharpness > 50


def test_blur_lowers_sharpness_and_leaves_brightness(chip: Image.Image) -> None:
    found = [describe(chip.filter(ImageFilter.GaussianBlur(sigma)), EYES) for sigma in (0, 0.7, 1.5, 3, 6)]
    sharpness = [one.sharpness for one in found]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[0] - sharpness[2] > 20
    assert sharpness[-1] < 15
    assert abs(found[0].brightness - found[-1].brightness) < 6


def test_enlarging_a_small_face_does_not_sharpen_it(chip: Image.Image) -> None:
    sharpness = [
        describe(chip.resize((side, side), Image.Resampling.LANCZOS).resize((150, 150)), EYES).sharpness
        for side in (150, 75, 40, 20)
    ]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[-1] < 30


def test_sharpness_never_rises_again_with_blur(samples: registry.Samples, sface: Engine) -> None:
    """Steps of blur over whole photographs, found, aligned and compressed as they come."""
    for file in (samples.grace_hopper, samples.astronaut):
        with Image.open(file) as picture:
            whole = picture.convert("RGB").crop((80, 0, 480, 400)).resize((560, 560))
        found = []
        for step in range(0, 18, 2):
            made = io.BytesIO()
            blurred(whole, step).save(made, "JPEG", quality=92)
            faces = sface.detect(sface.open(made.getvalue()), largest_only=True)
            found += [one.quality.sharpness for one in faces]
        assert len(found) >= 5
        assert all(after <= before + 1 for before, after in pairwise(found))
        assert found[0] > 60
        assert found[-1] < BARS[QualityFilter.AUTO].sharpness


def blurred(picture: Image.Image, sigma: int) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(sigma))


def mosaic(picture: Image.Image, side: int) -> Image.Image:
    side = max(1, side)
    small = picture.resize((picture.width // side, picture.height // side), Image.Resampling.BOX)
    return small.resize(picture.size, Image.Resampling.NEAREST)


def test_the_embedder_makes_less_of_a_face_the_less_there_is_of_it(samples: registry.Samples, sface: Engine) -> None:
    with Image.open(samples.grace_hopper) as picture:
        whole = picture.convert("RGB")
    for change in (blurred, mosaic):
        found = []
        for step in (0, 6, 12, 16):
            made = io.BytesIO()
            change(whole, step).save(made, "PNG", compress_level=1)
            photo = sface.open(made.getvalue())
            faces = sface.detect(photo, largest_only=True)
            sface.embed(photo, faces)
            found += sface.clarity(photo, faces)
        assert found == sorted(found, reverse=True)
        assert found[0] > 90
        assert found[-1] < BARS[QualityFilter.AUTO].clarity


def test_darkening_lowers_brightness_in_proportion(chip: Image.Image) -> None:
    before = describe(chip, EYES).brightness
    for factor in (0.5, 0.2, 0.0):
        after = describe(ImageEnhance.Brightness(chip).enhance(factor), EYES).brightness
        assert after == pytest.approx(before * factor, abs=1)


def looking(roll: float, yaw: float, pitch: float) -> np.ndarray:
    """Landmarks of the frontal face turned by these angles, seen from afar, three times as large, somewhere."""
    plane = np.array(PLACES)
    depth = -np.array(DEPTHS) * math.dist(PLACES[0], PLACES[1])
    face = np.column_stack([plane - plane.mean(axis=0), depth])
    r, y, p = np.radians([roll, yaw, pitch])
    turn_r = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    turn_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    turn_p = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    return np.asarray(3 * (turn_r @ turn_y @ turn_p @ face.T).T[:, :2] + 500, np.float32)


@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (25, 0, 0), (-140, 0, 0), (0, 35, 0), (0, -35, 0), (0, 0, 25), (0, 0, -25), (80, 30, -15)]
)
def test_recovers_the_pose_that_made_the_landmarks(angles: tuple[float, float, float]) -> None:
    pose = PoseEstimator(PLACES).pose(looking(*angles))
    assert (pose.roll, pose.yaw, pose.pitch) == pytest.approx(angles, abs=0.5)


def test_signs_are_those_of_the_domain() -> None:
    """Roll clockwise, yaw towards the picture's right, pitch upwards, told without the estimator's own model."""
    frontal = np.array(PLACES, np.float32)
    estimator = PoseEstimator(PLACES)
    right, up = frontal.copy(), frontal.copy()
    right[2, 0] += 12  # the nose moves to the right of the picture
    up[2, 1] -= 10
    lower_right_eye = frontal.copy()
    lower_right_eye[1, 1] += 15  # the eye on the right of the picture sinks: clockwise
    assert estimator.pose(right).yaw > 10
    assert estimator.pose(up).pitch > 10
    assert estimator.pose(lower_right_eye).roll > 3


def test_landmarks_in_one_point_have_no_pose() -> None:
    pose = PoseEstimator(PLACES).pose(np.full((5, 2), 7, np.float32))
    assert (pose.roll, pose.yaw, pose.pitch) == (0, 0, 0)
