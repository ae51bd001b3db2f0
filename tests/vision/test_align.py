"""Alignment: landmarks land on their places, the edge is black, shrinking does not alias."""

from __future__ import annotations

import cmath

import numpy as np
import pytest
from PIL import Image

from kenspeckle.models import registry
from kenspeckle.vision.align import Aligner, Floats

ALIGNMENT = registry.CENTERFACE_DLIB.alignment


@pytest.fixture
def aligner() -> Aligner:
    return Aligner(ALIGNMENT.size, ALIGNMENT.places)


def placed(a: complex, b: complex) -> Floats:
    """The landmarks of a face that lies in a picture as a z + b."""
    points = [a * complex(*place) + b for place in ALIGNMENT.places]
    return np.array([(point.real, point.imag) for point in points], np.float32)


@pytest.mark.parametrize(("scale", "degrees"), [(1, 0), (0.3, 40), (2.5, -170), (7, 90)])
def test_recovers_scale_turn_and_place(aligner: Aligner, scale: float, degrees: float) -> None:
    a, b = cmath.rect(scale, np.radians(degrees)), complex(-20, 310)
    found = aligner.similarity(placed(a, b))
    assert found[0] == pytest.approx(a, rel=1e-4)
    assert found[1] == pytest.approx(b, rel=1e-3)


def test_is_the_best_similarity_in_least_squares(aligner: Aligner) -> None:
    random = np.random.default_rng(3)
    points = placed(1.5 + 0.5j, 10 + 5j) + random.normal(0, 4, (5, 2)).astype(np.float32)

    def error(a: complex, b: complex) -> float:
        return float(np.sum((placed(a, b) - points) ** 2))

    a, b = aligner.similarity(points)
    best = error(a, b)
    for step in (0.01, -0.01, 0.01j, -0.01j):
        assert error(a + step, b) > best
        assert error(a, b + 10 * step) > best


@pytest.mark.parametrize("a", [1 + 0j, 1.4 + 0.6j, 3 - 1j, -5 + 2j])
def test_landmarks_land_on_their_places(aligner: Aligner, a: complex) -> None:
    picture = Image.new("RGB", (1400, 1400))
    points = placed(a, 700 + 700j - a * 75 * (1 + 1j))
    radius = 2.5 * abs(a)
    for x, y in points:
        spot = (round(x - radius), round(y - radius), round(x + radius), round(y + radius))
        picture.paste((255, 255, 255), spot)
    chip = np.asarray(aligner.chip(picture, points), float)[..., 0]
    rows, columns = np.indices(chip.shape)
    for x, y in ALIGNMENT.places:
        near = chip * (np.hypot(columns + 0.5 - x, rows + 0.5 - y) < 9)
        assert near.sum() > 0
        centre = (float((near * (columns + 0.5)).sum() / near.sum()), float((near * (rows + 0.5)).sum() / near.sum()))
        assert centre == pytest.approx((x, y), abs=0.9)


def test_is_black_beyond_the_edge_and_whole_inside(aligner: Aligner) -> None:
    chip = np.asarray(aligner.chip(Image.new("RGB", (80, 300), "white"), placed(1 + 0j, 0j)))
    assert chip.shape == (150, 150, 3)
    assert (chip[:, :79] == 255).all()
    assert (chip[:, 81:] == 0).all()


@pytest.mark.parametrize("scale", [0.4, 1.0, 4.0])
def test_a_face_outside_of_the_picture_is_black(aligner: Aligner, scale: float) -> None:
    chip = aligner.chip(Image.new("RGB", (50, 50), "white"), placed(scale + 0j, 5000 + 5000j))
    assert chip.getextrema() == ((0, 0),) * 3


def test_stripes_finer_than_a_chip_pixel_become_grey(aligner: Aligner) -> None:
    stripes = np.zeros((900, 900, 3), np.uint8)
    stripes[:, ::2] = 255
    chip = np.asarray(aligner.chip(Image.fromarray(stripes), placed(4.5 + 0j, 50 + 50j)), int)
    assert abs(chip - 127).max() <= 32


def test_ignores_what_can_not_be_a_face(aligner: Aligner) -> None:
    chip = aligner.chip(Image.new("RGB", (50, 50), "white"), np.zeros((5, 2), np.float32))
    assert chip.size == (150, 150)
