"""Amazon's errors, parsed by the SDK as they come over the wire, become the core's, and say who can mend it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from kenspeckle import errors
from kenspeckle.aws import clients
from kenspeckle.aws.recognizer import ManagedRecognizer
from kenspeckle.compose import managed
from kenspeckle.domain import operations as ops
from kenspeckle.errors import KenspeckleError
from kenspeckle.serving.problems import of_error
from tests.aws.amazon import Amazon
from tests.aws.watched import Watched

SECRET = "User: arn:aws:sts::123456789012:assumed-role/api is not authorized to perform: this"
Verb = Callable[[ManagedRecognizer, bytes], Any]


def _search(recognizer: ManagedRecognizer, image: bytes) -> Any:
    return recognizer.handle(ops.SearchImage(collection_id="kenspeckle", image=image))


def _index(recognizer: ManagedRecognizer, image: bytes) -> Any:
    return recognizer.handle(ops.IndexFaces(collection_id="kenspeckle", image=image, external_image_id="someone"))


def _compare(recognizer: ManagedRecognizer, image: bytes) -> Any:
    return recognizer.handle(ops.CompareFaces(source=image, target=image))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries as ever, but nobody waits for them."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


BY_CODE: list[tuple[Verb, str, str, str, type[KenspeckleError], int]] = [
    (_search, "rekognition.SearchFacesByImage", "AccessDeniedException", SECRET, errors.RecognizerUnavailable, 503),
    (_search, "rekognition.SearchFacesByImage", "ExpiredTokenException", SECRET, errors.RecognizerUnavailable, 503),
    (_search, "rekognition.SearchFacesByImage", "ImageTooLargeException", "big", errors.ImageTooLarge, 413),
    (_search, "rekognition.SearchFacesByImage", "InvalidImageFormatException", "bad", errors.DamagedImage, 422),
    (_search, "rekognition.SearchFacesByImage", "InvalidParameterException", "bad", errors.InvalidValue, 422),
    (
        _search,
        "rekognition.SearchFacesByImage",
        "InvalidParameterException",
        "There are no faces in the image. Should be at least 1.",
        errors.NoFace,
        422,
    ),
    (
        _search,
        "rekognition.SearchFacesByImage",
        "ResourceNotFoundException",
        "The collection id: kenspeckle does not exist",
        errors.CollectionNotFound,
        404,
    ),
    (_search, "rekognition.SearchFacesByImage", "SomethingNewException", SECRET, errors.RecognizerUnavailable, 503),
    (_search, "dynamodb.BatchGetItem", "ResourceNotFoundException", "no table", errors.StorageUnavailable, 503),
    (_search, "dynamodb.BatchGetItem", "AccessDeniedException", SECRET, errors.StorageUnavailable, 503),
    (
        _compare,
        "rekognition.CompareFaces",
        "InvalidParameterException",
        "Request has invalid parameters",
        errors.NoFace,
        422,
    ),
    (_index, "s3.PutObject", "AccessDenied", SECRET, errors.StorageUnavailable, 503),
    (_index, "s3.PutObject", "NoSuchBucket", "no bucket", errors.StorageUnavailable, 503),
    (_index, "s3.PutObject", "ConditionalRequestConflict", "two at once", errors.Overloaded, 503),
    (_index, "rekognition.IndexFaces", "InvalidS3ObjectException", SECRET, errors.StorageUnavailable, 503),
    (_index, "rekognition.IndexFaces", "LimitExceededException", "20 million", errors.QuotaExceeded, 409),
    (_index, "rekognition.IndexFaces", "ServiceQuotaExceededException", "20 million", errors.QuotaExceeded, 409),
    (_index, "dynamodb.TransactWriteItems", "AccessDeniedException", SECRET, errors.StorageUnavailable, 503),
]


@pytest.mark.parametrize(
    ("verb", "operation", "code", "message", "kind", "status"), BY_CODE, ids=[f"{one[1]} {one[2]}" for one in BY_CODE]
)
def test_an_error_is_translated(
    aws: Amazon,
    grace: bytes,
    caplog: pytest.LogCaptureFixture,
    verb: Verb,
    operation: str,
    code: str,
    message: str,
    kind: type[KenspeckleError],
    status: int,
) -> None:
    watched = Watched(aws.recognizer)
    aws.recognizer.handle(ops.IndexFaces(collection_id="kenspeckle", image=grace, external_image_id="known"))
    with watched.answering(operation, code, message), pytest.raises(KenspeckleError) as caught:
        verb(watched.recognizer, grace)
    assert type(caught.value) is kind
    assert of_error(caught.value).status == status
    # What names accounts and roles is the operator's alone.
    assert SECRET not in caught.value.message
    assert message != SECRET or SECRET in caplog.text
    if verb is _index:  # the next one finishes, and leaves nothing for the others
        assert verb(watched.recognizer, grace).records
        aws.recognizer.handle(ops.EraseIdentity(collection_id="kenspeckle", external_image_id="someone"))


@pytest.mark.parametrize(
    ("operation", "code", "status"),
    [
        ("rekognition.SearchFacesByImage", "ThrottlingException", 500),
        ("rekognition.SearchFacesByImage", "ProvisionedThroughputExceededException", 400),
        ("rekognition.SearchFacesByImage", "InternalServerError", 500),
        ("dynamodb.BatchGetItem", "ProvisionedThroughputExceededException", 400),
    ],
)
def test_a_busy_moment_is_waited_out(aws: Amazon, grace: bytes, operation: str, code: str, status: int) -> None:
    name, watched = aws.collection(), Watched(aws.recognizer)
    watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace"))
    with watched.answering(operation, code, "not now", status=status, times=clients.ATTEMPTS - 1):
        assert len(watched.recognizer.handle(ops.SearchImage(collection_id=name, image=grace)).searches[0].matches) == 1
    watched.calls = []
    with (
        watched.answering(operation, code, "not now", status=status),
        pytest.raises(KenspeckleError) as caught,
    ):
        watched.recognizer.handle(ops.SearchImage(collection_id=name, image=grace))
    assert watched.calls.count(operation) == clients.ATTEMPTS
    problem = of_error(caught.value)
    assert problem.status == 503
    assert int((problem.headers or {})["retry-after"]) >= 1


def test_waits_are_random_and_grow(aws: Amazon, grace: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", waits.append)
    watched = Watched(aws.recognizer)
    for _ in range(4):
        with (
            watched.answering("rekognition.DetectFaces", "ThrottlingException", "not now", status=500),
            pytest.raises(errors.Overloaded),
        ):
            watched.recognizer.handle(ops.DetectFaces(image=grace))
    assert len(waits) == 4 * (clients.ATTEMPTS - 1)
    assert len(set(waits)) == len(waits)
    for attempt in range(clients.ATTEMPTS - 1):
        assert max(waits[attempt :: clients.ATTEMPTS - 1]) <= 2**attempt


def test_a_transaction_that_collides_is_tried_again(aws: Amazon, grace: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    table = aws.recognizer.context.table
    monkeypatch.setattr(table, "_pause", lambda _: None)
    watched, name = Watched(aws.recognizer), aws.collection()
    with watched.answering("dynamodb.TransactWriteItems", "TransactionCanceledException", "conflict", times=2):
        assert watched.recognizer.handle(
            ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace")
        ).created
    assert watched.calls == ["dynamodb.TransactWriteItems"] * 2
    with (
        watched.answering("dynamodb.TransactWriteItems", "TransactionCanceledException", "conflict"),
        pytest.raises(errors.Overloaded),
    ):
        watched.recognizer.handle(
            ops.IndexFaces(collection_id=aws.collection(), image=grace, external_image_id="grace")
        )


def test_a_single_write_that_meets_a_transaction_is_tried_again(aws: Amazon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws.recognizer.context.table, "_pause", lambda _: None)
    watched, name = Watched(aws.recognizer), aws.collection()
    for operation, write in (
        ("dynamodb.PutItem", lambda: watched.recognizer.handle(ops.CreateUser(collection_id=name, user_id="ada"))),
        ("dynamodb.UpdateItem", lambda: watched.recognizer.handle(ops.RetainCollection(collection_id=name, days=7))),
        ("dynamodb.DeleteItem", lambda: watched.recognizer.handle(ops.DeleteUser(collection_id=name, user_id="ada"))),
    ):
        watched.calls = []
        with watched.answering(operation, "TransactionConflictException", "a transaction is on the item", times=2):
            write()
        assert watched.calls == [operation] * 2
    assert watched.recognizer.handle(ops.DescribeCollection(collection_id=name)).retention_days == 7
    with (
        watched.answering("dynamodb.UpdateItem", "TransactionConflictException", "a transaction is on the item"),
        pytest.raises(errors.Overloaded),
    ):
        watched.recognizer.handle(ops.RetainCollection(collection_id=name, days=8))


def test_a_role_that_may_not_delete_collections_deletes_nothing(aws: Amazon, grace: bytes) -> None:
    watched, name = Watched(aws.recognizer), aws.collection()
    watched.recognizer.handle(ops.IndexFaces(collection_id=name, image=grace, external_image_id="grace"))
    with (
        watched.answering("rekognition.DeleteCollection", "AccessDeniedException", SECRET),
        pytest.raises(errors.NotOffered) as caught,
    ):
        watched.recognizer.handle(ops.DeleteCollection(collection_id=name))
    assert "delete_collections" in caught.value.message
    assert SECRET not in caught.value.message
    assert len(watched.recognizer.handle(ops.ListFaces(collection_id=name)).items) == 1


def test_nobody_answers(
    aws: Amazon, grace: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", "http://127.0.0.1:9")
    with caplog.at_level(logging.ERROR), pytest.raises(errors.RecognizerUnavailable) as caught:
        managed.recognizer(aws.settings()).handle(ops.DetectFaces(image=grace))
    assert caught.value.retry_after
    assert "127.0.0.1:9" in caplog.text


def test_no_credentials(aws: Amazon, grace: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(errors.RecognizerUnavailable, match="credentials"):
        managed.recognizer(aws.settings()).handle(ops.DetectFaces(image=grace))
