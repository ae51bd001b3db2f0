"""Maps the core's errors to AWS's error codes and messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kenspeckle import errors
from kenspeckle.errors import KenspeckleError
from kenspeckle.rekognition.errors import Refusal
from kenspeckle.rekognition.service_model import Model

COMMON = frozenset({"UnrecognizedClientException", "AccessDeniedException", "InternalServerError"})
"""Errors that every operation may answer; the first is one of AWS's common errors, which no operation declares."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How an error is answered: the first of `codes` that the operation declares, under `words`.

    `{members}` of the request may stand in `words`, and `{message}`, the core's own sentence, which is also what a
    request without these members is told."""

    codes: tuple[str, ...]
    words: str = "{message}"


INTERNAL = "Kenspeckle could not process the request. Try your call again."
_IMAGE = "InvalidImageFormatException"
_PARAMETER = "InvalidParameterException"
_ABSENT = "ResourceNotFoundException"
_SERVER = "InternalServerError"

TABLE: Mapping[type[KenspeckleError], Entry] = {
    KenspeckleError: Entry((_SERVER,), INTERNAL),
    errors.InvalidValue: Entry((_PARAMETER,)),
    errors.InvalidCursor: Entry(("InvalidPaginationTokenException", _PARAMETER), "Invalid pagination token."),
    errors.UnsupportedImage: Entry((_IMAGE, _PARAMETER), "Request has invalid image format"),
    errors.DamagedImage: Entry((_IMAGE, _PARAMETER), "Request has invalid image format: {message}"),
    errors.ImageTooLarge: Entry(("ImageTooLargeException", _PARAMETER), "Image size is too large: {message}"),
    errors.ImageTooSmall: Entry((_PARAMETER,), "Request has invalid parameters: {message}"),
    errors.InvalidVideo: Entry((_PARAMETER,)),
    errors.VideoTooLarge: Entry(("VideoTooLargeException", _PARAMETER)),
    errors.NoFace: Entry((_PARAMETER,)),
    errors.TooManyFaces: Entry((_PARAMETER,)),
    errors.NotFound: Entry((_ABSENT, _PARAMETER)),
    errors.JobNotFound: Entry((_ABSENT, _PARAMETER), "Could not find JobId"),
    errors.CollectionNotFound: Entry((_ABSENT, _PARAMETER), "The collection id: {CollectionId} does not exist"),
    errors.FaceNotFound: Entry((_PARAMETER,), "faceId was not found in the collection."),
    errors.UserNotFound: Entry((_ABSENT, _PARAMETER), "The user id: {UserId} does not exist"),
    errors.AlreadyExists: Entry(
        ("ResourceAlreadyExistsException", "ConflictException", _PARAMETER),
        "The collection id: {CollectionId} already exists",
    ),
    errors.Conflict: Entry(("ConflictException", "ResourceAlreadyExistsException", _PARAMETER)),
    errors.IdempotencyMismatch: Entry(("IdempotentParameterMismatchException", _PARAMETER)),
    errors.QuotaExceeded: Entry(("ServiceQuotaExceededException", "LimitExceededException", _PARAMETER)),
    errors.PackMismatch: Entry((_PARAMETER,)),
    errors.BucketNotAllowed: Entry(
        ("InvalidS3ObjectException", _PARAMETER),
        "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
    ),
    errors.Unauthenticated: Entry(
        ("UnrecognizedClientException",), "The security token included in the request is invalid."
    ),
    errors.Forbidden: Entry(("AccessDeniedException",)),
    errors.RateLimited: Entry(("ProvisionedThroughputExceededException", "ThrottlingException", _SERVER)),
    errors.Overloaded: Entry(("ThrottlingException", _SERVER)),
    errors.StorageFull: Entry(("ServiceQuotaExceededException", _SERVER)),
    errors.StorageUnavailable: Entry((_SERVER,)),
    errors.RecognizerUnavailable: Entry((_SERVER,)),
    errors.ModelMissing: Entry((_SERVER,)),
    errors.SettingError: Entry((_SERVER,), INTERNAL),
    errors.NotOffered: Entry(("AccessDeniedException",)),
}


def entry_for(kind: type[KenspeckleError]) -> Entry:
    """The nearest entry: that of the class itself, or of the base it extends."""
    return next(TABLE[base] for base in kind.__mro__ if base in TABLE)


def refusal(error: KenspeckleError, model: Model, operation: str, request: Mapping[str, Any]) -> Refusal:
    """The answer that a client of this operation knows for the core's error."""
    entry = entry_for(type(error))
    declared = model.errors(operation) | COMMON
    code = next((code for code in entry.codes if code in declared), entry.codes[-1])
    members = {name: value for name, value in request.items() if isinstance(value, str)}
    try:
        words = entry.words.format_map(members | {"message": error.message})
    except KeyError:  # a collection is named by its ARN, too
        words = error.message
    return Refusal(code, words, 500 if model.is_fault(code) else 400, retry_after=error.retry_after)
