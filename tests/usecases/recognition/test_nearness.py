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
    nearest, squares = nearness.nearest_others(templates, whose, means, spreads)
    for face, own in enumerate(whose.tolist()):
        alone = Sample((0,), ("0",), templates[face : face + 1], 1)
        plain = {other: apart(alone, samples[other]) for other in range(PEOPLE) if other != own}
        best = min(plain, key=lambda other: plain[other])
        assert int(nearest[face]) == best
        assert float(squares[face]) == pytest.approx(plain[best], abs=1e-4)
