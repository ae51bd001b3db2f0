"""`usecases.recognition.neighbours`: the same as pair by pair, whatever the tiles and however many are alike."""

from __future__ import annotations

import numpy as np
import pytest

from kenspeckle.domain import Vector
from kenspeckle.usecases.recognition import neighbours, tiles

COUNT = 90


def plain(templates: Vector, within: float, most: int) -> set[tuple[int, int]]:
    squares = ((templates[:, None].astype(float) - templates[None]) ** 2).sum(axis=2)
    found = set()
    for one in range(len(templates)):
        for others in (range(one + 1, len(templates)), range(one)):
            near = sorted((squares[one, other], other) for other in others if squares[one, other] <= within**2)
            found |= {(min(one, other), max(one, other)) for _, other in near[:most]}
    return found


@pytest.mark.parametrize("most", [4, 64])
@pytest.mark.parametrize("spread", [0.2, 0.7], ids=["all alike", "some near"])
@pytest.mark.parametrize(("tile", "room"), [(16, 100), (32, 400), (2048, 1 << 23)])
def test_pairs_of_near_templates(
    most: int, spread: float, tile: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In tiles that are the whole or part of it, with room for all pairs or for few."""
    monkeypatch.setattr(neighbours, "TILE", tile)
    monkeypatch.setattr(neighbours, "MOST_NEAR", most)
    monkeypatch.setattr(neighbours, "MOST_PAIRS", room)
    random = np.random.default_rng(8)
    templates = (np.eye(1, 3) + random.normal(0, spread, (COUNT, 3))).astype(np.float32)
    low, high = neighbours.near_templates(templates, 1.0, lambda done, total: None)
    found = list(zip(low.tolist(), high.tolist(), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == plain(templates, 1.0, most)
    if spread == 0.7:
        assert COUNT < len(found) < COUNT * (COUNT - 1) / 4


def test_nobody_is_near_nobody() -> None:
    for count in (0, 1):
        low, high = neighbours.near_templates(np.ones((count, 4), np.float32), 1.0, lambda done, total: None)
        assert (low.tolist(), high.tolist()) == ([], [])


def test_tiles_are_the_whole_once_and_a_step_ends_them() -> None:
    told: list[tuple[int, int]] = []
    found = set(tiles.over_tiles(lambda *corner: corner, 5, 7, 2, step=lambda *done: told.append(done)))
    assert found == {(row, column) for row in (0, 2, 4) for column in (0, 2, 4, 6)}
    assert told == [(0, 5), (2, 5), (4, 5)]
    upper = list(tiles.over_tiles(lambda *corner: corner, 5, 5, 2, upper=True))
    assert sorted(upper) == [(0, 0), (0, 2), (0, 4), (2, 2), (2, 4), (4, 4)]
    assert list(tiles.over_tiles(lambda *corner: corner, 0, 0, 2)) == []

    def refuse(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        list(tiles.over_tiles(lambda *corner: corner, 5, 5, 2, step=refuse))
