"""Users gather faces of one person; a repeated request with its token does nothing twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kenspeckle.domain import UnsuccessfulFace, User
from kenspeckle.domain import operations as ops
from kenspeckle.errors import Conflict, IdempotencyMismatch, InvalidValue, UserNotFound
from kenspeckle.ports import Answered
from kenspeckle.usecases.recognition.local import LocalRecognizer
from kenspeckle.usecases.recognition.users import combine
from tests.fakes.drawn import drawing, recognizer

HOME = "kenspeckle"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def service() -> Iterator[LocalRecognizer]:
    made = recognizer()
    yield made
    made.close()


def face(service: LocalRecognizer, person: float) -> str:
    return (
        service.handle(ops.IndexFaces(collection_id=HOME, image=drawing(person), external_image_id=f"p{person}"))
        .records[0]
        .face.face_id
    )


def test_a_user_is_found_by_any_of_its_faces(service: LocalRecognizer) -> None:
    one, other = face(service, 0.0), face(service, 0.1)
    service.handle(ops.CreateUser(collection_id=HOME, user_id="ada"))
    assert service.handle(ops.GetUser(collection_id=HOME, user_id="ada")).status == "CREATED"
    associated = service.handle(ops.AssociateFaces(collection_id=HOME, user_id="ada", face_ids=[one, other]))
    assert (associated.associated, associated.status) == ((one, other), "ACTIVE")
    assert [match.user.user_id for match in service.handle(ops.SearchUsers(collection_id=HOME, face_id=one))] == ["ada"]
    assert service.handle(ops.SearchUsers(collection_id=HOME, user_id="ada")) == ()
    assert [
        match.user.user_id
        for match in service.handle(ops.SearchUsersByImage(collection_id=HOME, image=drawing(0.05))).matches
    ] == ["ada"]
    assert [item.face_id for item in service.handle(ops.ListFaces(collection_id=HOME, user_id="ada")).items] == [
        one,
        other,
    ]


def test_a_strangers_face_is_refused_with_its_similarity(service: LocalRecognizer) -> None:
    one, stranger = face(service, 0.0), face(service, 1.5)
    service.handle(ops.CreateUser(collection_id=HOME, user_id="ada"))
    associated = service.handle(
        ops.AssociateFaces(collection_id=HOME, user_id="ada", face_ids=[one, stranger, UNKNOWN])
    )
    assert associated.associated == (one,)
    refusals = {refusal.face_id: refusal for refusal in associated.unsuccessful}
    assert refusals[stranger].reasons == ("LOW_MATCH_CONFIDENCE",)
    assert refusals[stranger].confidence is not None
    assert refusals[UNKNOWN].reasons == ("FACE_NOT_FOUND",)


def test_a_face_belongs_to_one_user(service: LocalRecognizer) -> None:
    one = face(service, 0.0)
    service.handle(ops.CreateUser(collection_id=HOME, user_id="ada"))
    service.handle(ops.CreateUser(collection_id=HOME, user_id="eve"))
    service.handle(ops.AssociateFaces(collection_id=HOME, user_id="ada", face_ids=[one]))
    refused = service.handle(ops.AssociateFaces(collection_id=HOME, user_id="eve", face_ids=[one])).unsuccessful[0]
    assert (refused.reasons, refused.user_id) == (("ASSOCIATED_TO_A_DIFFERENT_USER",), "ada")
    again = service.handle(ops.AssociateFaces(collection_id=HOME, user_id="ada", face_ids=[one]))
    assert (again.associated, again.unsuccessful, again.status) == ((), (), "ACTIVE")
    stayed = UnsuccessfulFace(one, ("ASSOCIATED_TO_AN_EXISTING_USER",), "ada")
    assert service.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[one])).unsuccessful == (stayed,)


def test_disassociated_faces_stay_and_the_user_no_longer_matches(service: LocalRecognizer) -> None:
    one = face(service, 0.0)
    service.handle(ops.CreateUser(collection_id=HOME, user_id="ada"))
    service.handle(ops.AssociateFaces(collection_id=HOME, user_id="ada", face_ids=[one]))
    gone = service.handle(ops.DisassociateFaces(collection_id=HOME, user_id="ada", face_ids=[one, UNKNOWN]))
    assert (gone.associated, gone.status) == ((one,), "CREATED")
    assert gone.unsuccessful[0].reasons == ("FACE_NOT_FOUND",)
    assert service.handle(ops.DisassociateFaces(collection_id=HOME, user_id="ada", face_ids=[one])).unsuccessful == ()
    assert service.handle(ops.SearchUsersByImage(collection_id=HOME, image=drawing(0.0))).matches == ()
    assert service.handle(ops.GetFace(collection_id=HOME, face_id=one)).face.user_id is None


def test_deleting_a_user_frees_its_faces(service: LocalRecognizer) -> None:
    one = face(service, 0.0)
    service.handle(ops.CreateUser(collection_id=HOME, user_id="ada"))
    service.handle(ops.AssociateFaces(collection_id=HOME, user_id="ada", face_ids=[one]))
    service.handle(ops.DeleteUser(collection_id=HOME, user_id="ada"))
    with pytest.raises(UserNotFound):
        service.handle(ops.GetUser(collection_id=HOME, user_id="ada"))
    assert service.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[one])).deleted == (one,)


def test_a_token_answers_the_same_again_and_refuses_other_parameters(service: LocalRecognizer) -> None:
    one = face(service, 0.0)
    service.handle(ops.CreateUser(collection_id=HOME, user_id="ada", token="t"))
    service.handle(ops.CreateUser(collection_id=HOME, user_id="ada", token="t"))
    with pytest.raises(Conflict):
        service.handle(ops.CreateUser(collection_id=HOME, user_id="ada", token="other"))
    with pytest.raises(IdempotencyMismatch):
        service.handle(ops.CreateUser(collection_id=HOME, user_id="eve", token="t"))
    first = service.handle(ops.AssociateFaces(collection_id=HOME, user_id="ada", face_ids=[one], token="a"))
    service.handle(ops.DisassociateFaces(collection_id=HOME, user_id="ada", face_ids=[one]))
    assert service.handle(ops.AssociateFaces(collection_id=HOME, user_id="ada", face_ids=[one], token="a")) == first
    assert service.handle(ops.GetFace(collection_id=HOME, face_id=one)).face.user_id is None


def test_a_token_sent_several_times_at_once_acts_once(
    service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = service.context.catalog.create_user

    def slowly(user: User, *, answered: Answered | None = None) -> None:
        time.sleep(0.05)
        create(user, answered=answered)

    monkeypatch.setattr(service.context.catalog, "create_user", slowly)
    with ThreadPoolExecutor(4) as pool:
        asked = ops.CreateUser(collection_id=HOME, user_id="ada", token="t")
        for done in [pool.submit(service.handle, asked) for _ in range(4)]:
            done.result()
    assert [user.user_id for user in service.handle(ops.ListUsers(collection_id=HOME)).items] == ["ada"]


def test_a_search_names_one_of_user_and_face(service: LocalRecognizer) -> None:
    with pytest.raises(InvalidValue):
        service.handle(ops.SearchUsers(collection_id=HOME))
    with pytest.raises(InvalidValue):
        service.handle(ops.SearchUsers(collection_id=HOME, user_id="a", face_id=UNKNOWN))


def test_the_template_of_a_user_is_as_long_as_its_members() -> None:
    members = [np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)]
    assert np.linalg.norm(combine(members)) == pytest.approx(1.0)
