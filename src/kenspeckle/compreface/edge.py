"""One request of a CompreFace client, from the socket to the answer: key, right, collection, handler, errors."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.compreface import errors
from kenspeckle.compreface.errors import Refusal
from kenspeckle.domain import Principal, Right
from kenspeckle.domain.operations import A, Operation
from kenspeckle.errors import Forbidden, KenspeckleError, NotOffered, Unauthenticated
from kenspeckle.ports import Recognizer
from kenspeckle.serving import logs, problems
from kenspeckle.serving.bodies import ClientDisconnected
from kenspeckle.serving.budget import BODIES
from kenspeckle.serving.envelope import REFUSED
from kenspeckle.serving.threads import Threads
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.authorization import decide
from kenspeckle.usecases.recognition.admission import Gate

if TYPE_CHECKING:
    from kenspeckle.usecases.access.rate_limits import Limits

KEY = "x-api-key"

Authenticate: TypeAlias = Callable[[Request], Principal | Awaitable[Principal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What every handler needs."""

    recognizer: Recognizer
    settings: Settings
    gate: Gate
    threads: Threads
    authenticate: Authenticate
    limits: Limits | None = None

    async def handle(self, operation: Operation[A]) -> A:
        """The recognizer's answer, worked out in a thread."""
        return await self.threads.call(self.recognizer.handle, operation)

    async def handle_timed(self, operation: Operation[A]) -> tuple[A, float]:
        """As `handle`, and how many milliseconds it took."""
        begun = time.perf_counter()
        answer = await self.handle(operation)
        return answer, (time.perf_counter() - begun) * 1000

    @contextmanager
    def admit(self, request: Request) -> Iterator[None]:
        """A place at the gate for photographs that were read. Raises Overloaded."""
        with self.gate.admit(checked=True):
            share = request.scope["state"].get(BODIES)
            if share is not None:
                share.give_back()
            yield

    def collection(self, principal: Principal) -> str:
        """The collection that the key stands for: the one it is granted, else the default one. Raises Forbidden."""
        only = principal.only
        if only is None or self.settings.collection in only:
            return self.settings.collection
        if len(only) == 1:
            return only[0]
        raise Forbidden(
            f"The key is granted {len(only)} collections, and the default one is not among them; CompreFace's protocol "
            "names none. Use a key for one collection."
        )


Handler: TypeAlias = Callable[[Edge, Request, str], Awaitable[Response]]
"""Answers a request that may be made, about the collection of this name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One route: what it takes, and who answers it."""

    method: str
    path: str
    right: Right
    handler: Handler


class Endpoint:
    """Answers every request to the paths of one entry, failed ones in CompreFace's form."""

    def __init__(self, edge: Edge, entry: Entry) -> None:
        self.edge = edge
        self.entry = entry

    async def __call__(self, request: Request) -> Response:
        request.scope["route"] = self.entry  # the log and the metrics name it by its template
        try:
            return await self._answer(request)
        except Refusal as refusal:
            return errors.answer_error(*refusal.answer, refusal.message)
        except KenspeckleError as error:
            if isinstance(error, Unauthenticated | Forbidden):
                request.scope["state"][REFUSED] = error.code
            if problems.of_error(error).status == 500:
                logs.errors.error("the request failed", exc_info=error)
            return errors.of_error(error)
        except HTTPException as error:
            return errors.answer_error(error.status_code, 0, str(error.detail), error.headers)
        except ClientDisconnected:
            raise
        except Exception:
            logs.errors.exception("unexpected error")
            return errors.answer_error(500, errors.FACES_SERVICE, problems.INTERNAL)

    async def _answer(self, request: Request) -> Response:
        edge = self.edge
        found = edge.authenticate(request)
        try:
            principal = await found if inspect.isawaitable(found) else found
        except Unauthenticated:
            if KEY not in request.headers:
                request.scope["state"][REFUSED] = Unauthenticated.code
                raise Refusal(errors.NO_KEY, f"Missing header: {KEY}") from None
            raise
        collection = decide(
            principal,
            self.entry.right,
            lambda: edge.collection(principal),
            state=request.scope["state"],
            limits=edge.limits,
        )
        if edge.settings.recognizer != "local":
            raise NotOffered("CompreFace's protocol is offered where this service recognizes by itself.")
        return await self.entry.handler(edge, request, collection or edge.settings.collection)


def answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
