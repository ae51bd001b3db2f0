"""Every error of the core becomes one that a client of each operation can expect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kenspeckle import errors
from kenspeckle.errors import KenspeckleError
from kenspeckle.rekognition.error_table import COMMON, TABLE, entry_for, refusal
from kenspeckle.rekognition.operations import OPERATIONS
from tests.rekognition.conforming import MODEL


def subclasses(kind: type[KenspeckleError]) -> Iterator[type[KenspeckleError]]:
    yield kind
    for one in kind.__subclasses__():
        if one.__module__ == errors.__name__:
            yield from subclasses(one)


ALL = sorted(set(subclasses(KenspeckleError)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_under_every_operation(kind: type[KenspeckleError]) -> None:
    for operation in OPERATIONS:
        answer = refusal(kind("What was wrong.", retry_after=2.0), MODEL, operation, {"CollectionId": "home"})
        assert answer.code in MODEL.errors(operation) | COMMON, (operation, answer.code)
        assert answer.status == (500 if answer.code in ("InternalServerError", "ThrottlingException") else 400)
        assert answer.retry_after == 2.0
        assert "{" not in answer.message


def test_every_error_has_its_own_entry_or_an_ancestors() -> None:
    for kind in ALL:
        assert kind is KenspeckleError or entry_for(kind) is not TABLE[KenspeckleError], kind


@pytest.mark.parametrize(
    ("error", "operation", "code", "words"),
    [
        (errors.CollectionNotFound("-"), "ListFaces", "ResourceNotFoundException", "The collection id: home does not"),
        (errors.AlreadyExists("-"), "CreateCollection", "ResourceAlreadyExistsException", "home already exists"),
        (errors.FaceNotFound("-"), "SearchFaces", "InvalidParameterException", "faceId was not found in the coll"),
        (errors.InvalidCursor("-"), "ListUsers", "InvalidPaginationTokenException", "Invalid pagination token"),
        (errors.BucketNotAllowed("-"), "IndexFaces", "InvalidS3ObjectException", "Unable to get object metadata fr"),
        (errors.Conflict("-"), "CreateUser", "ConflictException", "-"),
        (errors.StorageFull("-"), "IndexFaces", "ServiceQuotaExceededException", "-"),
        (errors.StorageFull("-"), "DeleteFaces", "InternalServerError", "-"),
        (errors.Overloaded("-"), "DetectFaces", "ThrottlingException", "-"),
        (errors.RateLimited("-"), "DetectFaces", "ProvisionedThroughputExceededException", "-"),
    ],
)
def test_known_answers(error: KenspeckleError, operation: str, code: str, words: str) -> None:
    answer = refusal(error, MODEL, operation, {"CollectionId": "home", "Image": {}})
    assert (answer.code, words in answer.message) == (code, True), answer.message


def test_names_with_braces_are_only_names() -> None:
    assert "{0}" in refusal(errors.CollectionNotFound("-"), MODEL, "ListFaces", {"CollectionId": "{0}"}).message
