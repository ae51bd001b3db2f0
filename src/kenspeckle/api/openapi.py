"""The OpenAPI document: FastAPI's description of our routes, completed with keys, examples and errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import BaseRoute

import kenspeckle
from kenspeckle import errors
from kenspeckle.api.route import OPEN, entry_of
from kenspeckle.api.schemas import Problem
from kenspeckle.serving import problems

DESCRIPTION = """\
Kenspeckle recognizes people in photographs, on your own machine. **Index** a photograph of a person under a name,
then **search** with another photograph: the answer says who it shows.

```
curl -X PUT --data-binary @keanu-reeves.jpg http://127.0.0.1:8080/v1/index/keanu-reeves.jpg
curl -X PUT --data-binary @party.jpg http://127.0.0.1:8080/v1/search
```

Photographs are sent as they are (JPEG, PNG, WebP, AVIF, HEIC) or as base64 text. Members of answers that Amazon
Rekognition also has carry its names. Similarity and confidence are percentages; boxes and points are ratios of the
photograph's width and height.

With a key created, each request needs one in the header `x-api-key`. Errors are `application/problem+json` (RFC 9457)
with a stable `code`; every answer has an `x-request-id`, under which the server's log has more.
"""

TAGS = [
    {"name": "recognition", "description": "Index, search, detect, compare."},
    {"name": "collections", "description": "Sets of faces, each searched by itself."},
    {"name": "faces", "description": "What a collection holds."},
    {"name": "users", "description": "Several faces of one person under one id."},
    {"name": "people", "description": "People: names, and the faces that are theirs."},
    {"name": "videos", "description": "Who is in a video, from when to when."},
    {"name": "jobs", "description": "Long work: its progress and results."},
    {"name": "keys", "description": "Keys and their rights; for administrators."},
    {"name": "webhooks", "description": "Endpoints that receive messages of events; for administrators."},
    {"name": "operations", "description": "For operators."},
]

_REQUEST_ID = {
    "description": "Id of the request, the client's own if it sent one.",
    "schema": {"type": "string"},
}
_PROBLEM = {"$ref": "#/components/schemas/Problem"}

_SENTENCES: dict[str, tuple[str, str | None]] = {
    "invalid_value": ("threshold must be a number from 0 to 100; '101' is not.", "threshold"),
    "invalid_cursor": ("The cursor was not handed out for this list. Begin without one.", "cursor"),
    "unsupported_image": (
        "This is no image, or none of a known format; JPEG, PNG, WebP, AVIF and HEIC are taken.",
        "body",
    ),
    "damaged_image": ("The image can't be decoded to its end. Send it again.", "body"),
    "image_too_large": ("The photograph is larger than 15728640 bytes. Send a smaller one.", "body"),
    "image_too_small": ("The image has 12 x 12 pixels; at least 16 x 16 are needed.", "body"),
    "invalid_s3_object": (
        "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
        None,
    ),
    "video_too_large": ("The video is larger than 4294967296 bytes. Send a shorter part, or compress it more.", "body"),
    "no_face": ("There are no faces in the image. Should be at least 1.", "image"),
    "collection_not_found": ("The collection id: visitors does not exist.", "collection"),
    "face_not_found": ("There is no such face in this collection.", "face_id"),
    "user_not_found": ("There is no such user in this collection.", "user_id"),
    "person_not_found": ("There is no person 'person-5f1d0c9a7e2b4c68' in this collection.", "person_id"),
    "job_not_found": ("There is no job 'job-5f1d0c9a7e2b4c68'.", "job_id"),
    "receipt_not_found": ("No receipt 'receipt-0' is kept here.", "receipt_id"),
    "key_not_found": ("There is no key 'key-4xk2mwq7c3ta'.", "key_id"),
    "webhook_not_found": ("There is no webhook 'hook-4xk2mwq7c3ta'.", "webhook_id"),
    "identity_not_found": ("No face has the identity 'Keanu'.", "external_image_id"),
    "image_not_found": ("No photograph is kept under this name.", "key"),
    "already_exists": ("The collection id: visitors already exists.", "collection"),
    "conflict": ("The face belongs to a user. Take it from the user first, or delete the user.", "face_id"),
    "quota_exceeded": ("A user may have 100 faces.", "face_ids"),
    "pack_mismatch": ("The collection holds templates of another pack; index into a new collection.", "collection"),
    "unauthenticated": ("A key is needed in the header x-api-key.", None),
    "forbidden": ("The key 'front desk' has no scope 'index'; it has: search.", None),
    "rate_limited": ("The key 'front desk' may send 10 requests a second, 25 at once; send this one again.", None),
    "overloaded": ("All workers are busy and the queue is full; send the request again.", None),
    "storage_full": ("The disk is full; nothing was stored.", None),
    "request_timeout": ("The body came too slowly. Send it again, or less at once.", None),
    "model_missing": ("The model pack is not on this machine; run: kenspeckle models pull", None),
    "recognizer_unavailable": ("Amazon Rekognition could not process the request; send it again.", None),
    "not_offered": ("The answer is larger than the 6 MB that AWS Lambda can send; read it from the bucket.", None),
    "storage_unavailable": ("The catalog does not answer.", None),
    "not_found": ("There is no such route; /docs lists all.", None),
    "internal_error": (problems.INTERNAL, None),
}

PHOTOGRAPH_BODY: dict[str, Any] = {
    "required": True,
    "description": "The photograph, raw or as base64 text (also as a data: URL).",
    "content": {
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "text/plain": {
            "schema": {"type": "string", "format": "byte"},
            "example": "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ...",
        },
    },
}
PAIR_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["source", "target"],
                "properties": {
                    "source": {
                        "type": "string",
                        "format": "binary",
                        "description": "Photograph whose largest face is searched for.",
                    },
                    "target": {
                        "type": "string",
                        "format": "binary",
                        "description": "Photograph in which it is searched for.",
                    },
                },
            }
        }
    },
}


def json_body(model: type[BaseModel], example: Any) -> dict[str, Any]:
    """A request body that is JSON of the model."""
    schema = model.model_json_schema(by_alias=False)
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def refusals(codes: Iterable[str]) -> dict[int | str, dict[str, Any]]:
    """`responses` for the given error codes, one entry a status, one example a code."""
    grouped: dict[int, list[str]] = {}
    for code in codes:
        grouped.setdefault(status_of(code), []).append(code)
    return {status: _refusal(status, grouped[status]) for status in sorted(grouped)}


def status_of(code: str) -> int:
    """Status of an error code, from the table of failures."""
    for kind, status in problems.STATUSES.items():
        if kind.code == code:
            return status
    return problems.HTTP_STATUSES[code]


def _refusal(status: int, codes: list[str]) -> dict[str, Any]:
    examples = {}
    for code in codes:
        detail, field = _SENTENCES[code]
        value = problems.Problem(status, code, detail, field).body("9b2f6f0e-6f0b-4a0e-8f6e-2b7d0d1f3c55")
        examples[code] = {"summary": problems.TITLES[code], "value": value}
    response: dict[str, Any] = {
        "description": "; ".join(f"`{code}`: {problems.TITLES[code]}" for code in codes),
        "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM, "examples": examples}},
    }
    if status in (429, 503):
        response["headers"] = {
            "retry-after": {"description": "Seconds until it is worth trying again.", "schema": {"type": "integer"}}
        }
    if status == 429:
        response["headers"] |= {
            "ratelimit-policy": {"description": "The key's limits.", "schema": {"type": "string"}},
            "ratelimit": {"description": "What is left under each of them.", "schema": {"type": "string"}},
        }
    return response


def document(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """The whole document of described routes."""
    made = get_openapi(
        title="Kenspeckle",
        version=kenspeckle.__version__,
        summary="Face recognition on your own machine",
        description=DESCRIPTION,
        routes=routes,
        tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_version="3.1.0",
    )
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
    components["headers"] = {"RequestId": _REQUEST_ID}
    shared: dict[str, Any] = {}
    public = {one.operation_id for one in routes if isinstance(one, APIRoute) and entry_of(one.endpoint).right is OPEN}
    for path in made["paths"].values():
        for operation in path.values():
            _finish(operation, shared, public=operation["operationId"] in public)
    components["responses"] = dict(sorted(shared.items()))
    return made


def _finish(operation: dict[str, Any], shared: dict[str, Any], *, public: bool) -> None:
    """Say which key the operation needs, and move what many operations say alike into `shared`."""
    operation["security"] = [] if public else [{"key": []}]
    responses = operation["responses"]
    if operation["security"]:
        responses["429"] = _refusal(429, [errors.RateLimited.code])
    for status, response in responses.items():
        response.setdefault("headers", {})["x-request-id"] = {"$ref": "#/components/headers/RequestId"}
        examples = response.get("content", {}).get(problems.MEDIA_TYPE, {}).get("examples")
        if examples:
            key = "-or-".join(examples)
            shared[key] = response
            responses[status] = {"$ref": f"#/components/responses/{key}"}
    operation["responses"] = dict(sorted(responses.items()))
