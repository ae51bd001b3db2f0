"""Screening: each bar refuses for the reason it names, and the best faces stay where there are too many."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from kenspeckle.domain import Box, FaceDetail, Pose, Quality, QualityFilter, Reason
from kenspeckle.usecases.recognition.quality_bars import BARS, LEAST_AREA, embed_passing, grade, largest_clear, screen
from tests.fakes.drawn import DrawnEngine, drawing

GOOD = FaceDetail(
    box=Box(0.4, 0.4, 0.2, 0.2), confidence=99.9, landmarks=(), pose=Pose(0, 0, 0), quality=Quality(60, 70)
)
WITH_BAR = (QualityFilter.LOW, QualityFilter.AUTO, QualityFilter.MEDIUM, QualityFilter.HIGH)


def sized(side: float, face: FaceDetail = GOOD) -> FaceDetail:
    return replace(face, box=Box(0.1, 0.1, side, side))


@pytest.mark.parametrize("bar", QualityFilter)
def test_a_good_face_passes_every_bar(bar: QualityFilter) -> None:
    assert screen([GOOD], bar, 10) == ([GOOD], [])


@pytest.mark.parametrize("bar", WITH_BAR)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda bar: {"confidence": bar.confidence - 0.1}, Reason.LOW_CONFIDENCE),
        (lambda bar: {"quality": Quality(bar.brightness - 0.1, 70)}, Reason.LOW_BRIGHTNESS),
        (lambda bar: {"quality": Quality(60, bar.sharpness - 0.1)}, Reason.LOW_SHARPNESS),
        (lambda bar: {"pose": Pose(0, bar.yaw + 0.1, 0)}, Reason.EXTREME_POSE),
        (lambda bar: {"pose": Pose(0, -bar.yaw - 0.1, 0)}, Reason.EXTREME_POSE),
        (lambda bar: {"pose": Pose(0, 0, -bar.pitch - 0.1)}, Reason.EXTREME_POSE),
    ],
)
def test_a_face_under_the_bar_is_refused_with_the_reason(bar, change, reason) -> None:  # type: ignore[no-untyped-def]  # parametrized
    face = replace(GOOD, **change(BARS[bar]))
    kept, refused = screen([face], bar, 10)
    assert kept == []
    assert [(one.detail, one.reasons) for one in refused] == [(face, (reason,))]
    assert screen([face], QualityFilter.NONE, 10) == ([face], [])


def test_forty_pixels_of_full_hd_are_enough_and_less_is_not() -> None:
    enough = replace(GOOD, box=Box(0, 0, 40 / 1920, 40 / 1080))
    less = replace(GOOD, box=Box(0, 0, 39 / 1920, 40 / 1080))
    for bar in (QualityFilter.AUTO, QualityFilter.MEDIUM, QualityFilter.HIGH):
        kept, refused = screen([less, enough], bar, 10)
        assert kept == [enough]
        assert refused[0].reasons == (Reason.SMALL_BOUNDING_BOX,)
    for bar in (QualityFilter.NONE, QualityFilter.LOW):
        assert screen([less, enough], bar, 10) == ([enough, less], [])
    assert enough.box.area == pytest.approx(LEAST_AREA)


def test_all_reasons_are_named() -> None:
    face = replace(GOOD, confidence=51, pose=Pose(0, 80, 0), quality=Quality(3, 2), box=Box(0, 0, 0.01, 0.01))
    (refused,) = screen([face], QualityFilter.AUTO, 10)[1]
    assert set(refused.reasons) == {
        Reason.SMALL_BOUNDING_BOX,
        Reason.LOW_CONFIDENCE,
        Reason.EXTREME_POSE,
        Reason.LOW_BRIGHTNESS,
        Reason.LOW_SHARPNESS,
    }


def test_bars_rise() -> None:
    for lower, higher in pairwise(WITH_BAR):
        one, other = BARS[lower], BARS[higher]
        assert one.confidence <= other.confidence
        assert one.brightness <= other.brightness
        assert one.sharpness <= other.sharpness
        assert one.clarity <= other.clarity
        assert one.yaw >= other.yaw
        assert one.pitch >= other.pitch
    assert grade(GOOD) == 4
    assert grade(replace(GOOD, quality=Quality(60, 20))) == 2


def test_kept_faces_come_largest_first() -> None:
    faces = [sized(0.1), sized(0.3), sized(0.2)]
    assert [face.box.width for face in screen(faces, QualityFilter.AUTO, 10)[0]] == [0.3, 0.2, 0.1]


def test_too_many_faces_lose_the_worst_then_the_smallest() -> None:
    poor = sized(0.4, replace(GOOD, quality=Quality(60, 20)))
    faces = [sized(0.1), poor, sized(0.3), sized(0.2)]
    kept, refused = screen(faces, QualityFilter.AUTO, 2)
    assert [face.box.width for face in kept] == [0.3, 0.2]
    assert [(one.detail.box.width, one.reasons) for one in refused] == [
        (0.4, (Reason.EXCEEDS_MAX_FACES,)),
        (0.1, (Reason.EXCEEDS_MAX_FACES,)),
    ]
    kept, _ = screen(faces, QualityFilter.AUTO, 3)
    assert [face.box.width for face in kept] == [0.3, 0.2, 0.1]


def test_without_a_bar_the_largest_stay_whatever_they_look_like() -> None:
    poor = sized(0.4, replace(GOOD, quality=Quality(0, 0)))
    kept, refused = screen([sized(0.1), poor, sized(0.3)], QualityFilter.NONE, 2)
    assert [face.box.width for face in kept] == [0.4, 0.3]
    assert [one.reasons for one in refused] == [(Reason.EXCEEDS_MAX_FACES,)]


def test_nothing_in_nothing_out() -> None:
    assert screen([], QualityFilter.HIGH, 5) == ([], [])


def test_a_face_of_which_the_embedder_makes_nothing_leaves_its_place_to_another() -> None:
    engine = DrawnEngine()
    engine.unclear = {1.0}
    photo = engine.open(drawing(1.0, 2.0, 3.0))
    seen = engine.detect(photo)
    kept, templates, refused = embed_passing(engine, photo, seen, QualityFilter.AUTO, 1)
    assert [one.pose.roll for one in kept] == [2.0]
    assert [one[0] for one in templates] == [2.0]
    assert [(one.detail.pose.roll, one.reasons) for one in refused] == [
        (1.0, (Reason.LOW_FACE_QUALITY,)),
        (3.0, (Reason.EXCEEDS_MAX_FACES,)),
    ]
    assert [one.pose.roll for one in embed_passing(engine, photo, seen, QualityFilter.NONE, 1)[0]] == [1.0]


def test_the_largest_face_that_is_clear_is_the_probe() -> None:
    engine = DrawnEngine()
    engine.unclear = {1.0, 2.0}
    photo = engine.open(drawing(1.0, 2.0, 3.0))
    seen = engine.detect(photo)
    searched, templates, refused = largest_clear(engine, photo, seen, QualityFilter.LOW)
    assert [one.pose.roll for one in searched] == [3.0]
    assert len(templates) == 1
    assert [one.reasons for one in refused] == [(Reason.LOW_FACE_QUALITY,)] * 2
    assert largest_clear(engine, photo, seen, QualityFilter.NONE)[0] == [seen[0]]
    assert largest_clear(engine, photo, seen[:2], QualityFilter.LOW)[:2] == ([], [])
