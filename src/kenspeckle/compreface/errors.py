"""Errors in CompreFace's form: a status, and a body of `message` and `code`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import orjson
from starlette.responses import Response

from kenspeckle import errors
from kenspeckle.errors import KenspeckleError
from kenspeckle.serving import problems

Answer: TypeAlias = tuple[int, int]
"""Status and code."""

UNDEFINED: Answer = (400, 0)
EMPTY_FIELD: Answer = (400, 5)
NO_SERVICE: Answer = (404, 10)
NO_IMAGE: Answer = (404, 11)
PREDICTION_COUNT: Answer = (400, 12)
NO_KEY: Answer = (400, 20)
NOT_AN_IMAGE: Answer = (400, 21)
CONSTRAINT: Answer = (400, 26)
NO_FACE: Answer = (400, 28)
TOO_MANY_FACES: Answer = (400, 31)
NO_PARAMETER: Answer = (400, 33)
NO_PART: Answer = (400, 34)
ARGUMENT: Answer = (400, 36)
EMBEDDINGS: Answer = (400, 37)
FACES_SERVICE = 41
NO_SUBJECT: Answer = (404, 42)
SUBJECT_EXISTS: Answer = (400, 43)

TABLE: Mapping[type[KenspeckleError], Answer] = {
    errors.InvalidValue: CONSTRAINT,
    errors.UnsupportedImage: NOT_AN_IMAGE,
    errors.ImageTooSmall: NO_FACE,
    errors.ImageTooLarge: (413, 0),
    errors.NoFace: NO_FACE,
    errors.TooManyFaces: TOO_MANY_FACES,
    errors.CollectionNotFound: NO_SERVICE,
    errors.IdentityNotFound: NO_SUBJECT,
    errors.UserNotFound: NO_SUBJECT,
    errors.FaceNotFound: NO_IMAGE,
    errors.ImageNotFound: NO_IMAGE,
    errors.AlreadyExists: SUBJECT_EXISTS,
    errors.Conflict: CONSTRAINT,
    errors.QuotaExceeded: CONSTRAINT,
    errors.Unauthenticated: NO_SERVICE,
    errors.Forbidden: (403, 0),
    errors.RateLimited: (429, 0),
}
"""Errors that CompreFace has a code for, or that are the client's. All others keep the status of the REST API."""


class Refusal(Exception):
    """A request that this edge refuses by itself."""

    def __init__(self, answer: Answer, message: str) -> None:
        super().__init__(message)
        self.answer = answer
        self.message = message


def of_error(error: KenspeckleError) -> Response:
    """The answer to an error of the core."""
    problem = problems.of_error(error)
    known = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)
    status, code = known or (problem.status, FACES_SERVICE if problem.status >= 500 else 0)
    headers = {name: value for name, value in (problem.headers or {}).items() if name == "retry-after"}
    message = problems.INTERNAL if problem.status == 500 else error.message
    return answer_error(status, code, message, headers)


def answer_error(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    text = message.encode("utf-8", "replace").decode()
    return Response(orjson.dumps({"message": text, "code": code}), status, headers, media_type="application/json")
