"""`ports.People` of the SQL catalog: whose a face is, names, merge, split, undo, and what erasure leaves of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from sqlalchemy import func, select, update

from kenspeckle.catalog.export import SqlDumps
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import apart, collections, dismissed, identities, members, people, undo
from kenspeckle.domain import Person
from kenspeckle.errors import Conflict, FaceNotFound, InvalidCursor, PersonNotFound
from kenspeckle.usecases.transfer import export_format
from tests.catalogs import gallery, new_face, person, photo, stored_face, template

NAME = "people"


@pytest.fixture
def held(catalog_url: str) -> Iterator[SqlCatalog]:
    """Four faces under identities of their own, and two more of the first."""
    with closing(SqlCatalog.open(catalog_url)) as catalog:
        catalog.create_collection(gallery())
        for number in range(4):
            stored_face(catalog, number)
        for number in (10, 11):
            catalog.add_faces(photo(number), "0.jpg", [new_face(number)], "v1")
        yield catalog


def everybody(catalog: SqlCatalog, **how: object) -> tuple[Person, ...]:
    return catalog.people(NAME, 100, None, **how).items  # type: ignore[arg-type]  # its own parameters


def named(catalog: SqlCatalog, name: str) -> Person:
    (found,) = [one for one in everybody(catalog, hidden=True) if one.name == name]
    return found


def faces_of(catalog: SqlCatalog, one: Person) -> set[str]:
    return {face.face_id for face in catalog.faces_of_person(NAME, one.person_id, 100, None).items}


def left(catalog: SqlCatalog) -> dict[str, int]:
    """Rows of each table of people."""
    with catalog.database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (people, identities, members, undo, apart, dismissed)
        }


def combine(some: object) -> object:
    return some[0]  # type: ignore[index]  # a sequence of templates


def test_a_face_is_its_identitys_person(held: SqlCatalog) -> None:
    assert [(one.name, one.face_count, one.external_image_ids) for one in everybody(held)] == [
        ("0", 3, ("0.jpg",)),
        ("1", 1, ("1.jpg",)),
        ("2", 1, ("2.jpg",)),
        ("3", 1, ("3.jpg",)),
    ]
    assert faces_of(held, named(held, "0")) == {"face-0", "face-10", "face-11"}
    assert named(held, "1").cover_face_id == "face-1"
    record, _ = held.face(NAME, "face-10")
    assert record.person is not None
    assert record.person.name == "0"
    (stored,) = held.read_stored(NAME, "face", [2])
    assert stored.person is not None
    assert stored.person.name == "1"


def test_faces_without_identity_are_nobodys(held: SqlCatalog) -> None:
    held.add_faces(photo(20), None, [new_face(20)], "v1")
    assert held.face(NAME, "face-20")[0].person is None
    assert len(everybody(held)) == 4


def test_a_given_name_is_kept_and_taken_back(held: SqlCatalog) -> None:
    one = named(held, "1")
    assert held.change_person(NAME, one.person_id, name="李小龙").name == "李小龙"
    held.add_faces(photo(12), "1.jpg", [new_face(12)], "v1", person_name="Bruce")
    assert named(held, "李小龙").face_count == 2
    assert held.change_person(NAME, one.person_id, name="").name == "1"
    held.add_faces(photo(13), "1.jpg", [new_face(13)], "v1", person_name="李")
    assert held.person(NAME, one.person_id).name == "李"
    held.add_faces(photo(14), "new.jpg", [new_face(14)], "v1", person_name="Zoë")
    assert named(held, "Zoë").external_image_ids == ("new.jpg",)


def test_lists_are_by_name_in_pages(held: SqlCatalog) -> None:
    for name, given in (("0", "Zoë"), ("1", "adam"), ("2", "Adam"), ("3", "Émile")):
        held.change_person(NAME, named(held, name).person_id, name=given)
    found, cursor = [], None
    while True:
        page = held.people(NAME, 1, cursor)
        found += [one.name for one in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == ["adam", "Adam", "Émile", "Zoë"]
    assert [one.name for one in everybody(held, name="ZOE")] == ["Zoë"]
    assert [one.name for one in everybody(held, name="a")] == ["adam", "Adam"]
    assert everybody(held, name="%") == ()
    assert everybody(held, name="_") == ()
    held.change_person(NAME, named(held, "adam").person_id, hidden=True)
    assert [one.name for one in everybody(held)] == ["Adam", "Émile", "Zoë"]
    assert [one.name for one in everybody(held, hidden=True)] == ["adam", "Adam", "Émile", "Zoë"]
    token = held.people(NAME, 1, None).cursor
    with pytest.raises(InvalidCursor):
        held.people(NAME, 1, token, name="a")


def test_a_page_goes_on_where_the_person_before_it_is_gone(held: SqlCatalog) -> None:
    token = held.people(NAME, 2, None).cursor
    held.erase_faces(NAME, ["face-1"], combine)  # type: ignore[arg-type]  # templates alike
    assert [one.name for one in held.people(NAME, 2, token).items] == ["2", "3"]


def test_moved_faces_are_the_other_persons_and_so_is_who_comes_later(held: SqlCatalog) -> None:
    one, two = named(held, "1"), named(held, "2")
    assert held.move_faces(NAME, one.person_id, ["face-2", "face-10"]).face_count == 3
    assert faces_of(held, named(held, "0")) == {"face-0", "face-11"}
    with pytest.raises(PersonNotFound):
        held.person(NAME, two.person_id)
    held.add_faces(photo(12), "2.jpg", [new_face(12)], "v1")
    held.add_faces(photo(13), "0.jpg", [new_face(13)], "v1")
    assert faces_of(held, one) == {"face-1", "face-2", "face-10", "face-12"}
    assert "face-13" in faces_of(held, named(held, "0"))
    before = left(held)
    with pytest.raises(FaceNotFound):
        held.move_faces(NAME, one.person_id, ["face-3", "face-99"])
    with pytest.raises(PersonNotFound):
        held.move_faces(NAME, "person-99", ["face-3"])
    assert left(held) == before


def test_a_merge_and_its_undoing(held: SqlCatalog) -> None:
    one, two = named(held, "1"), named(held, "2")
    held.change_person(NAME, two.person_id, name="Ada", hidden=True)
    merged = held.merge_people(NAME, two.person_id, one.person_id, 5.0)
    assert (merged.name, merged.face_count, merged.external_image_ids) == ("1", 2, ("1.jpg", "2.jpg"))
    with pytest.raises(PersonNotFound):
        held.person(NAME, two.person_id)
    held.add_faces(photo(12), "2.jpg", [new_face(12)], "v1")
    assert faces_of(held, one) == {"face-1", "face-2", "face-12"}
    done = held.undo_people(NAME, merged.undo_id)
    assert done.kind == "merge"
    again = held.person(NAME, two.person_id)
    assert (again.name, again.hidden, again.external_image_ids) == ("Ada", True, ("2.jpg",))
    assert faces_of(held, again) == {"face-2"}
    assert faces_of(held, one) == {"face-1", "face-12"}  # it came later, and nobody said that it is wrong
    held.add_faces(photo(14), "2.jpg", [new_face(14)], "v1")
    assert faces_of(held, again) == {"face-2", "face-14"}
    with pytest.raises(Conflict):
        held.undo_people(NAME, merged.undo_id)


def test_merges_on_merges_are_undone_one_by_one(held: SqlCatalog) -> None:
    ids = [named(held, str(number)).person_id for number in range(4)]
    first = held.merge_people(NAME, ids[0], ids[1], 5.0)
    second = held.merge_people(NAME, ids[1], ids[2], 6.0)
    assert second.face_count == 5
    with pytest.raises(Conflict, match="later"):
        held.undo_people(NAME, first.undo_id)
    held.undo_people(NAME, None)
    held.undo_people(NAME, None)
    assert [(one.person_id, one.face_count) for one in everybody(held)] == list(zip(ids, (3, 1, 1, 1), strict=True))
    with pytest.raises(Conflict):
        held.undo_people(NAME, None)


def test_nobody_is_merged_into_itself_or_in_a_circle(held: SqlCatalog) -> None:
    one, two = named(held, "1").person_id, named(held, "2").person_id
    with pytest.raises(Conflict, match="itself"):
        held.merge_people(NAME, one, one, 5.0)
    held.merge_people(NAME, one, two, 5.0)
    with pytest.raises(PersonNotFound):
        held.merge_people(NAME, two, one, 5.0)


def test_a_split_and_its_undoing(held: SqlCatalog) -> None:
    whole = named(held, "0")
    new = held.split_person(NAME, whole.person_id, ["face-10"], "Twin", 5.0)
    assert (new.name, new.face_count) == ("Twin", 1)
    assert faces_of(held, whole) == {"face-0", "face-11"}
    with pytest.raises(Conflict):
        held.split_person(NAME, whole.person_id, ["face-10"], None, 5.0)
    with pytest.raises(Conflict, match="nothing would be left"):
        held.split_person(NAME, whole.person_id, ["face-0", "face-11"], None, 5.0)
    assert held.undo_people(NAME, new.undo_id).people[0].person_id == whole.person_id
    assert faces_of(held, whole) == {"face-0", "face-10", "face-11"}
    merged = held.merge_people(NAME, named(held, "1").person_id, whole.person_id, 6.0)
    apart_ = held.split_person(NAME, merged.person_id, ["face-1"], "One", 7.0)
    held.add_faces(photo(12), "1.jpg", [new_face(12)], "v1")
    assert faces_of(held, apart_) == {"face-1", "face-12"}


def test_association_moves_a_face_to_the_users_person_and_back(held: SqlCatalog) -> None:
    held.create_user(person("ada"))
    first = named(held, "1")
    held.change_person(NAME, first.person_id, name="Ada King")
    held.link_faces(NAME, "ada", ["face-1", "face-10"], template(3), 100)
    (users_,) = [one for one in everybody(held) if one.user_id == "ada"]
    assert (users_.name, users_.face_count) == ("Ada", 2)
    assert users_.external_image_ids == ("0.jpg", "1.jpg")
    assert [one.name for one in everybody(held)] == ["0", "2", "3", "Ada"]
    held.unlink_faces(NAME, "ada", ["face-1"], template(4))
    assert faces_of(held, held.person(NAME, first.person_id)) == {"face-1"}
    assert named(held, "Ada King").person_id == first.person_id
    held.delete_user(NAME, "ada")
    assert faces_of(held, named(held, "0")) == {"face-0", "face-10", "face-11"}
    assert [one.name for one in everybody(held)] == ["0", "2", "3", "Ada King"]


def test_a_users_faces_without_identity_are_nobodys_after_it(held: SqlCatalog) -> None:
    held.add_faces(photo(20), None, [new_face(20)], "v1")
    held.create_user(person("ada"))
    held.link_faces(NAME, "ada", ["face-20"], template(3), 100)
    assert named(held, "Ada").face_count == 1
    held.delete_user(NAME, "ada")
    assert held.face(NAME, "face-20")[0].person is None


def test_one_of_two_merged_may_have_a_user(held: SqlCatalog) -> None:
    for name, face in (("ada", "face-1"), ("eve", "face-2")):
        held.create_user(person(name))
        held.link_faces(NAME, name, [face], template(3), 100)
    ada, eve, other = (named(held, name).person_id for name in ("Ada", "Eve", "0"))
    with pytest.raises(Conflict, match="UserId"):
        held.merge_people(NAME, ada, eve, 5.0)
    merged = held.merge_people(NAME, ada, other, 5.0)
    assert (merged.name, merged.user_id, merged.face_count) == ("0", "ada", 4)
    held.link_faces(NAME, "ada", ["face-3"], template(3), 100)
    assert held.person(NAME, other).face_count == 5
    held.undo_people(NAME, None)
    assert (held.person(NAME, ada).user_id, held.person(NAME, other).user_id) == ("ada", None)


def test_nothing_of_a_person_stays_after_the_last_face(held: SqlCatalog, catalog_url: str, path: Path) -> None:
    one, two = named(held, "1").person_id, named(held, "2").person_id
    held.change_person(NAME, two, name="Wilhelmina Xylander")
    held.merge_people(NAME, two, one, 5.0)
    held.split_person(NAME, named(held, "0").person_id, ["face-10"], "Xenophon Quill", 6.0)
    held.erase_faces(NAME, ["face-2", "face-10"], combine)  # type: ignore[arg-type]  # templates alike
    assert left(held)["undo"] == 0
    assert [one.name for one in everybody(held)] == ["0", "1", "3"]
    if catalog_url.startswith("sqlite"):  # what PostgreSQL's files hold, tests/cluster/test_commands.py looks at
        held.scrub(thorough=True)
        data = b"".join(file.read_bytes() for file in path.parent.glob("kenspeckle.db*"))
        for word in (b"Xylander", b"xylander", b"Quill", b"quill", b"2.jpg"):
            assert word not in data
    held.erase_faces(NAME, [f"face-{number}" for number in (0, 1, 3, 11)], combine)  # type: ignore[arg-type]  # alike
    assert set(left(held).values()) == {0}


def test_a_person_with_a_user_is_erased_with_it(held: SqlCatalog) -> None:
    held.create_user(person("ada"))
    held.link_faces(NAME, "ada", ["face-1"], template(3), 100)
    ada = named(held, "Ada")
    held.erase_faces(NAME, ["face-1"], combine)  # type: ignore[arg-type]  # templates alike
    assert held.person(NAME, ada.person_id).face_count == 0
    assert held.drop_person(NAME, ada.person_id) == ("ada",)
    assert held.collection(NAME).user_count == 0
    assert [one.name for one in everybody(held)] == ["0", "2", "3"]
    assert held.drop_person(NAME, ada.person_id) == ()


def test_the_people_of_a_deleted_collection_go(held: SqlCatalog) -> None:
    held.merge_people(NAME, named(held, "1").person_id, named(held, "2").person_id, 5.0)
    held.delete_collection(NAME)
    assert set(left(held).values()) == {0}


def test_faces_of_an_older_version_come_to_their_people_in_steps(held: SqlCatalog) -> None:
    held.create_user(person("ada"))
    held.link_faces(NAME, "ada", ["face-2"], template(3), 100)
    with held.database.write() as connection:
        for table in (members, identities, people):
            connection.execute(table.delete())
        connection.execute(update(collections).values(adopted=0))
    held.add_faces(photo(12), "1.jpg", [new_face(12)], "v1")
    steps = []
    while (state := held.adopt(NAME, 3)) is not None:
        steps.append(state)
    assert steps == [(3, 7), (6, 7)]
    assert [(one.name, one.face_count, one.user_id) for one in everybody(held)] == [
        ("0", 3, None),
        ("1", 2, None),
        ("3", 1, None),
        ("Ada", 1, "ada"),
    ]
    assert held.adopt(NAME, 3) is None


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_page_of_people_needs_no_walk(held: SqlCatalog, path: Path) -> None:
    said: list[str] = []
    with held.database.read() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(said.append)
        connection.exec_driver_sql("SELECT 1")
    page = held.people(NAME, 2, None)
    held.people(NAME, 2, page.cursor)
    held.people(NAME, 2, None, name="1")
    asked = [one for one in said if "FROM people" in one]
    assert asked
    with closing(sqlite3.connect(path)) as other:
        plans = [step[3] for one in asked for step in other.execute(f"EXPLAIN QUERY PLAN {one}")]
    assert not [one for one in plans if one.startswith("SCAN") and "people" in one]
    assert any("people_by_name (collection_row=? AND kind=? AND name_key>?)" in one for one in plans)


def test_an_export_has_people_and_an_import_brings_them_back(held: SqlCatalog, tmp_path: Path) -> None:
    held.create_user(person("ada"))
    held.link_faces(NAME, "ada", ["face-3"], template(3), 100)
    held.change_person(NAME, named(held, "1").person_id, name="Zoë", hidden=True)
    held.merge_people(NAME, named(held, "2").person_id, named(held, "Zoë").person_id, 5.0)
    held.split_person(NAME, named(held, "0").person_id, ["face-10"], "Twin", 6.0)
    for number in (20, 21):
        held.add_faces(photo(number), None, [new_face(number)], "v1")
    held.regroup(NAME, [(None, [7, 8])], 7.0)
    with SqlDumps(held.database, held.collection_keys).dump(NAME) as dump:
        saved = list(dump.people)
    for one in saved:
        faceless = replace(one, face_ids=())  # whose ids are no UUIDs here
        assert export_format.person(orjson.loads(export_format.person_line(faceless)), 1) == faceless
    assert {one.name for one in saved} == {"Zoë", "Twin", ""}
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'other.db'}")) as other:
        other.create_collection(gallery())
        for number in range(4):
            stored_face(other, number)
        for number, name in ((10, "0.jpg"), (11, "0.jpg"), (20, None), (21, None)):
            other.add_faces(photo(number), name, [new_face(number)], "v1")
        other.create_user(person("ada"))
        other.link_faces(NAME, "ada", ["face-3"], template(3), 100)
        for _ in range(2):  # repeating it changes nothing
            for one in saved:
                other.restore_person(NAME, one, 9.0)
        shown = [
            {
                (one.name, one.hidden, one.user_id, frozenset(faces_of(each, one)))
                for one in everybody(each, hidden=True)
            }
            for each in (held, other)
        ]
        assert shown[0] == shown[1]
        assert [set(one.face_ids) for one in other.groups(NAME, 10, None).items] == [
            set(one.face_ids) for one in held.groups(NAME, 10, None).items
        ]


def test_faces_without_a_name_get_one(held: SqlCatalog) -> None:
    for number in range(20, 25):
        held.add_faces(photo(number), None, [new_face(number)], "v1")
    done = held.name_faces(NAME, ["face-20", "face-21"], "Ada King", "Ada_King", 1.0)
    assert done.person is not None
    assert (done.person.name, done.person.face_count, done.others) == ("Ada King", 2, ())
    # By the identity, whatever the person is called; faces that are somebody's stay.
    held.change_person(NAME, done.person.person_id, name="Countess")
    again = held.name_faces(NAME, ["face-20", "face-22", "face-1"], "Ada King", "Ada_King", 1.0)
    assert again.person is not None
    assert (again.person.name, again.person.face_count) == ("Countess", 3)
    assert (again.face_ids, again.others) == (("face-20", "face-22"), ("face-1",))
    assert faces_of(held, named(held, "1")) == {"face-1"}
    # By the name, where only one person has it; case and accents don't matter then.
    assert held.name_faces(NAME, ["face-23"], "countess", None, 1.0).person is not None
    assert named(held, "Countess").face_count == 4
    # Whoever is indexed under the identity is this person.
    held.add_faces(photo(30), "Ada_King", [new_face(30)], "v1")
    assert named(held, "Countess").face_count == 5
    # "Not this person" is remembered.
    held.keep_apart(NAME, done.person.person_id, ["face-24", "face-23"])
    kept = held.name_faces(NAME, ["face-24"], "Ada King", "Ada_King", 1.0)
    assert (kept.person, kept.others) == (None, ("face-24",))
    with pytest.raises(FaceNotFound):
        held.name_faces(NAME, ["face-24", "nobody"], "Ada", None, 1.0)


def test_two_people_of_one_name_are_not_guessed_at(held: SqlCatalog) -> None:
    held.add_faces(photo(20), None, [new_face(20)], "v1")
    for number in ("0", "1"):
        held.change_person(NAME, named(held, number).person_id, name="Zoë")
    with pytest.raises(Conflict, match="Several people are called 'Zoë'"):
        held.name_faces(NAME, ["face-20"], "Zoë", None, 1.0)
    # As it is written goes before as it is searched.
    held.change_person(NAME, everybody(held)[-1].person_id, name="Zoe")
    done = held.name_faces(NAME, ["face-20"], "Zoe", None, 1.0)
    assert done.person is not None
    assert done.person.face_count in (2, 4)


def test_a_person_that_was_named_goes_with_its_last_face(held: SqlCatalog) -> None:
    """Also where no photograph was indexed under the identity that it is known by; and comes back from an export."""
    held.add_faces(photo(20), None, [new_face(20)], "v1")
    before = left(held)
    held.name_faces(NAME, ["face-20"], "Ada King", "Ada_King", 1.0)
    with SqlDumps(held.database, held.collection_keys).dump(NAME) as dump:
        (saved,) = [one for one in dump.people if one.name == "Ada King"]
    assert (saved.identities, saved.face_ids) == (("Ada_King",), ("face-20",))
    held.delete_faces(NAME, ["face-20"])
    assert left(held) == before
    held.add_faces(photo(20), None, [new_face(20)], "v1")
    held.restore_person(NAME, saved, 1.0)
    held.change_person(NAME, named(held, "Ada King").person_id, name="Countess")
    held.add_faces(photo(21), None, [new_face(21)], "v1")
    assert held.name_faces(NAME, ["face-21"], "Ada King", "Ada_King", 1.0).face_ids == ("face-21",)
    assert named(held, "Countess").face_count == 2
