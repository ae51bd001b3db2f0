"""What a request that broke off, a lagging list or a poisoned photograph might leave for good, and does not."""

from __future__ import annotations

from typing import Any

import pytest

from kenspeckle import errors
from kenspeckle.aws import rows
from kenspeckle.aws.recognizer import ManagedRecognizer
from kenspeckle.compose import managed
from kenspeckle.domain import QualityFilter
from kenspeckle.domain import operations as ops
from kenspeckle.errors import RecognizerUnavailable, UserNotFound
from kenspeckle.usecases.recognition.retention import Retention
from tests.aws.amazon import Amazon
from tests.aws.watched import Died, Watched

DAY = 86_400.0


@pytest.mark.parametrize("erased", [False, True], ids=["deleted", "erased"])
def test_the_row_of_a_user_goes_also_when_the_request_died_before_it(aws: Amazon, erased: bool) -> None:
    name, watched = aws.collection(), Watched(aws.recognizer)
    service = watched.recognizer
    service.handle(ops.CreateUser(collection_id=name, user_id="grace"))

    def remove() -> None:
        if erased:
            service.handle(ops.EraseUser(collection_id=name, user_id="grace"))
        else:
            service.handle(ops.DeleteUser(collection_id=name, user_id="grace"))

    with watched.dying(4 if erased else 2, answered=False), pytest.raises(Died):
        remove()
    assert service.context.table.row(rows.user_row(name, "grace")) is not None
    with pytest.raises(UserNotFound):
        remove()
    assert service.context.table.row(rows.user_row(name, "grace")) is None


def test_a_list_of_a_users_faces_that_lags_ends_the_erasure(
    aws: Amazon, grace: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rekognition is eventually consistent: it may list a face that it has just deleted."""
    name, recognizer = aws.collection(), aws.recognizer
    face = (
        recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace"))
        .records[0]
        .face.face_id
    )
    recognizer.handle(ops.CreateUser(collection_id=name, user_id="grace"))
    recognizer.handle(ops.AssociateFaces(collection_id=name, user_id="grace", face_ids=[face]))
    call, listed = recognizer.context.amazon.rekognition, []

    def lagging(operation: str, **parameters: Any) -> Any:
        answer = call(operation, **parameters)
        if operation == "list_faces" and "UserId" in parameters:
            listed.append(answer)
            assert len(listed) < 10, "it asks for ever"
            return listed[0]
        return answer

    monkeypatch.setattr(recognizer.context.amazon, "rekognition", lagging)
    assert recognizer.handle(ops.EraseUser(collection_id=name, user_id="grace")).face_ids == (face,)


def test_who_finds_no_face_leaves_the_photograph_to_who_does(
    aws: Amazon, grace: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other request stores its rows just after this one has seen that there are none."""
    name, strict, other = aws.collection(), aws.changed(), aws.changed()
    call, remove = strict.context.amazon.rekognition, strict.context.bucket.remove

    def blind(operation: str, **parameters: Any) -> Any:
        answer = call(operation, **parameters)
        if parameters.get("QualityFilter") == "HIGH":
            return answer | {"FaceRecords": []}
        return answer

    def late(keys: Any) -> None:
        monkeypatch.setattr(strict.context.bucket, "remove", remove)
        other.handle(
            ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace", quality=QualityFilter.NONE)
        )
        remove(keys)

    monkeypatch.setattr(strict.context.amazon, "rekognition", blind)
    monkeypatch.setattr(strict.context.bucket, "remove", late)
    assert (
        strict.handle(
            ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace", quality=QualityFilter.HIGH)
        ).records
        == ()
    )
    assert other.handle(ops.GetImage(collection_id=name, key="grace"))[1] == grace


def test_one_photograph_that_can_not_be_taken_back_keeps_no_other(
    aws: Amazon, grace: bytes, eileen: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, watched = aws.collection(), Watched(aws.recognizer)
    left = []
    for photograph, who in ((grace, "grace"), (eileen, "eileen")):
        before = aws.objects()
        with watched.dying(3, answered=False), pytest.raises(Died):
            watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=photograph, external_image_id=who))
        left += sorted(aws.objects() - before)
    call, poisoned = aws.recognizer.context.amazon.rekognition, list[str]()

    def refusing(operation: str, **parameters: Any) -> Any:
        if operation == "index_faces":
            asked = parameters["Image"]["S3Object"]["Name"]
            if asked in (poisoned or [asked]):
                poisoned[:] = [asked]
                raise RecognizerUnavailable("no")
        return call(operation, **parameters)

    with monkeypatch.context() as patch:
        patch.setattr(aws.recognizer.context.amazon, "rekognition", refusing)
        with pytest.raises(RecognizerUnavailable):
            aws.reconciled(later=DAY)
    assert set(left) & aws.objects() == set(poisoned)
    aws.reconciled(later=DAY)
    assert not set(left) & aws.objects()


def test_retention_that_fails_keeps_nothing_from_being_taken_back(aws: Amazon, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def failing(*_: Any) -> None:
        raise errors.RecognizerUnavailable("no")

    monkeypatch.setattr(Retention, "round", failing)
    monkeypatch.setattr(ManagedRecognizer, "reconcile", lambda one: done.append(one))
    with pytest.raises(RecognizerUnavailable):
        managed.gateway(aws.settings()).housekeep()
    assert len(done) == 1
