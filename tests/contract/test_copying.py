"""A whole catalog from SQLite into PostgreSQL and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, select

from kenspeckle.catalog import copying
from kenspeckle.catalog.copying import Copied, copy_catalog
from kenspeckle.catalog.sql import SqlCatalog, open_database
from kenspeckle.catalog.tables import metadata
from kenspeckle.encryption.cipher import PLAIN
from kenspeckle.errors import Conflict, StorageUnavailable
from tests.catalogs import gallery, key, new_face, person, photo, stored_face, template
from tests.contract.conftest import MASTER
from tests.postgres import Server


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    with postgres.empty_database() as url:
        yield url


def fill(url: str) -> None:
    with closing(SqlCatalog.open(url, master=MASTER, encryption=True)) as catalog:
        catalog.create_collection(gallery("people", city="Łódź"))
        for number in range(7):
            stored_face(catalog, number)
        catalog.add_faces(photo(8, kept=False), None, [new_face(8, b"jpeg")], "v1")
        catalog.create_user(person("anna"))
        catalog.link_faces("people", "anna", ["face-1"], template(1), 100)
        catalog.add_key(key(1), digest="ab", sealed=b"\0sealed")
        catalog.create_collection(gallery("gone"))
        stored_face(catalog, 99, "gone")
        catalog.delete_collection("gone")


def content(url: str) -> dict[str, list[str]]:
    with closing(SqlCatalog.open(url, master=MASTER)) as catalog, catalog.database.read() as connection:
        return {
            one.name: sorted(repr(tuple(row)) for row in connection.execute(select(one)))
            for one in metadata.sorted_tables
        }


def copy(source: str, target: str, progress: Callable[[int, int], None] = lambda *_: None) -> Copied:
    with (
        closing(open_database(make_url(source), alone=True)) as here,
        closing(open_database(make_url(target), alone=True)) as there,
    ):
        return copy_catalog(here, there, progress)


def test_there_and_back_it_is_the_same_and_numbers_go_on(url: str, empty: str, tmp_path: Path) -> None:
    fill(url)
    done = copy(url, empty)
    assert done.rows["faces"] == 8
    assert not done.resumed
    assert content(empty) == content(url)
    back = f"sqlite:///{tmp_path / 'back.db'}"
    copy(empty, back)
    assert content(back) == content(url)
    for one in (empty, back):
        with closing(SqlCatalog.open(one, master=MASTER, encryption=True)) as catalog:
            assert catalog.face("people", "face-3")[1].tobytes() == template(3).tobytes()
            assert catalog.collection_keys.of(1) is not PLAIN
            stored_face(catalog, 100)
            row = max(change.row for change in catalog.changes("people", 0, 1000) or ())
            assert row == 10  # 9 was of the collection that is gone


def test_a_copy_that_was_interrupted_goes_on(url: str, empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(url)
    monkeypatch.setattr(copying, "BATCH", 3)

    def stop(done: int, total: int) -> None:
        if done > total - 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(url, empty, stop)
    with pytest.raises(StorageUnavailable, match="catalog copy"):
        SqlCatalog.open(empty)
    assert copy(url, empty).resumed > 0
    assert content(empty) == content(url)


def test_what_is_there_is_never_written_over(url: str, empty: str, tmp_path: Path) -> None:
    fill(url)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    SqlCatalog.open(other).close()
    with pytest.raises(Conflict, match="a catalog already"):
        copy(url, other)
    with pytest.raises(Conflict, match="in use"), closing(SqlCatalog.open(other)):
        copy(other, empty)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(url, empty, stop)
    with pytest.raises(Conflict, match="another copy"):
        copy(other, empty)


def test_a_row_that_differs_is_found(url: str, postgres: Server, empty: str) -> None:
    fill(url)
    name = empty.split("@/")[1].split("?")[0]

    def change(done: int, total: int) -> None:
        if done == total:
            postgres.execute("UPDATE faces SET confidence = confidence + 0.001 WHERE row = 2", name)

    with pytest.raises(StorageUnavailable, match="table faces"):
        copy(url, empty, change)
    with pytest.raises(StorageUnavailable, match="interrupted"):
        SqlCatalog.open(empty)
