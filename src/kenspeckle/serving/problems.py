"""Maps errors to answers: one table of statuses, one shape (RFC 9457 problem+json), never an exception's text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope

from kenspeckle import errors

MEDIA_TYPE = "application/problem+json"
AMAZON_TYPE = "application/x-amz-json-1.1"
COMPREFACE = "/api/v1/"
"""What paths of CompreFace's protocol begin with."""

STATUSES: dict[type[errors.KenspeckleError], int] = {
    errors.InvalidValue: 422,
    errors.InvalidCursor: 422,
    errors.UnsupportedImage: 415,
    errors.DamagedImage: 422,
    errors.ImageTooLarge: 413,
    errors.ImageTooSmall: 422,
    errors.InvalidVideo: 422,
    errors.VideoTooLarge: 413,
    errors.NoFace: 422,
    errors.TooManyFaces: 422,
    errors.NotFound: 404,
    errors.CollectionNotFound: 404,
    errors.FaceNotFound: 404,
    errors.UserNotFound: 404,
    errors.PersonNotFound: 404,
    errors.ImageNotFound: 404,
    errors.IdentityNotFound: 404,
    errors.KeyNotFound: 404,
    errors.WebhookNotFound: 404,
    errors.JobNotFound: 404,
    errors.ReceiptNotFound: 404,
    errors.AlreadyExists: 409,
    errors.Conflict: 409,
    errors.IdempotencyMismatch: 409,
    errors.QuotaExceeded: 409,
    errors.PackMismatch: 409,
    errors.BucketNotAllowed: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.RateLimited: 429,
    errors.Overloaded: 503,
    errors.ShuttingDown: 503,
    errors.StorageFull: 507,
    errors.StorageUnavailable: 503,
    errors.RecognizerUnavailable: 503,
    errors.ModelMissing: 503,
    errors.SettingError: 500,
    errors.NotOffered: 501,
}
"""Every error class of the core, each by name; a test finds a class that is missing here."""

TITLES: dict[str, str] = {
    "invalid_value": "A value breaks a rule",
    "invalid_cursor": "Not a cursor of this list",
    "unsupported_image": "Unsupported image",
    "damaged_image": "The image is damaged",
    "image_too_large": "The image is too large",
    "image_too_small": "The image is too small",
    "invalid_video": "Not a video that can be decoded",
    "video_too_large": "The video is too large",
    "no_face": "No face in the photograph",
    "too_many_faces": "More than one face in the photograph",
    "not_found": "Not found",
    "collection_not_found": "No such collection",
    "face_not_found": "No such face",
    "user_not_found": "No such user",
    "person_not_found": "No such person",
    "image_not_found": "No such image",
    "identity_not_found": "No such identity",
    "key_not_found": "No such key",
    "webhook_not_found": "No such webhook",
    "job_not_found": "No such job",
    "receipt_not_found": "No such receipt",
    "already_exists": "It already exists",
    "conflict": "Conflict with stored data",
    "idempotency_mismatch": "The token was used with other parameters",
    "quota_exceeded": "A limit would be exceeded",
    "pack_mismatch": "The collection belongs to another model pack",
    "invalid_s3_object": "The S3 object can't be read",
    "unauthenticated": "A valid key is needed",
    "forbidden": "The key lacks the right",
    "rate_limited": "Too many requests",
    "overloaded": "The server is busy",
    "shutting_down": "The server is shutting down",
    "storage_full": "The storage is full",
    "storage_unavailable": "The storage can't be reached",
    "recognizer_unavailable": "The recognizer can't be reached",
    "model_missing": "The model pack is missing",
    "invalid_setting": "A setting is wrong",
    "not_offered": "Not offered here",
    "bad_request": "The request can't be read",
    "method_not_allowed": "The route does not know this method",
    "request_timeout": "The request came too slowly",
    "head_too_large": "The request's head is too large",
    "internal_error": "An unexpected error",
}
"""What each stable `code` means, in a few words."""

REMEDIES: dict[str, str] = {
    "invalid_value": "Correct the input that `field` names; `detail` has its rule.",
    "invalid_cursor": "Start the list again, without a cursor.",
    "unsupported_image": "Send the bytes of a JPEG, PNG, WebP, AVIF or HEIC as the body.",
    "damaged_image": "Save the image again and send it; the file is incomplete or damaged.",
    "image_too_large": "Send fewer bytes or pixels.",
    "image_too_small": "Send a larger photograph.",
    "invalid_video": "Send an MP4 (H.264), MOV, MKV, WebM, AVI or MPEG; the message says what is wrong with this file.",
    "video_too_large": "Send a shorter part, or compress it more.",
    "no_face": "Send a photograph that shows a face, larger or sharper.",
    "too_many_faces": "Send a photograph of one person, or cut the face out.",
    "not_found": "Check the path against the list of routes.",
    "collection_not_found": "Create it, or check the spelling.",
    "face_not_found": "Check the id and the collection; the face may have been deleted.",
    "user_not_found": "Create it, or check the spelling.",
    "person_not_found": "List the people; this one may have been merged or erased.",
    "identity_not_found": "List the faces: capitals, spaces and the extension belong to the name.",
    "image_not_found": "Check the name: nothing was indexed under it, or originals are not kept.",
    "key_not_found": "List the keys.",
    "webhook_not_found": "List the webhooks.",
    "job_not_found": "Check the id of the job.",
    "receipt_not_found": "Check the id of the receipt; a complete one is kept for 30 days.",
    "already_exists": "Choose another name, or use `PUT`.",
    "conflict": "Read again and retry; the message says what it collides with.",
    "idempotency_mismatch": "Use a new token for other parameters.",
    "quota_exceeded": "Stay within the limit that the message names.",
    "pack_mismatch": "Name a collection of that pack, or index into a new one.",
    "invalid_s3_object": "Name a bucket that the operator configured, and an object that exists.",
    "unauthenticated": "Send a key that is valid in `x-api-key`.",
    "forbidden": "Use a key with the scope, or for the collection, that the message names.",
    "rate_limited": "Wait for `Retry-After` seconds, or ask for a larger plan.",
    "overloaded": "Wait for `Retry-After` seconds.",
    "shutting_down": "Send it again, to another instance if there is one.",
    "storage_full": "Nothing was stored. The operator frees disk space; then ask again.",
    "storage_unavailable": "The operator reads the log: the catalog or the image store does not answer.",
    "model_missing": "The operator runs `kenspeckle models pull`.",
    "recognizer_unavailable": "Try again after `Retry-After` seconds; the server's log has more.",
    "invalid_setting": "The operator has to correct a setting.",
    "not_offered": "Use another server: this one's recognizer does not offer it.",
    "bad_request": "Send it again with its true `Content-Length`; the bytes were no request, or more than declared.",
    "method_not_allowed": "Use one of those that the header `Allow` names.",
    "request_timeout": "Send it again, or less at once.",
    "head_too_large": "Send fewer or shorter headers.",
    "internal_error": "Report the request id to the operator.",
}
"""What a client or operator can do about each code."""

_HTTP_CODES: dict[int, str] = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    431: "head_too_large",
}

HTTP_STATUSES: dict[str, int] = {
    "bad_request": 400,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "head_too_large": 431,
    "internal_error": 500,
}
"""Statuses of codes without an error class of the core."""

_OF_THE_PHOTOGRAPH = (errors.UnsupportedImage, errors.ImageTooLarge, errors.ImageTooSmall)
"""Errors of the engine, which does not know the name of the input that the bytes came from."""

INTERNAL = "Something went wrong on the server. Its log has more under this request id."


@dataclass(frozen=True, slots=True)
class Problem:
    """A failed request, as it is answered."""

    status: int
    code: str
    detail: str
    field: str | None = None
    headers: Mapping[str, str] | None = None

    def body(self, request_id: str) -> dict[str, Any]:
        """RFC 9457 members, and ours: code, field, request_id."""
        answer: dict[str, Any] = {
            "type": f"/docs#{self.code}",
            "title": TITLES.get(self.code, HTTPStatus(self.status).phrase),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.field is not None:
            answer["field"] = self.field
        answer["request_id"] = request_id
        return answer

    def response(self, request_id: str) -> Response:
        return Response(
            orjson.dumps(self.body(request_id)),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=dict(self.headers or {}),
        )


def of_error(error: errors.KenspeckleError) -> Problem:
    """The problem for a domain error. A class that is not in the table gets its nearest base class's status, or 500."""
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)
    headers: dict[str, str] = {}
    if error.retry_after is not None or status in (429, 503):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after or 1.0)))
    if status == 401:
        headers["www-authenticate"] = 'ApiKey realm="kenspeckle"'
    field = "body" if error.field is None and isinstance(error, _OF_THE_PHOTOGRAPH) else error.field
    return Problem(status, error.code, error.message, field, headers)


def unseen(error: errors.KenspeckleError, scope: Scope) -> Response:
    """The answer to a request that is refused before it reaches an edge, in the format of its protocol."""
    request_id = str(scope.get("state", {}).get("request_id", ""))
    problem = of_error(error)
    if scope["path"].startswith(COMPREFACE):
        said = orjson.dumps({"message": error.message, "code": 0})
        return Response(said, problem.status, problem.headers, media_type="application/json")
    if scope["method"] != "POST" or scope["path"] != "/":
        return problem.response(request_id)
    busy = isinstance(error, errors.Overloaded)
    code = "ThrottlingException" if busy else "AccessDeniedException"
    return Response(
        orjson.dumps({"__type": code, "Code": code, "Logref": request_id, "Message": error.message}),
        status_code=500 if busy else 400,
        media_type=AMAZON_TYPE,
        headers={**(problem.headers or {}), "x-amzn-RequestId": request_id},
    )


def of_http(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem for an error of routing or of HTTP."""
    return Problem(status, _HTTP_CODES.get(status, "bad_request"), detail, headers=headers)


def internal() -> Problem:
    """The fixed answer to unexpected errors."""
    return Problem(500, "internal_error", INTERNAL)
