"""The contract of `ports.Catalog`: revisions, changes, snapshots, what an index follows. Fake and SQLite alike."""

from __future__ import annotations

import numpy as np
import pytest

from tests.catalogs import Whole, followed, gallery, held, new_face, person, photo, stored_face, template
from tests.contract.conftest import Open


@pytest.fixture
def people(catalog: Whole) -> Whole:
    """A catalog with an empty collection."""
    catalog.create_collection(gallery())
    return catalog


def test_every_write_raises_the_revision_by_one(people: Whole) -> None:
    before = people.revision("people")
    for write in (
        lambda: stored_face(people, 1),
        lambda: people.set_tags("people", {"a": "b"}, 50),
        lambda: people.remove_tags("people", ["a"]),
        lambda: people.create_user(person("anna")),
        lambda: people.link_faces("people", "anna", ["face-1"], template(1), 100),
        lambda: people.unlink_faces("people", "anna", ["face-1"], None),
        lambda: people.delete_user("people", "anna"),
        lambda: people.add_faces(photo(2), None, [new_face(2), new_face(3)], "v1"),
        lambda: people.delete_faces("people", ["face-1", "face-2"]),
    ):
        write()
        before += 1
        assert people.revision("people") == before == people.collection("people").revision


def test_changes_are_net_and_carry_what_is_now(people: Whole) -> None:
    start = people.revision("people")
    assert people.changes("people", start, 10) == []
    stored_face(people, 1)
    stored_face(people, 2)
    people.delete_faces("people", ["face-1"])
    people.create_user(person("anna"))
    people.link_faces("people", "anna", ["face-2"], template(5), 100)
    people.link_faces("people", "anna", ["face-2"], template(6), 100)
    changes = people.changes("people", start, 10)
    assert changes is not None
    now = [(one.revision - start, one.kind, None if one.template is None else one.template.tolist()) for one in changes]
    assert now == [(2, "face", template(2).tolist()), (3, "face", None), (6, "user", template(6).tolist())]
    assert followed({}, changes) == held(people)
    later = people.changes("people", start + 5, 10)
    assert later is not None
    assert [one.kind for one in later] == ["user"]
    people.unlink_faces("people", "anna", ["face-2"], None)
    gone = people.changes("people", start + 6, 10)
    assert gone is not None
    assert [(one.kind, one.template) for one in gone] == [("user", None)]


def test_more_changes_than_asked_for_are_none(people: Whole) -> None:
    start = people.revision("people")
    for number in range(3):
        stored_face(people, number)
    assert len(people.changes("people", start, 3) or ()) == 3
    assert people.changes("people", start, 2) is None
    assert len(people.changes("people", start + 1, 2) or ()) == 2
    assert people.changes("people", people.revision("people") + 1, 10) is None


def test_the_log_is_bounded_and_says_when_it_no_longer_reaches_back(open_catalog: Open) -> None:
    catalog = open_catalog(log_limit=5)
    catalog.create_collection(gallery())
    start = catalog.revision("people")
    for number in range(5):
        stored_face(catalog, number)
    assert len(catalog.changes("people", start, 100) or ()) == 5
    stored_face(catalog, 5)
    assert catalog.changes("people", start, 100) is None
    assert len(catalog.changes("people", start + 1, 100) or ()) == 5
    catalog.add_faces(photo(6), None, [new_face(6), new_face(7), new_face(8)], "v1")
    assert catalog.changes("people", start + 3, 100) is None
    assert len(catalog.changes("people", start + 4, 100) or ()) == 5
    catalog.add_faces(photo(9), None, [new_face(number) for number in range(10, 20)], "v1")
    revision = catalog.revision("people")
    assert catalog.changes("people", revision - 1, 100) is None
    assert catalog.changes("people", revision, 100) == []
    stored_face(catalog, 20)
    assert len(catalog.changes("people", revision, 100) or ()) == 1


def test_a_namesake_is_never_taken_for_what_was_deleted(people: Whole) -> None:
    for number in range(4):
        stored_face(people, number)
    seen = {people.revision("people")}
    rows = {row for _, row in held(people)}
    for round_ in range(3):
        last = people.revision("people")
        people.delete_collection("people")
        people.create_collection(gallery())
        assert people.revision("people") not in seen
        assert people.changes("people", last, 100) is None
        for number in range(round_ + 1):
            stored_face(people, number)
            assert people.revision("people") not in seen
        seen.add(people.revision("people"))
        fresh = {row for _, row in held(people)}
        assert not fresh & rows
        rows |= fresh


def test_a_deleted_collection_lifts_names_that_were_never_used_too(people: Whole) -> None:
    for number in range(4):
        stored_face(people, number)
    last = people.revision("people")
    people.create_collection(gallery("others"))
    stored_face(people, 1, "others")
    people.delete_collection("people")
    people.delete_collection("others")
    people.create_collection(gallery())
    assert people.revision("people") > last


def test_a_snapshot_is_all_at_one_revision(people: Whole) -> None:
    assert list(people.snapshot("people", "face")[1]) == []
    people.create_collection(gallery("others"))
    for number in range(5):
        stored_face(people, number)
        stored_face(people, number, "others")
    people.create_user(person("anna"))
    people.create_user(person("berta"))
    people.link_faces("people", "anna", ["face-1"], template(9), 100)
    revision, batches = people.snapshot("people", "face")
    stored_face(people, 6)
    found = list(batches)
    assert revision == people.revision("people") - 1
    assert len(found) == 1
    rows, templates = found[0]
    assert templates.shape == (5, 8)
    assert templates.dtype == np.float32
    assert np.array_equal(templates, np.stack([template(number) for number in range(5)]))
    assert rows == sorted(rows)
    users = list(people.snapshot("people", "user")[1])
    assert np.array_equal(users[0][1], template(9)[None])


def test_stored_rows_are_what_a_search_answers_with(people: Whole) -> None:
    records = {record.face.face_id: record for record in (stored_face(people, number) for number in range(70))}
    people.create_collection(gallery("others"))
    stored_face(people, 1, "others")
    people.create_user(person("anna"))
    people.create_user(person("berta"))
    people.link_faces("people", "anna", ["face-1"], template(9), 100)
    faces = {row for kind, row in held(people) if kind == "face"}
    foreign = {row for _, row in held(people, "others")}
    asked = [*faces, *foreign, 99999]
    found = people.read_stored("people", "face", asked)
    assert {one.row for one in found} == faces
    for one in found:
        assert one.face is not None
        number = int(one.face.face_id.removeprefix("face-"))
        assert np.array_equal(one.template, template(number))
        if number == 1:
            assert one.face.user_id == "anna"
        else:
            assert one.face == records[one.face.face_id].face
    row = next(row for kind, row in held(people) if kind == "user")
    (user,) = people.read_stored("people", "user", [row, row + 1])
    assert (user.row, user.user) == (row, people.user("people", "anna")[0])
    assert np.array_equal(user.template, template(9))
    assert people.read_stored("people", "face", []) == []
    assert people.read_stored("people", "face", np.array([min(faces)]).astype(np.int64))  # type: ignore[arg-type]  # as FAISS
    assert len(people.read_stored("people", "face", list(range(1, 3000)))) == 70
