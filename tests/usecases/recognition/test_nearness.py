"""`usecases.recognition.nearness`: the same as pair by pair, whatever the tiles."""

from __future__ import annotations

import numpy as np
import pytest

from kenspeckle.ports import Sample
from kenspeckle.usecases.recognition import nearness

PEOPLE = 11


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> dict[int, Sample]:
    """People with one to four faces each, in tiles of four."""
    monkeypatch.setattr(nearness, "TILE", 4)
    random = np.random.default_rng(3)
    made = {}
    for row in range(PEOPLE):
        count = 1 + row % 4
        faces = random.standard_normal((count, 8)).astype(np.float32)
        made[row] = Sample(tuple(range(count)), tuple(map(str, range(count))), faces, count)
    return made


def apart(one: Sample, other: Sample) -> float:
    return float(((one.templates[:, None] - other.templates[None]) ** 2).sum(axis=2).mean())


def test_near_pairs(samples: dict[int, Sample]) -> None:
    means, spreads = nearness.means_of(samples)
    every = sorted(
        (apart(samples[one], samples[other]), one, other) for one in range(PEOPLE) for other in range(one + 1, PEOPLE)
    )
    within = every[30][0] ** 0.5 + 1e-4
    for most in (5, 31, 100):
        found = nearness.near_pairs(means, spreads, within, most)
        assert [one[1:] for one in found] == [one[1:] for one in every[: min(most, 31)]]
        assert [one[0] for one in found] == pytest.approx([one[0] for one in every[: len(found)]], abs=1e-4)
    assert nearness.near_pairs(*nearness.means_of({}), 1.0, 10) == []


def test_nearest_others(samples: dict[int, Sample]) -> None:
    means, spreads = nearness.means_of(samples)
    templates = np.concatenate([one.templates for one in samples.values()])
    whose = np.repeat(np.arange(PEOPLE), [len(one.rows) for one in samples.values()])
    for bar in (np.inf, 12.0):
        bars = np.full(len(templates), bar, np.float32)
        nearest, squares = nearness.nearest_others(templates, whose, bars, means, spreads)
        for face, own in enumerate(whose.tolist()):
            alone = Sample((0,), ("0",), templates[face : face + 1], 1)
            plain = {other: apart(alone, samples[other]) for other in range(PEOPLE) if other != own}
            best = min(plain, key=lambda other: plain[other])
            if plain[best] > bar:
                assert squares[face] == np.inf
                continue
            assert int(nearest[face]) == best
            assert float(squares[face]) == pytest.approx(plain[best], abs=1e-4)
        assert 0 < np.isfinite(squares).sum() < len(squares) or bar == np.inf


def test_of_many_people_most_pairs_are_ruled_out_by_a_part_of_their_dimensions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same as with all of them, for templates whose axes differ as those of faces do."""
    random = np.random.default_rng(4)
    spread = np.exp(-np.arange(128) / 20)
    templates = random.standard_normal((900, 128)) * spread
    templates[1::9] = templates[::9] + random.standard_normal((100, 128)) * spread / 4
    templates = (templates / np.linalg.norm(templates, axis=1, keepdims=True)).astype(np.float32)
    squares = ((templates[:, None] - templates[None]) ** 2).sum(axis=2)
    monkeypatch.setattr(nearness, "TILE", 64)
    assert nearness._axes(templates).shape[1] < 48
    spreads = np.ones(900, np.float32)
    found = nearness.near_pairs(templates, spreads, 0.8**0.5, 1000)
    every = np.argwhere(np.triu(squares <= 0.8, 1))
    assert 100 < len(every) < 1000
    assert {one[1:] for one in found} == {(int(one), int(other)) for one, other in every}
    whose = np.arange(900)
    nearest, near = nearness.nearest_others(templates, whose, np.full(900, 0.7, np.float32), templates, spreads)
    np.fill_diagonal(squares, np.inf)
    within = squares.min(axis=1) <= 0.7
    assert 100 < within.sum() < 900
    assert (np.isfinite(near) == within).all()
    assert (nearest[within] == squares.argmin(axis=1)[within]).all()
