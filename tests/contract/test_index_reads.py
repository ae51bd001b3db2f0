"""What an index reads of its catalog: nothing twice that it still has, and what nobody searches it does not keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
import pytest

from kenspeckle.index.follow import IDLE, FollowingIndex
from kenspeckle.ports import Change, Stored
from tests.catalogs import DIMENSION, gallery, new_face, photo, stored_face, template
from tests.fakes import FakeCatalog

FAR = float("inf")


class Counting(FakeCatalog):
    """Counts what an index reads."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[int] = []
        self.asked: list[str] = []

    def read_stored(
        self, collection_id: str, kind: str, rows: Sequence[int], *, contract: str | None = None
    ) -> list[Stored]:
        self.read.append(len(rows))
        return super().read_stored(collection_id, kind, rows, contract=contract)

    def changes(self, collection_id: str, since: int, limit: int) -> list[Change] | None:
        self.asked.append("changes")
        return super().changes(collection_id, since, limit)

    def snapshot(self, collection_id: str, kind: str):  # type: ignore[no-untyped-def]  # as the method it wraps
        self.asked.append("snapshot")
        return super().snapshot(collection_id, kind)


@pytest.fixture
def catalog() -> Counting:
    return Counting()


@pytest.fixture
def seconds() -> list[float]:
    """What the clock of the index says."""
    return [0.0]


@pytest.fixture
def index(catalog: Counting, seconds: list[float]) -> Iterator[FollowingIndex]:
    with closing(FollowingIndex(catalog, lambda _: DIMENSION, 1, lambda: seconds[0])) as made:
        yield made


def test_reads_no_more_than_it_has_to(catalog: Counting, index: FollowingIndex) -> None:
    catalog.create_collection(gallery())
    faces = [new_face(number) for number in range(500)]
    catalog.add_faces(photo(1), "x", faces, "v1")
    assert index.search("people", "face", np.full(DIMENSION, 9, np.float32), 10, 1.0) == []
    assert not catalog.read
    assert len(index.search("people", "face", template(7), 10, 0.01)) == 1
    assert catalog.read == [1]
    index.search("people", "face", template(7), 10, FAR)
    assert catalog.read[1] < 20
    assert catalog.asked == ["snapshot"]
    catalog.add_faces(photo(2), "y", [new_face(1000)], "v1")
    index.search("people", "face", template(7), 10, 0.01)
    index.search("people", "face", template(7), 10, 0.01)
    assert catalog.asked == ["snapshot", "changes"]


def test_lets_go_what_nobody_searches_once_another_needs_memory(
    catalog: Counting, index: FollowingIndex, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kenspeckle.index.follow.FOLLOWED_FROM", 1)
    for name in ("one", "two", "three"):
        catalog.create_collection(gallery(name))
        stored_face(catalog, 7, name)
    for at, name, read in (
        (0.0, "one", 1),
        (60.0, "two", 2),
        (IDLE + 10, "one", 2),
        (IDLE + 90, "three", 3),
        (IDLE + 91, "one", 3),
        (IDLE + 92, "two", 4),
    ):
        seconds[0] = at
        index.upkeep()  # which is no search
        assert len(index.search(name, "face", template(7), 1, 0.01)) == 1, (at, name)
        assert catalog.asked.count("snapshot") == read, (at, name)
