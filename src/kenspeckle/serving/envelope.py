"""Middleware of every request: request id, security headers, log line, metrics, and the answer to unexpected errors."""

from __future__ import annotations

import random
import re
import time
import uuid
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kenspeckle.errors import Overloaded, ShuttingDown
from kenspeckle.ports import scanned
from kenspeckle.serving import logs, problems, rate_limit_headers
from kenspeckle.serving.answers import Answer
from kenspeckle.serving.bodies import ClientDisconnected
from kenspeckle.serving.budget import BODIES, MIB, Budget
from kenspeckle.serving.metrics import Metrics
from kenspeckle.usecases.access.authorization import ALLOWANCE, PRINCIPAL
from kenspeckle.usecases.audit import actor

if TYPE_CHECKING:
    from kenspeckle.usecases.audit.refused_requests import Refusals

REFUSED = "refused"
"""Member of a request's state with the error code of its refusal, if it was refused."""

METHOD = "method"
"""Member of a request's state with its original method; HEAD is answered by the routes of GET."""

ANSWERS, TO_UNKNOWN = 64 * MIB, 16 * MIB
"""Most bytes of large answers under way to one client, and to one that has not proved to hold a key."""

CLIENT_GONE = 499
"""Status in log and metrics for a client that disconnected before its answer; it is never sent."""

APPROXIMATE = b"x-kenspeckle-approximate"
"""Header of answers for which an approximate index was searched: how many of how many faces."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}\Z")

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""Default headers of every answer: biometric data must not be cached or embedded."""

_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
"""Header of answers over TLS: browsers then use only TLS, for a year (RFC 6797)."""

_DURING_SHUTDOWN = frozenset({"/healthz", "/metrics"})


class Envelope:
    """Pure ASGI middleware around all routes, Amazon's protocol included."""

    def __init__(self, app: ASGIApp, metrics: Metrics, life: Life, refusals: Refusals | None = None) -> None:
        self.app = app
        self.refusals = refusals
        self.metrics = metrics
        self.life = life
        self.bodies = Budget()
        self.answers = Budget(known=ANSWERS, unknown=TO_UNKNOWN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = request_id_of(scope)
        state = scope.setdefault("state", {})
        state["request_id"], state[METHOD] = request_id, scope["method"]
        if scope["method"] == "HEAD":
            # Answered as GET; the server leaves out the body.
            scope = {**scope, "method": "GET"}
        logs.REQUEST_ID.set(request_id)
        actor.begin_request(request_id, address_of(scope))
        searched = scanned.begin()
        state[BODIES], unread = self.bodies.share(address_of(scope)), self.answers.share(address_of(scope))
        answer = Answer(send, unread, without_body=state[METHOD] == "HEAD")
        deliver = _Delivery(answer, scope, receive, request_id, searched)
        self.metrics.in_flight.inc()
        try:
            if self.life.draining and scope["path"] not in _DURING_SHUTDOWN:
                await problems.unseen(_draining(), scope)(scope, receive, deliver)
            else:
                await self.app(scope, receive, deliver)
        except ClientDisconnected:
            deliver.status = CLIENT_GONE
        except Exception:
            logs.errors.exception("unexpected error", extra={"request_id": request_id})
            if deliver.status == 0:
                await problems.internal().response(request_id)(scope, receive, deliver)
        finally:
            state[BODIES].give_back()
            unread.give_back()
            self.metrics.in_flight.dec()
            self.metrics.count_scanned(searched)
            self._record(scope, request_id, deliver.status or CLIENT_GONE, time.perf_counter() - begun)

    def _record(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route, method = route_of(scope), scope["state"][METHOD]
        self.metrics.request(method, route, status, seconds)
        principal = scope["state"].get(PRINCIPAL)
        key = getattr(principal, "key", None)
        refused = scope["state"].get(REFUSED)
        if refused is not None and self.refusals is not None:
            self.refusals.note(
                f"{method} {route}",
                refused,
                key_id=key.key_id if key is not None else actor.NOBODY,
                name=key.name if key is not None else "",
                request_id=request_id,
                address=address_of(scope),
            )
        logs.access.info(
            "request",
            extra={
                "request_id": request_id,
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 2),
                "key": key.key_id if key is not None else None,
                "client": address_of(scope) or None,
            },
        )


class _Delivery:
    """The ASGI `send` of one request: completes the headers, and refuses an answer that the budget has no room for.

    No closure: that would refer to itself, and keep the request in memory until the garbage collector runs."""

    __slots__ = ("_answer", "_receive", "_refused", "_request_id", "_scope", "_searched", "status")

    def __init__(
        self, answer: Answer, scope: Scope, receive: Receive, request_id: str, searched: scanned.Scanned
    ) -> None:
        self._answer = answer
        self._scope = scope
        self._receive = receive
        self._request_id = request_id
        self._searched = searched
        self._refused = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if self._refused:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = complete(list(message.get("headers", ())), self._request_id, self._scope)
            if self._searched.approximate:
                message["headers"].append((APPROXIMATE, self._searched.text.encode()))
            self._answer.known = PRINCIPAL in self._scope["state"]
        try:
            await self._answer(message)
        except Overloaded as error:
            refusal = problems.unseen(error, self._scope)
            refusal.headers["connection"] = "close"  # Requests that were sent behind it need not be refused one by one.
            await refusal(self._scope, self._receive, self)
            self._refused = True


class Life:
    """Whether the server accepts requests, or only finishes those it has."""

    def __init__(self) -> None:
        self.draining = False


def route_of(scope: Scope) -> str:
    """Template of the request's route; `unmatched` where there is none."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if isinstance(path, str):
        return path
    # FastAPI records its own routes only. The path of a plain route without parameters is its template.
    if "endpoint" in scope:
        return str(scope["path"]) if not scope.get("path_params") else type(scope["endpoint"]).__name__
    return "unmatched"


def address_of(scope: Scope) -> str:
    """The client's address, by trusted proxies; empty for a Unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def request_id_of(scope: Scope) -> str:
    """The one that the client sent, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if _REQUEST_ID.match(text):
                return text
    # Unlike uuid4, which calls the system each time, this does not release the interpreter's lock: under load a thread
    # waits milliseconds to get it back. An id is no secret.
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def complete(headers: list[tuple[bytes, bytes]], request_id: str, scope: Scope) -> list[tuple[bytes, bytes]]:
    """With the headers that every answer has."""
    present = {name.lower() for name, _ in headers}
    headers += [header for header in _HEADERS if header[0] not in present]
    headers.append((b"x-request-id", request_id.encode("latin-1")))
    if scope.get("scheme") == "https":
        headers.append(_HTTPS_ONLY)
    allowance = scope["state"].get(ALLOWANCE)
    if allowance is not None:
        headers += rate_limit_headers.headers(allowance.standings)
    return headers


def _draining() -> ShuttingDown:
    return ShuttingDown("The server is shutting down; send the request again.", retry_after=1.0)
