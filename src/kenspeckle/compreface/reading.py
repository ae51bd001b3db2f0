"""Reads the bodies of requests: photographs, as form or as JSON with base64 text; names; ids; embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from starlette.requests import Request

from kenspeckle.compreface.errors import ARGUMENT, EMBEDDINGS, EMPTY_FIELD, NO_PART, Refusal
from kenspeckle.domain import Vector
from kenspeckle.errors import InvalidValue
from kenspeckle.serving import bodies
from kenspeckle.serving.bodies import Body

JSON = "application/json"
FORM = "multipart/form-data"

EMBEDDING_BYTES = 4 * 1024 * 1024
"""A hundred embeddings of 1,024 numbers as text."""

MOST_EMBEDDINGS = 100


async def photographs(request: Request, limit: int, *names: str) -> tuple[Body, ...]:
    """The photographs of these names, each of at most `limit` bytes. Raises Refusal, ImageTooLarge, InvalidValue."""
    kind = bodies.media_type(request.headers)
    if kind == FORM:
        try:
            return await bodies.parts(request, names, limit)
        except InvalidValue as error:
            if error.field in names:
                raise Refusal(
                    NO_PART, f"Required part '{error.field}' is not present, or there more than once."
                ) from error
            raise
    if kind != JSON:
        raise Refusal(ARGUMENT, f"Send the photograph as {FORM}, or as {JSON} with base64 text.")
    most = len(names) * bodies.base64_size(limit)
    sent = _load(await bodies.read(request, most, limit))
    found = []
    for name in names:
        text = sent.get(name) if isinstance(sent, dict) else None
        if not isinstance(text, str) or not text:
            raise Refusal(EMPTY_FIELD, f"The field '{name}' is empty; it takes base64 text of the photograph.")
        found.append(Body(text.encode("utf-8", "replace"), "text/plain", limit, name))
    return tuple(found)


async def subject(request: Request) -> str:
    """The name in a body `{"subject": ...}`. Raises Refusal."""
    sent = _load(await bodies.read(request, bodies.JSON_BYTES, None))
    found = sent.get("subject") if isinstance(sent, dict) else None
    if not isinstance(found, str) or not found:
        raise Refusal(EMPTY_FIELD, "The field 'subject' is empty; it takes a name.")
    return found


async def ids(request: Request) -> list[str]:
    """A list of ids as the whole body. Raises Refusal."""
    sent = _load(await bodies.read(request, bodies.JSON_BYTES, None))
    if not isinstance(sent, list) or not all(isinstance(one, str) for one in sent):
        raise Refusal(ARGUMENT, "The body must be a list of image ids.")
    return sent


async def embeddings(request: Request, many: str, one: str | None = None) -> tuple[list[Vector], Vector | None]:
    """The embeddings in the field `many`, and the single one in `one`. Raises Refusal."""
    sent = _load(await bodies.read(request, EMBEDDING_BYTES, None))
    listed = sent.get(many) if isinstance(sent, dict) else None
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_EMBEDDINGS:
        raise Refusal(EMBEDDINGS, f"The field '{many}' takes a list of 1 to {MOST_EMBEDDINGS} embeddings.")
    return [_vector(entry) for entry in listed], None if one is None else _vector(sent.get(one))


def _vector(value: Any) -> Vector:
    if not isinstance(value, list) or not value or not all(type(number) in (int, float) for number in value):
        raise Refusal(ARGUMENT, "An embedding is a list of numbers.")
    try:
        with np.errstate(over="ignore"):
            return np.asarray(value, np.float32)
    except OverflowError:
        raise Refusal(ARGUMENT, "An embedding is a list of numbers that a float can hold.") from None


def _load(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Refusal(ARGUMENT, "The body is not valid JSON.") from None
