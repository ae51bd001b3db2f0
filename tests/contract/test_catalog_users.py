"""The contract of `ports.Catalog`: users, request tokens; and of `ports.Keys`. Fake and SQLite alike."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from kenspeckle.domain import Plan
from kenspeckle.errors import CollectionNotFound, Conflict, KeyNotFound, QuotaExceeded, UserNotFound
from kenspeckle.ports import Answered
from tests.catalogs import Whole, gallery, key, person, stored_face, template


@pytest.fixture
def people(catalog: Whole) -> Whole:
    """A catalog of four faces and two users."""
    catalog.create_collection(gallery())
    for number in range(4):
        stored_face(catalog, number)
    for name in ("anna", "berta"):
        catalog.create_user(person(name))
    return catalog


def test_a_user_is_made_once(people: Whole) -> None:
    user, vector = people.user("people", "anna")
    assert user == person("anna")
    assert vector is None
    assert people.collection("people").user_count == 2
    with pytest.raises(Conflict, match="anna"):
        people.create_user(person("anna"))
    for missing in (people.user, people.delete_user, people.user_templates):
        with pytest.raises(UserNotFound, match="clara"):
            missing("people", "clara")
    people.create_collection(gallery("others"))
    people.create_user(person("anna", "others"))


def test_faces_become_a_users_and_no_longer(people: Whole) -> None:
    people.link_faces("people", "anna", ["face-2", "face-0", "face-2"], template(7), 100)
    user, vector = people.user("people", "anna")
    assert (user.status, user.face_count) == ("ACTIVE", 2)
    assert vector is not None
    assert np.array_equal(vector, template(7))
    assert [face_id for face_id, _ in people.user_templates("people", "anna")] == ["face-0", "face-2"]
    people.link_faces("people", "anna", ["face-0", "face-1"], template(8), 100)
    assert people.user("people", "anna")[0].face_count == 3
    people.unlink_faces("people", "anna", ["face-0", "face-1"], template(9))
    members = people.user_templates("people", "anna")
    assert [face_id for face_id, _ in members] == ["face-2"]
    assert np.array_equal(members[0][1], template(2))
    people.unlink_faces("people", "anna", ["face-2"], None)
    user, vector = people.user("people", "anna")
    assert (user.status, user.face_count, vector) == ("CREATED", 0, None)
    assert people.users("people", 10, None).items == (person("anna"), person("berta"))


def test_a_face_belongs_to_one_user(people: Whole) -> None:
    people.link_faces("people", "anna", ["face-0"], template(1), 100)
    revision = people.revision("people")
    for ids in (["face-1", "face-0"], ["face-1", "absent"]):
        with pytest.raises(Conflict):
            people.link_faces("people", "berta", ids, template(2), 100)
    with pytest.raises(UserNotFound):
        people.link_faces("people", "clara", ["face-1"], template(2), 100)
    with pytest.raises(QuotaExceeded):
        people.link_faces("people", "anna", ["face-0", "face-1", "face-2"], template(2), 2)
    assert people.user_templates("people", "berta") == ()
    assert people.revision("people") == revision


def test_undoing_what_changed_meanwhile_is_a_conflict(people: Whole) -> None:
    people.link_faces("people", "anna", ["face-0", "face-1"], template(1), 100)
    for ids, vector in (
        (["face-0", "face-2"], template(2)),
        (["face-0", "absent"], template(2)),
        (["face-0"], None),
        (["face-0", "face-1"], template(2)),
    ):
        with pytest.raises(Conflict):
            people.unlink_faces("people", "anna", ids, vector)
    assert people.user("people", "anna")[0].face_count == 2


def test_a_template_made_for_other_faces_is_a_conflict(people: Whole) -> None:
    people.link_faces("people", "anna", ["face-0", "face-1"], template(1), 100, among=[])
    revision = people.revision("people")
    with pytest.raises(Conflict):
        people.link_faces("people", "anna", ["face-2"], template(2), 100, among=["face-0"])
    with pytest.raises(Conflict):
        people.unlink_faces("people", "anna", ["face-0"], template(2), among=["face-0", "face-1", "face-2"])
    assert people.revision("people") == revision
    people.link_faces("people", "anna", ["face-2"], template(2), 100, among=["face-1", "face-0"])
    people.unlink_faces("people", "anna", ["face-2"], template(1), among=["face-0", "face-1", "face-2"])


def test_deleting_a_user_frees_its_faces(people: Whole) -> None:
    people.link_faces("people", "anna", ["face-0", "face-1"], template(1), 100)
    people.delete_user("people", "anna")
    assert people.collection("people").user_count == 1
    assert people.face("people", "face-0")[0].face.user_id is None
    assert people.delete_faces("people", ["face-0"])[0].deleted == ("face-0",)
    people.create_user(person("anna"))
    assert people.user_templates("people", "anna") == ()


def test_answers_are_remembered_for_eight_hours(catalog: Whole) -> None:
    catalog.create_collection(gallery())
    assert catalog.recall("CreateUser", "token", 0.0) is None
    catalog.remember("people", Answered("CreateUser", "token", "print", '{"a": 1}', 1000.0))
    with pytest.raises(Conflict):
        catalog.remember("people", Answered("CreateUser", "token", "other", "{}", 1001.0))
    assert catalog.recall("CreateUser", "token", 1000.0 + 8 * 3600 - 1) == ("print", '{"a": 1}')
    assert catalog.recall("DeleteUser", "token", 1001.0) is None
    assert catalog.recall("CreateUser", "token", 1000.0 + 8 * 3600) is None
    catalog.remember("people", Answered("CreateUser", "token", "other", "{}", 1000.0 + 8 * 3600))
    assert catalog.recall("CreateUser", "token", 1000.0 + 8 * 3600) == ("other", "{}")
    with pytest.raises(CollectionNotFound):
        catalog.remember("others", Answered("CreateUser", "second", "print", "{}", 1000.0))


def test_what_a_call_does_and_its_answer_are_there_together_or_not_at_all(people: Whole) -> None:
    def answered(operation: str) -> Answered:
        return Answered(operation, "token", "print", "{}", 1000.0)

    acts: dict[str, Callable[[Answered], object]] = {
        "CreateUser": lambda one: people.create_user(person("clara"), answered=one),
        "AssociateFaces": lambda one: people.link_faces("people", "clara", ["face-1"], template(1), 100, answered=one),
        "DisassociateFaces": lambda one: people.unlink_faces("people", "clara", ["face-1"], None, answered=one),
        "DeleteUser": lambda one: people.delete_user("people", "clara", answered=one),
    }
    for operation, act in acts.items():
        people.remember("people", answered(f"{operation}, before"))
        revision = people.revision("people")
        with pytest.raises(Conflict):
            act(answered(f"{operation}, before"))
        assert people.revision("people") == revision
        act(answered(operation))
        assert people.recall(operation, "token", 1001.0) == ("print", "{}")
        if operation != "AssociateFaces":  # which may be said again
            with pytest.raises((Conflict, UserNotFound)):
                act(answered(f"{operation}, again"))
            assert people.recall(f"{operation}, again", "token", 1001.0) is None


def test_answers_go_with_their_collection(people: Whole) -> None:
    people.create_collection(gallery("others"))
    people.create_user(person("clara"), answered=Answered("CreateUser", "one", "print", "{}", 1000.0))
    people.remember("others", Answered("CreateUser", "two", "print", "{}", 1000.0))
    people.delete_collection("people")
    people.create_collection(gallery())
    assert people.recall("CreateUser", "one", 1001.0) is None
    assert people.recall("CreateUser", "two", 1001.0) == ("print", "{}")
    people.create_user(person("clara"), answered=Answered("CreateUser", "one", "print", "{}", 1000.0))


def test_keys_are_found_by_their_secret_and_by_id(catalog: Whole) -> None:
    assert not catalog.any_key()
    catalog.add_key(key(1), digest="d1")
    catalog.add_key(key(2, kind="aws", collections=frozenset(), expires_at=time.time() + 60), sealed=b"\x00sealed")
    assert catalog.key_by_digest("d1") == key(1)
    assert catalog.key_by_digest("d2") is None
    found = catalog.key_with_secret("key-2")
    assert found is not None
    assert (found[0].kind, found[0].collections, found[1]) == ("aws", frozenset(), b"\x00sealed")
    assert catalog.key_with_secret("key-1") is None
    assert catalog.key_with_secret("key-3") is None
    assert tuple(one.key_id for one in sorted(catalog.keys(), key=lambda one: one.key_id)) == ("key-1", "key-2")
    for again, one in ((key(1), "d3"), (key(3), "d1")):
        with pytest.raises(Conflict):
            catalog.add_key(again, digest=one)
    assert catalog.any_key()


def test_a_revoked_or_expired_key_is_none_to_use(catalog: Whole) -> None:
    catalog.add_key(key(1), digest="d1")
    catalog.add_key(key(2, expires_at=time.time() - 1), digest="d2")
    assert catalog.revoke_key("key-1", 50.0).revoked_at == 50.0
    assert catalog.revoke_key("key-1", 60.0).revoked_at == 50.0
    found = catalog.key_by_digest("d1")
    assert found is not None
    assert found.revoked_at == 50.0
    assert not catalog.any_key()
    with pytest.raises(KeyNotFound, match="key-9"):
        catalog.revoke_key("key-9", 1.0)


def test_the_last_use_is_known_to_the_minute(catalog: Whole) -> None:
    catalog.add_key(key(1), digest="d1")
    for now, known in ((100.0, 100.0), (159.0, 100.0), (160.0, 160.0)):
        catalog.touch_key("key-1", now)
        assert catalog.keys()[0].last_used_at == known
    catalog.touch_key("absent", 1.0)


def test_a_key_takes_another_plan(catalog: Whole) -> None:
    catalog.add_key(key(1), digest="d1")
    plan = Plan(rate=2.0, burst=4)
    assert catalog.limit_key("key-1", plan).plan == plan
    assert catalog.keys()[0].plan == plan
    with pytest.raises(KeyNotFound):
        catalog.limit_key("key-2", plan)


def test_a_key_is_replaced_once(catalog: Whole) -> None:
    catalog.add_key(key(1), digest="d1")
    assert catalog.replace_key("key-1", key(2), 50.0, digest="d2").revoked_at == 50.0
    assert catalog.key_by_digest("d2") == key(2)
    with pytest.raises(Conflict):
        catalog.replace_key("key-1", key(3), 60.0, digest="d3")
    held = catalog.keys()
    assert [one.key_id for one in held] == ["key-1", "key-2"]
