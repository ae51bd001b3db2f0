"""No way of a request reads a collection as a whole: what SQLite plans for the statements that it is given."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import event

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.video_results import _BY_PERSON
from tests.catalogs import gallery, new_face, person, photo, stored_face, template

GROWING = ("faces", "images", "users", "thumbnails", "changes", "people", "members", "identities", "sqlite_stat1")
WALKS = ("faces_in_order", "users_in_order")
"""Indexes that hold a whole collection in order: for its pages and snapshots alone."""


class Traced:
    """A catalog, and the statements that SQLite is given."""

    def __init__(self, url: str) -> None:
        self.said: list[str] = []
        self.catalog = SqlCatalog.open(url)
        event.listen(self.catalog.database._engine, "connect", self._connected)
        self.catalog.database._engine.dispose()

    def _connected(self, connection: Any, _record: object) -> None:
        connection.set_trace_callback(self.said.append)


@pytest.fixture
def traced(url: str) -> Iterator[Traced]:
    one = Traced(url)
    with closing(one.catalog) as catalog:
        catalog.create_collection(gallery())
        catalog.create_user(person("ada"))
        for number in range(20):
            stored_face(catalog, number)
        catalog.link_faces("people", "ada", ["face-3", "face-4"], template(3), 100)
        yield one


def plans(traced: Traced, path: str) -> list[str]:
    """What SQLite does for each statement that was traced, a line a step."""
    with closing(sqlite3.connect(path)) as connection:
        return [
            f"{step[3]} <- {statement}"
            for statement in dict.fromkeys(traced.said)
            if statement.split()[0] in ("SELECT", "DELETE", "UPDATE", "INSERT", "WITH")
            for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]


def combine(some: Any) -> Any:
    return some[0]


FEW: dict[str, Callable[[SqlCatalog], object]] = {
    "by identity": lambda catalog: catalog.faces("people", 100, None, external_image_id="3.jpg").items,
    "by user": lambda catalog: catalog.faces("people", 100, None, user_id="ada").items,
    "by ids": lambda catalog: catalog.faces("people", 100, None, face_ids=["face-3", "face-9"]).items,
    "by user and identity": lambda catalog: (
        catalog.faces("people", 100, None, user_id="ada", external_image_id="3.jpg").items
    ),
    "by all three": lambda catalog: (
        catalog.faces("people", 100, None, user_id="ada", external_image_id="3.jpg", face_ids=["face-3"]).items
    ),
    "one face": lambda catalog: catalog.face("people", "face-3"),
    "one photograph": lambda catalog: catalog.image("people", "3.jpg"),
    "indexed before": lambda catalog: catalog.find_indexed("people", photo(3).digest, "3.jpg"),
    "of a key": lambda catalog: catalog.faces_of_key("people", "3.jpg", 100),
    "aged": lambda catalog: catalog.find_aged("people", 2005.0, 100),
    "one user": lambda catalog: catalog.user("people", "ada"),
    "templates of a user": lambda catalog: catalog.user_templates("people", "ada"),
    "matches": lambda catalog: catalog.read_stored("people", "face", list(range(1, 20))),
    "described": lambda catalog: catalog.collection("people"),
    "counted": lambda catalog: catalog.counts(),
    "deleted": lambda catalog: catalog.delete_faces("people", ["face-9", "face-10"])[0].deleted,
    "erased": lambda catalog: catalog.erase_faces("people", ["face-3"], combine).face_ids,
    "a user erased": lambda catalog: catalog.erase_faces("people", [], combine, user_id="ada").face_ids,
    "indexed": lambda catalog: catalog.add_faces(photo(90), "new", [new_face(90)], "v1")[2],
    "a photograph referred to": lambda catalog: catalog.digests([photo(3).digest]),
}


@pytest.mark.parametrize("name", FEW)
def test_few_of_many_are_found_by_their_own_index(traced: Traced, path: Any, name: str) -> None:
    traced.said.clear()
    assert FEW[name](traced.catalog)
    steps = plans(traced, str(path))
    assert steps
    walked = [one for one in steps if one.startswith("SCAN") and one.split()[1] in GROWING]
    assert not [*walked, *(one for one in steps if any(f"INDEX {index} " in one for index in WALKS))]


@pytest.mark.parametrize(
    "list_page", [lambda one: one.faces("people", 5, None), lambda one: one.users("people", 5, None)]
)
def test_a_page_is_read_in_order_and_nothing_is_sorted(traced: Traced, path: Any, list_page: Any) -> None:
    traced.said.clear()
    assert list_page(traced.catalog).items
    assert not [one for one in plans(traced, str(path)) if one.startswith("SCAN") or "TEMP B-TREE" in one]


def test_a_page_of_a_videos_faces_begins_after_the_one_before(traced: Traced, path: Any) -> None:
    statement = str(_BY_PERSON.compile(dialect=traced.catalog.database._engine.dialect))
    with closing(sqlite3.connect(path)) as connection:
        steps = [one[3] for one in connection.execute(f"EXPLAIN QUERY PLAN {statement}", [1] * statement.count("?"))]
    assert steps == ["SEARCH video_faces USING INDEX video_faces_by_person (video_row=? AND person>?)"]


def test_retention_finds_what_is_old_by_age(traced: Traced, path: Any) -> None:
    traced.said.clear()
    assert traced.catalog.find_aged("people", 2003.0, 2) == ("face-0", "face-1")
    assert any("images_by_age (collection_row=? AND created_at<?)" in one for one in plans(traced, str(path)))


def test_plans_need_no_statistics_and_none_are_kept(traced: Traced) -> None:
    """ANALYZE may keep samples of values, names of people among them, which erasure would have to find."""
    with traced.catalog.database.read() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name LIKE 'sqlite_stat%'").all()
    assert tables == []


def test_filters_keep_the_order_and_go_on_from_page_to_page(traced: Traced) -> None:
    catalog = traced.catalog
    for number in range(30, 37):
        catalog.add_faces(photo(number), "many", [new_face(number)], "v1")
    pages, cursor = [], None
    while True:
        page = catalog.faces("people", 3, cursor, external_image_id="many")
        pages.append([one.face_id for one in page.items])
        cursor = page.cursor
        if cursor is None:
            break
    assert pages == [["face-30", "face-31", "face-32"], ["face-33", "face-34", "face-35"], ["face-36"]]
    of_user = catalog.faces("people", 1, None, user_id="ada")
    assert [one.face_id for one in of_user.items] == ["face-3"]
    rest = catalog.faces("people", 5, of_user.cursor, user_id="ada")
    assert [one.face_id for one in rest.items] == ["face-4"]
