"""Templates of another pack beside those in use: an index has them loaded before their collection is switched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Claim, Job, JobKind, Vector
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.models import registry
from kenspeckle.ports import Source, StagedTemplate, Successor, Switched
from kenspeckle.usecases.recognition.users import combine
from tests.catalogs import DIMENSION, gallery, stored_face, template
from tests.contract.conftest import Open

FAR = float("inf")
CLAIM = Claim("job-1", "a")
PACK = replace(registry.SFACE.info, contract="of the new pack", dimension=2 * DIMENSION)
OPENED = pytest.mark.parametrize("open_catalog", ["sqlite", "encrypted", "postgres"], indirect=True)


def new_template(number: int) -> Vector:
    return np.concatenate([template(number), template(number + 500)])


class Upgraded:
    """The collection `people`, whose faces get templates of twice as many components; searched by one index."""

    def __init__(self, catalog: SqlCatalog) -> None:
        self.catalog = catalog
        self.index = FollowingIndex(
            catalog, lambda one: DIMENSION if one.contract == gallery().contract else PACK.dimension, 1
        )
        catalog.create_collection(gallery())
        catalog.add_job(Job(CLAIM.job_id, JobKind.UPGRADE, "people", 1000.0, {}))
        catalog.take_job([JobKind.UPGRADE], CLAIM.owner, 2000.0, 2030.0, 2060.0)
        self.read: list[str] = []
        snapshot = catalog.snapshot

        def counted(collection_id: str, kind: str):  # type: ignore[no-untyped-def]  # as the one that it wraps
            self.read.append(kind)
            return snapshot(collection_id, kind)

        catalog.snapshot = counted  # type: ignore[method-assign]

    def add(self, *numbers: int) -> None:
        """Faces, and what the new pack makes of them."""
        for number in numbers:
            face_id = stored_face(self.catalog, number).face.face_id
            staged = StagedTemplate(face_id, Source.PHOTOGRAPH, new_template(number))
            self.catalog.stage(CLAIM, "people", PACK.contract, [staged])

    def prepared(self) -> Successor:
        made = self.index.prepare("people", PACK, lambda: self.catalog.snapshot_staged("people", PACK.contract))
        assert made is not None
        return made

    def switch(self, since: int | None) -> Switched | None:
        return self.catalog.switch(
            CLAIM, "people", PACK, combine, lambda counts: {"faces": sum(counts.values())}, since=since
        )

    def found(self, probe: Vector) -> list[str]:
        matches = self.index.search("people", "face", probe, 4096, FAR)
        assert all(distance == pytest.approx(np.linalg.norm(one.template - probe)) for one, distance in matches)
        return [one.face.face_id for one, _ in matches if one.face]


@pytest.fixture
def upgraded(open_catalog: Open) -> Iterator[Upgraded]:
    catalog = open_catalog()
    assert isinstance(catalog, SqlCatalog)
    made = Upgraded(catalog)
    yield made
    made.index.close()


@OPENED
def test_what_came_and_went_since_it_was_loaded_is_searched_after_the_switch(upgraded: Upgraded) -> None:
    upgraded.add(*range(20))
    assert upgraded.found(template(7))[0] == "face-7"
    successor = upgraded.prepared()
    upgraded.add(20, 21)
    upgraded.catalog.delete_faces("people", ["face-3", "face-21"])
    assert upgraded.found(template(20))[0] == "face-20", "until the switch the old ones are searched"
    upgraded.read.clear()
    with successor.hold():
        made = upgraded.switch(successor.revision)
        assert made is not None
        assert made.changes is not None
        successor.take_over(made.revision, made.changes)
    for number in (7, 20):
        assert upgraded.found(new_template(number))[0] == f"face-{number}"
    assert set(upgraded.found(new_template(7))) == {f"face-{number}" for number in range(21) if number != 3}
    upgraded.add(30)
    assert upgraded.catalog.collection("people").contract == PACK.contract
    assert upgraded.read == [], "no template was read again"


@OPENED
def test_searches_in_the_middle_of_the_switch_wait_for_what_is_loaded(upgraded: Upgraded) -> None:
    upgraded.add(*range(5))
    upgraded.found(template(1))
    successor = upgraded.prepared()
    upgraded.read.clear()
    answers: list[list[str]] = []
    with successor.hold():
        made = upgraded.switch(successor.revision)
        assert made is not None
        searching = threading.Thread(target=lambda: answers.append(upgraded.found(new_template(4))))
        searching.start()
        successor.take_over(made.revision, made.changes)
    searching.join()
    assert answers[0][0] == "face-4"
    assert upgraded.read == []


@OPENED
def test_where_the_log_does_not_reach_back_all_is_read_anew(upgraded: Upgraded) -> None:
    upgraded.add(*range(5))
    upgraded.found(template(1))
    successor = upgraded.prepared()
    upgraded.add(5)
    with successor.hold():
        made = upgraded.switch(None)
        assert made is not None
        assert made.changes is None
        successor.take_over(made.revision, made.changes)
    assert upgraded.found(new_template(5))[0] == "face-5"
    assert "face" in upgraded.read


@OPENED
def test_another_process_reads_the_new_ones_before_anybody_searches_there(
    upgraded: Upgraded, open_catalog: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kenspeckle.index.follow.FOLLOWED_FROM", 3)
    upgraded.add(*range(5))
    there = open_catalog()
    snapshot, read = there.snapshot, []

    def counted(collection_id: str, kind: str):  # type: ignore[no-untyped-def]  # as the one that it wraps
        read.append(kind)
        return snapshot(collection_id, kind)

    there.snapshot = counted  # type: ignore[method-assign]
    with closing(
        FollowingIndex(there, lambda one: DIMENSION if one.contract == gallery().contract else PACK.dimension, 1)
    ) as other:
        other.load("people", "face")
        assert upgraded.switch(None) is not None
        other.upkeep()
        assert read == ["face", "face"]
        [(first, _), *_] = other.search("people", "face", new_template(4), 10, FAR)
        assert first.face is not None
        assert first.face.face_id == "face-4"
        assert read == ["face", "face"], "the search had nothing to read"


@OPENED
def test_nothing_is_loaded_for_a_collection_that_is_not_searched(upgraded: Upgraded) -> None:
    upgraded.add(1)
    assert upgraded.index.prepare("people", PACK, lambda: pytest.fail("read")) is None
