"""Maps errors of AWS services to errors of the core: one table by code, with messages that say what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from kenspeckle import errors
from kenspeckle.errors import KenspeckleError

log = logging.getLogger(__name__)

BUSY_SECONDS = 2.0
"""Seconds for Retry-After, after AWS has refused every attempt for lack of capacity."""

NAMES = {"rekognition": "Amazon Rekognition", "dynamodb": "Amazon DynamoDB", "s3": "Amazon S3"}


class Refused(Exception):
    """An error code that the caller expected, with Amazon's answer."""

    def __init__(self, code: str, response: Mapping[str, Any]) -> None:
        super().__init__(code)
        self.code = code
        self.response = response


def code_of(response: Mapping[str, Any]) -> str:
    """The error code of an answer."""
    return str(response.get("Error", {}).get("Code", ""))


def of(service: str, response: Mapping[str, Any], parameters: Mapping[str, Any]) -> KenspeckleError:
    """The core's error for Amazon's answer to a call with these parameters."""
    code = code_of(response)
    message = str(response.get("Error", {}).get("Message", ""))
    if code in _BUSY:
        return errors.Overloaded(
            f"{NAMES[service]} has no capacity for more requests now; send this one again.", retry_after=BUSY_SECONDS
        )
    if code in _DENIED:
        return _refusal(service, code, message)
    if service == "rekognition" and code in _REKOGNITION:
        return _REKOGNITION[code](message, parameters)
    if service == "dynamodb" and code == "ResourceNotFoundException":
        return _storage(service, code, message, f"There is no table '{parameters.get('TableName', '')}' here.")
    if service == "s3" and code == "NoSuchBucket":
        return _storage(service, code, message, f"There is no bucket '{parameters.get('Bucket', '')}'.")
    log.error("%s answered %s: %s", NAMES[service], code, message)
    if service == "rekognition":
        return errors.RecognizerUnavailable(
            "Amazon Rekognition could not process the request; send it again.", retry_after=BUSY_SECONDS
        )
    return errors.StorageUnavailable(
        f"{NAMES[service]} could not process the request; send it again.", retry_after=BUSY_SECONDS
    )


def unreachable(service: str, error: Exception) -> KenspeckleError:
    """The error without an answer: no connection, no credentials, an invalid configuration."""
    log.error("%s can't be asked: %s", NAMES[service], error)
    words = f"{NAMES[service]} can't be reached; the log says why. Check network, region, endpoint and credentials."
    kind = errors.RecognizerUnavailable if service == "rekognition" else errors.StorageUnavailable
    return kind(words, retry_after=BUSY_SECONDS)


def _refusal(service: str, code: str, message: str) -> KenspeckleError:
    # Amazon's message names accounts, roles and actions: for the operator, not for the client.
    log.error("%s refuses this service (%s): %s", NAMES[service], code, message)
    kind = errors.RecognizerUnavailable if service == "rekognition" else errors.StorageUnavailable
    return kind(
        f"{NAMES[service]} refuses this service's own credentials; its log names the right that is missing. "
        "docs/managed.md lists all rights."
    )


def _storage(service: str, code: str, message: str, words: str) -> KenspeckleError:
    log.error("%s answered %s: %s", NAMES[service], code, message)
    return errors.StorageUnavailable(f"{words} Create it (docs/managed.md), or check settings and region.")


_BUSY = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "ThrottledException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "TooManyRequestsException",
        "SlowDown",
        "BandwidthLimitExceeded",
        "TransactionInProgressException",
    }
)
_DENIED = frozenset(
    {
        "AccessDeniedException",
        "AccessDenied",
        "AllAccessDisabled",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "403",
        "Forbidden",
    }
)


def _absent(message: str, parameters: Mapping[str, Any]) -> KenspeckleError:
    collection = parameters.get("CollectionId", "")
    if "UserId" in parameters and "collection" not in message.lower():
        return errors.UserNotFound(
            f"There is no user '{parameters['UserId']}' in the collection '{collection}'.", field="user_id"
        )
    return errors.CollectionNotFound(f"There is no collection '{collection}'.", field="collection")


def _parameter(message: str, parameters: Mapping[str, Any]) -> KenspeckleError:
    lower = message.lower()
    if "no faces in the" in lower:
        return errors.NoFace(message, field="target" if "target" in lower else "image")
    if "SourceImage" in parameters and lower == "request has invalid parameters":
        # The only remaining reason for photographs that were checked before; Amazon's message says no more.
        return errors.NoFace("Amazon Rekognition finds no face to compare in one of the photographs.", field="source")
    if "faceid" in lower and "not found" in lower:
        return errors.FaceNotFound(
            f"There is no face '{parameters.get('FaceId', '')}' in the collection.", field="face_id"
        )
    return errors.InvalidValue(f"Amazon Rekognition refuses the request: {message}", field=_photograph(parameters))


def _photograph(parameters: Mapping[str, Any]) -> str | None:
    return "body" if "Image" in parameters or "SourceImage" in parameters else None


def _object(message: str, parameters: Mapping[str, Any]) -> KenspeckleError:
    log.error("Amazon Rekognition can't read the photograph from the bucket: %s", message)
    return errors.StorageUnavailable(
        "Amazon Rekognition can't read the bucket of photographs: it has to lie in the same region, and this service "
        "needs the right s3:GetObject.",
        retry_after=BUSY_SECONDS,
    )


def _token(_: str, __: Mapping[str, Any]) -> KenspeckleError:
    return errors.InvalidCursor("This cursor was not handed out for this list; begin without one.", field="cursor")


def _invalid(message: str, parameters: Mapping[str, Any]) -> KenspeckleError:
    if "NextToken" in parameters and "nextToken" in message:
        return _token(message, parameters)
    return errors.InvalidValue(f"Amazon Rekognition refuses the request: {message}")


_REKOGNITION: Mapping[str, Callable[[str, Mapping[str, Any]], KenspeckleError]] = {
    "ConflictException": lambda message, _: errors.Conflict(f"It collides with what is stored: {message}"),
    "IdempotentParameterMismatchException": lambda _, __: errors.IdempotencyMismatch(
        "A request with this token was made with other parameters; use a new token.", field="token"
    ),
    "ImageTooLargeException": lambda message, _: errors.ImageTooLarge(
        f"Amazon Rekognition finds the photograph too large: {message}"
    ),
    "InvalidImageFormatException": lambda _, __: errors.DamagedImage(
        "Amazon Rekognition can't decode the photograph: it is damaged, or of a kind of JPEG or PNG that it does not "
        "take. Save it anew and send that."
    ),
    "InvalidPaginationTokenException": _token,
    "InvalidParameterException": _parameter,
    "InvalidS3ObjectException": _object,
    "LimitExceededException": lambda message, _: errors.QuotaExceeded(f"A quota at Amazon is used up: {message}"),
    "ResourceAlreadyExistsException": lambda _, parameters: errors.AlreadyExists(
        f"The collection '{parameters.get('CollectionId', '')}' exists.", field="collection"
    ),
    "ResourceNotFoundException": _absent,
    "ServiceQuotaExceededException": lambda message, _: errors.QuotaExceeded(f"A quota would be passed: {message}"),
    "ValidationException": _invalid,
}
