"""Connects API Gateway's payloads with the REST edge: Mangum, and what Mangum does not handle.

Payloads of REST APIs (version 1, as the demo's) and of HTTP APIs (version 2) are taken.
"""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import orjson
from mangum import Mangum
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kenspeckle.api.gateway_auth import PRINCIPAL, principal
from kenspeckle.errors import NotOffered
from kenspeckle.serving import problems

log = logging.getLogger("kenspeckle.gateway")

MOST_ANSWERED = 6 * 1024 * 1024 - 16 * 1024
"""Largest answer in bytes, as JSON for Lambda; somewhat less than its limit of 6 MB, because it adds members."""
LONGEST_ESCAPE = 12
"""Bytes that a character takes at most in JSON: two escapes, of one beyond the basic plane."""
TEXT = ["text/", "application/json", problems.MEDIA_TYPE]
"""Answers that are sent as text; all others as base64, which API Gateway decodes."""
EVENT = "aws.event"


class Gateway:
    """Answers events of API Gateway with an ASGI application's answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._adapter = Mangum(_Bridge(app), lifespan="off", text_mime_types=TEXT)

    def answer(self, event: Any, context: Any) -> dict[str, Any]:
        """The answer in the shape of the event's version. Never raises: a function that fails is a bare 502."""
        try:
            made: dict[str, Any] = self._adapter(_without_stage(event), context)
        except Exception:
            log.exception("an event that is none of API Gateway, or unexpected")
            return _problem(problems.internal(), request_id(event))
        made = _adapt(made)
        if _size(made) > MOST_ANSWERED:
            error = NotOffered("The answer is larger than the 6 MB that AWS Lambda can send; read it from the bucket.")
            return _problem(problems.of_error(error), made.get("headers", {}).get("x-request-id", request_id(event)))
        return made


def check_caller(event: Any) -> str | None:
    """The public id of the key (never the key), `sub` of the JWT or the ARN of the identity of IAM that signed the
    request; None where there is none of them. API Gateway fills in what it has checked itself, and nothing else."""
    context = _context(event)
    found = (
        _member(context, "identity", "apiKeyId"),
        _member(context, "authorizer", "jwt", "claims", "sub"),
        _member(context, "identity", "userArn"),
        _member(context, "authorizer", "iam", "userArn"),
    )
    return next((str(one) for one in found if one), None)


def _member(tree: Any, *names: str) -> Any:
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def request_id(event: Any) -> str:
    """API Gateway's id of the request, so that its log and ours can be compared."""
    return str(_context(event).get("requestId", ""))


def _context(event: Any) -> dict[str, Any]:
    context = event.get("requestContext") if isinstance(event, dict) else None
    return context if isinstance(context, dict) else {}


def _without_stage(event: Any) -> Any:
    """HTTP APIs begin the path with the stage's name under the name that AWS gives them, unless it is $default; under a
    domain of one's own they do not, and REST APIs never do."""
    context = _context(event)
    stage, http, host = context.get("stage"), context.get("http"), context.get("domainName")
    if not isinstance(http, dict) or stage in (None, "$default"):
        return event
    if isinstance(host, str) and not host.startswith(f"{context.get('apiId')}."):
        return event
    path = str(http.get("path", ""))
    if path != f"/{stage}" and not path.startswith(f"/{stage}/"):
        return event
    bare = path.removeprefix(f"/{stage}") or "/"
    return {**event, "requestContext": {**context, "http": {**http, "path": bare}}}


def _adapt(made: dict[str, Any]) -> dict[str, Any]:
    """Adapts the answer to clients of the gateway: a problem's `type` points at nothing (RFC 9457, 4.2.1), as /docs is
    not among the routes here, and text that JSON would escape beyond what Lambda passes on goes as base64, which is a
    third longer whatever is in it."""
    if str(made.get("headers", {}).get("content-type", "")).startswith(problems.MEDIA_TYPE):
        problem = orjson.loads(made["body"]) | {"type": "about:blank"}
        return {**made, "body": orjson.dumps(problem).decode()}
    if made["isBase64Encoded"] or _size(made) <= MOST_ANSWERED:
        return made
    return {**made, "body": base64.b64encode(made["body"].encode()).decode(), "isBase64Encoded": True}


def _size(made: dict[str, Any]) -> int:
    """Bytes of the answer as JSON, at most: whether Lambda's runtime escapes what is not ASCII depends on its
    version."""
    if len(made["body"]) * LONGEST_ESCAPE < MOST_ANSWERED:
        return 0
    return len(json.dumps(made))


def _problem(problem: problems.Problem, known_as: str) -> dict[str, Any]:
    headers = {"content-type": problems.MEDIA_TYPE, "x-request-id": known_as, "cache-control": "no-store"}
    body = orjson.dumps(problem.body(known_as)).decode()
    return _adapt({"statusCode": problem.status, "headers": headers, "body": body, "isBase64Encoded": False})


class _Bridge:
    """ASGI middleware: sets the principal that API Gateway has authenticated and, where the client sent none, the
    request id, and encodes headers for Mangum."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller, known_as = check_caller(scope[EVENT]), request_id(scope[EVENT])
        if caller is not None:
            scope[PRINCIPAL] = principal(caller)
        headers = scope["headers"] = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        if known_as and all(name != b"x-request-id" for name, _ in headers):
            headers.append((b"x-request-id", known_as.encode()))

        async def deliver(message: Message) -> None:
            if message["type"] == "http.response.start":
                # HTTP's headers are Latin-1, as metadata of photographs may be; Mangum takes them for UTF-8.
                latin = message.get("headers", ())
                message["headers"] = [(name, value.decode("latin-1").encode()) for name, value in latin]
            await send(message)

        await self._app(scope, receive, deliver)
