"""Tracking and naming, with templates that are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kenspeckle.domain import Box, FaceDetail, Pose, Quality, Sample, Vector
from kenspeckle.ports import Track
from kenspeckle.usecases.recognition.users import combine
from kenspeckle.usecases.videos.naming import people_of
from kenspeckle.usecases.videos.tracking import GAP_MS, KEPT, Tracker

DIMENSION = 16


def person(number: int, noise: float = 0.0) -> Vector:
    template = np.zeros(DIMENSION, np.float32)
    template[number] = 1.0
    template[(number + 1) % DIMENSION] = noise
    return np.asarray(template / np.linalg.norm(template), np.float32)


def similarity(one: Vector, other: Vector) -> float:
    return float(100 * max(0.0, np.dot(one, other)))


def face(who: int, left: float, top: float = 0.3, side: float = 0.2) -> FaceDetail:
    """The person's number travels as the roll."""
    return FaceDetail(Box(left, top, side, side), 99.0, (), Pose(float(who), 0, 0), Quality(50, 50))


class Scene:
    """Samples of a fifth of a second."""

    def __init__(self) -> None:
        self.tracker = Tracker(similarity, combine)
        self.described = 0
        self.at = 0

    def shows(self, *faces: FaceDetail, shade: int = 100, clarity: float = 80.0) -> list[int]:
        sample = Sample(self.at, bytes([shade]) * (3 * 64 * 64), 64, 64)
        self.at += 200

        def describe(some: Sequence[FaceDetail]) -> list[tuple[Vector, float]]:
            self.described += len(some)
            return [(person(int(one.pose.roll)), clarity) for one in some]

        return self.tracker.take(sample, faces, describe)


def test_faces_that_stay_are_followed_and_seldom_described() -> None:
    scene = Scene()
    found = [scene.shows(face(1, 0.1 + 0.01 * step), face(2, 0.6)) for step in range(30)]
    assert found == [[0, 1]] * 30
    assert scene.described < 30


def test_faces_that_pass_each_other_keep_their_numbers() -> None:
    scene = Scene()
    for step in range(21):
        one, other = face(1, 0.1 + 0.03 * step), face(2, 0.7 - 0.03 * step)
        assert scene.shows(one, other) == [0, 1]


def test_after_a_cut_another_face_in_the_same_place_is_another_appearance() -> None:
    scene = Scene()
    assert [scene.shows(face(1, 0.4)) for _ in range(5)] == [[0]] * 5
    assert scene.shows(face(2, 0.4), shade=200) == [1]


def test_without_a_cut_another_face_in_the_same_place_is_noticed_within_a_second() -> None:
    scene = Scene()
    for _ in range(5):
        scene.shows(face(1, 0.4))
    assert [scene.shows(face(2, 0.4)) for _ in range(6)][-1] == [1]


def test_after_a_cut_the_same_face_elsewhere_goes_on() -> None:
    scene = Scene()
    for _ in range(5):
        scene.shows(face(1, 0.1))
    assert scene.shows(face(1, 0.7), shade=220) == [0]


def test_a_face_that_moves_fast_is_followed_by_its_template() -> None:
    scene = Scene()
    assert [scene.shows(face(1, left)) for left in (0.0, 0.25, 0.5, 0.75)] == [[0]] * 4


def test_a_face_that_was_gone_for_long_begins_a_new_appearance() -> None:
    scene = Scene()
    scene.shows(face(1, 0.4))
    scene.at += GAP_MS
    assert scene.shows(face(1, 0.4)) == [1]
    assert [one.number for one in scene.tracker.take_grown()] == [0, 1]
    assert scene.tracker.take_grown() == []


def test_unclear_frames_are_followed_and_leave_no_template() -> None:
    scene = Scene()
    for _ in range(10):
        assert scene.shows(face(1, 0.4), clarity=5.0) == [0]
    assert scene.tracker.live[0].track.templates == ()


def test_the_best_frames_are_kept() -> None:
    scene = Scene()
    for step in range(60):
        scene.shows(face(1, 0.4), clarity=20.0 + step)
    (track,) = scene.tracker.take_grown()
    assert len(track.templates) == KEPT
    assert min(track.weights) > 25
    assert track.frames == 60


def test_another_process_goes_on_where_one_was() -> None:
    scene = Scene()
    for _ in range(5):
        scene.shows(face(1, 0.4))
    stored = scene.tracker.take_grown()
    scene.tracker = Tracker(similarity, combine)
    scene.tracker.resume(stored, {0: face(1, 0.4).box}, 1)
    assert scene.shows(face(1, 0.4), face(2, 0.7)) == [0, 1]


def track(number: int, who: int, first: int, last: int, frames: int = 5, templates: int = 4) -> Track:
    return Track(number, first, last, frames, tuple(person(who) for _ in range(templates)), (80.0,) * templates)


def nobody(probe: Vector) -> list[tuple[str, Vector, float]]:
    return []


def test_appearances_of_one_face_are_one_person_unless_they_meet() -> None:
    tracks = [track(0, 1, 0, 1000), track(1, 2, 500, 900), track(2, 1, 3000, 4000), track(3, 1, 3500, 4500)]
    people = people_of(tracks, similarity, combine, nobody)
    assert [(one.person, one.tracks) for one in people] == [(0, (0, 2)), (1, (1,)), (2, (3,))]


@pytest.mark.parametrize(("frames", "templates", "named"), [(5, 4, True), (1, 1, False), (2, 2, False), (9, 2, False)])
def test_a_person_is_named_from_several_frames(frames: int, templates: int, named: bool) -> None:
    def search(probe: Vector) -> list[tuple[str, Vector, float]]:
        return [("face-1", person(1), 99.0)]

    (found,) = people_of([track(0, 1, 0, 1000, frames, templates)], similarity, combine, search)
    assert bool(found.matches) is named


def test_a_name_that_most_frames_do_not_speak_for_is_none() -> None:
    mixed = Track(0, 0, 1000, 5, (person(1), person(2), person(3), person(4)), (80.0,) * 4)

    def search(probe: Vector) -> list[tuple[str, Vector, float]]:
        return [("face-1", person(1), 85.0)]

    (found,) = people_of([mixed], similarity, combine, search)
    assert found.matches == ()
