"""Live pictures: each appearance is told once, with its clearest pictures; real networks, a real video."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kenspeckle.compose import cameras
from kenspeckle.compose.engines import open_engines
from kenspeckle.domain import Sample
from kenspeckle.ports import Engine
from kenspeckle.settings import load
from kenspeckle.usecases.videos.live import PICTURES, Live, SeenPerson
from tests.videos import two_people


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engines = open_engines(load(environ={}))
    yield engines.default
    engines.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Grace for 3 s, Eileen for the last half of them, nobody for 0.6 s, Eileen for 1.4 s."""
    path = two_people(tmp_path_factory.mktemp("video") / "two.mp4")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with cameras.videos(load(environ={})).open(descriptor, rate=5.0) as reader:
            return [one for one in reader if one is not None]
    finally:
        os.close(descriptor)


def told(live: Live, samples: list[Sample]) -> list[SeenPerson]:
    return [*(one for sample in samples for one in live.take(sample)), *live.rest()]


def test_each_appearance_is_told_once_with_pictures_in_which_its_face_is_found(
    engine: Engine, samples: list[Sample]
) -> None:
    live = cameras.live(engine)
    seen = told(live, samples)
    assert len({one.track.number for one in seen}) == len(seen) == 2
    grace, eileen = sorted(seen, key=lambda one: one.track.first_ms)
    assert (grace.track.first_ms, grace.track.last_ms, grace.ended) == (0, 2800, True)
    assert eileen.track.last_ms >= 4600
    for one in seen:
        assert 3 <= len(one.pictures) <= PICTURES
        assert all(len(engine.detect(engine.open(picture))) == 1 for picture in one.pictures)
    assert (live.tracker.live, live.rest(), live._pictures) == ([], [], {})


def test_who_stays_is_told_of_meanwhile_and_not_again(engine: Engine, samples: list[Sample]) -> None:
    live = cameras.live(engine, 1000)
    early = [one for sample in samples[:8] for one in live.take(sample)]
    assert [(one.ended, one.track.frames) for one in early] == [(False, 6)]
    rest = told(live, samples[8:])
    assert early[0].track.number not in {one.track.number for one in rest}
    assert len(rest) == 1


def test_a_face_in_fewer_than_three_pictures_is_not_told_of(engine: Engine, samples: list[Sample]) -> None:
    assert told(cameras.live(engine), samples[:2]) == []
