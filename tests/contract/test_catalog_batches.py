"""Many photographs of one transaction: stored as one by one, or not at all."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import event

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import PackInfo
from kenspeckle.errors import CollectionNotFound, Conflict, PackMismatch
from kenspeckle.ports import NewPhotograph
from kenspeckle.usecases.transfer import storing
from kenspeckle.usecases.transfer.storing import Imported, Storer, Target
from tests.catalogs import Whole, gallery, held, new_face, photo, stored_face, template


def one(number: int, *faces: int, name: str | None = None) -> NewPhotograph:
    return NewPhotograph(photo(number), name or f"{number}.jpg", [new_face(face) for face in faces or (number,)], "v1")


def test_answers_are_those_of_one_by_one(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    stored_face(catalog, 2)
    before = catalog.revision("people")
    batch = [one(1, 10, 11), one(2), one(3), one(1, 12, 13), one(1, 14, name="other")]
    answers = catalog.add_photographs("people", batch, "contract")
    assert [created for _, _, created in answers] == [True, False, True, False, True]
    assert [{found.face.face_id for found in records} for _, records, _ in answers] == [
        {"face-10", "face-11"},
        {"face-2"},
        {"face-3"},
        {"face-10", "face-11"},
        {"face-14"},
    ]
    assert (catalog.collection("people").face_count, catalog.counts()["images"]) == (5, 4)
    assert len(held(catalog)) == 5
    changes = catalog.changes("people", before, 100)
    assert changes is not None
    assert len(changes) == 4
    assert not any(created for _, _, created in catalog.add_photographs("people", batch, "contract"))
    assert catalog.collection("people").face_count == 5


def test_all_of_them_or_none(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    stored_face(catalog, 2)
    before = catalog.revision("people"), held(catalog)
    with pytest.raises(Conflict):
        catalog.add_photographs("people", [one(1), one(3, 2), one(4)], "contract")
    with pytest.raises(PackMismatch):
        catalog.add_photographs("people", [one(1)], "another")
    with pytest.raises(CollectionNotFound):
        catalog.add_photographs("nobody", [one(1)], "contract")
    assert (catalog.revision("people"), held(catalog)) == before
    assert catalog.add_photographs("people", [], "contract") == []


def target(catalog: Any) -> Target:
    def nothing(data: bytes) -> Any:
        raise AssertionError("no photograph comes with these")

    pack: PackInfo | None = None
    return Target(catalog, None, lambda contract: pack, nothing, True, lambda name: None)  # type: ignore[arg-type]


def test_an_import_waits_for_the_disk_once_a_batch(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "BATCH", 50)
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
        commits: list[object] = []
        event.listen(catalog.database._writer, "commit", commits.append)
        done = Imported("people")
        storer = Storer(target(catalog), "contract", done)
        for number in range(120):
            storer.add(one(number), "a photograph")
        storer.flush()
        assert (done.faces, done.without_photograph, catalog.collection("people").face_count) == (120, 120, 120)
        assert len(commits) == 3


def test_what_comes_before_a_collision_is_stored(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    stored_face(catalog, 2)
    storer = Storer(target(catalog), "contract", Imported("people"))
    for photograph in (one(1), one(3, 2), one(4)):
        storer.add(photograph, "a photograph")
    with pytest.raises(Conflict, match="Face face-2 is in 'people' already"):
        storer.flush()
    assert set(held(catalog).values()) == {template(number).tobytes() for number in (1, 2)}
