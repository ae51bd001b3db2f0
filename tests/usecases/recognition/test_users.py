"""Users gather faces of one person; a repeated request with its token does nothing twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kenspeckle.domain import UnsuccessfulFace, User
from kenspeckle.errors import Conflict, IdempotencyMismatch, InvalidValue, UserNotFound
from kenspeckle.ports import Answered
from kenspeckle.usecases.recognition.local import LocalRecognizer
from kenspeckle.usecases.recognition.users import combined
from tests.fakes.drawn import drawing, recognizer

HOME = "kenspeckle"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def service() -> Iterator[LocalRecognizer]:
    made = recognizer()
    yield made
    made.close()


def face(service: LocalRecognizer, person: float) -> str:
    return service.index_faces(HOME, drawing(person), f"p{person}").records[0].face.face_id


def test_a_user_is_found_by_any_of_its_faces(service: LocalRecognizer) -> None:
    one, other = face(service, 0.0), face(service, 0.1)
    service.create_user(HOME, "ada")
    assert service.get_user(HOME, "ada").status == "CREATED"
    associated = service.associate_faces(HOME, "ada", [one, other])
    assert (associated.associated, associated.status) == ((one, other), "ACTIVE")
    assert [match.user.user_id for match in service.search_users(HOME, face_id=one)] == ["ada"]
    assert service.search_users(HOME, user_id="ada") == ()
    assert [match.user.user_id for match in service.search_users_by_image(HOME, drawing(0.05)).matches] == ["ada"]
    assert [item.face_id for item in service.list_faces(HOME, user_id="ada").items] == [one, other]


def test_a_strangers_face_is_refused_with_its_similarity(service: LocalRecognizer) -> None:
    one, stranger = face(service, 0.0), face(service, 1.5)
    service.create_user(HOME, "ada")
    associated = service.associate_faces(HOME, "ada", [one, stranger, UNKNOWN])
    assert associated.associated == (one,)
    refusals = {refusal.face_id: refusal for refusal in associated.unsuccessful}
    assert refusals[stranger].reasons == ("LOW_MATCH_CONFIDENCE",)
    assert refusals[stranger].confidence is not None
    assert refusals[UNKNOWN].reasons == ("FACE_NOT_FOUND",)


def test_a_face_belongs_to_one_user(service: LocalRecognizer) -> None:
    one = face(service, 0.0)
    service.create_user(HOME, "ada")
    service.create_user(HOME, "eve")
    service.associate_faces(HOME, "ada", [one])
    refused = service.associate_faces(HOME, "eve", [one]).unsuccessful[0]
    assert (refused.reasons, refused.user_id) == (("ASSOCIATED_TO_A_DIFFERENT_USER",), "ada")
    again = service.associate_faces(HOME, "ada", [one])
    assert (again.associated, again.unsuccessful, again.status) == ((), (), "ACTIVE")
    stayed = UnsuccessfulFace(one, ("ASSOCIATED_TO_AN_EXISTING_USER",), "ada")
    assert service.delete_faces(HOME, [one]).unsuccessful == (stayed,)


def test_disassociated_faces_stay_and_the_user_no_longer_matches(service: LocalRecognizer) -> None:
    one = face(service, 0.0)
    service.create_user(HOME, "ada")
    service.associate_faces(HOME, "ada", [one])
    gone = service.disassociate_faces(HOME, "ada", [one, UNKNOWN])
    assert (gone.associated, gone.status) == ((one,), "CREATED")
    assert gone.unsuccessful[0].reasons == ("FACE_NOT_FOUND",)
    assert service.disassociate_faces(HOME, "ada", [one]).unsuccessful == ()
    assert service.search_users_by_image(HOME, drawing(0.0)).matches == ()
    assert service.get_face(HOME, one).face.user_id is None


def test_deleting_a_user_frees_its_faces(service: LocalRecognizer) -> None:
    one = face(service, 0.0)
    service.create_user(HOME, "ada")
    service.associate_faces(HOME, "ada", [one])
    service.delete_user(HOME, "ada")
    with pytest.raises(UserNotFound):
        service.get_user(HOME, "ada")
    assert service.delete_faces(HOME, [one]).deleted == (one,)


def test_a_token_answers_the_same_again_and_refuses_other_parameters(service: LocalRecognizer) -> None:
    one = face(service, 0.0)
    service.create_user(HOME, "ada", token="t")
    service.create_user(HOME, "ada", token="t")
    with pytest.raises(Conflict):
        service.create_user(HOME, "ada", token="other")
    with pytest.raises(IdempotencyMismatch):
        service.create_user(HOME, "eve", token="t")
    first = service.associate_faces(HOME, "ada", [one], token="a")
    service.disassociate_faces(HOME, "ada", [one])
    assert service.associate_faces(HOME, "ada", [one], token="a") == first
    assert service.get_face(HOME, one).face.user_id is None


def test_a_token_sent_several_times_at_once_acts_once(
    service: LocalRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = service.parts.catalog.create_user

    def slowly(user: User, *, answered: Answered | None = None) -> None:
        time.sleep(0.05)
        create(user, answered=answered)

    monkeypatch.setattr(service.parts.catalog, "create_user", slowly)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(service.create_user, HOME, "ada", token="t") for _ in range(4)]:
            done.result()
    assert [user.user_id for user in service.list_users(HOME).items] == ["ada"]


def test_a_search_names_one_of_user_and_face(service: LocalRecognizer) -> None:
    with pytest.raises(InvalidValue):
        service.search_users(HOME)
    with pytest.raises(InvalidValue):
        service.search_users(HOME, user_id="a", face_id=UNKNOWN)


def test_the_template_of_a_user_is_as_long_as_its_members() -> None:
    members = [np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)]
    assert np.linalg.norm(combined(members)) == pytest.approx(1.0)
