"""Refuses requests to an open server that do not come from this machine."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from kenspeckle.errors import Forbidden, KenspeckleError
from kenspeckle.serving import problems
from kenspeckle.serving.envelope import REFUSED
from kenspeckle.usecases.access.authentication import Authentication
from kenspeckle.usecases.access.open_server import FAR, OPEN, foreign, is_near

OWN_KEY = "With a key (`kenspeckle keys create NAME`) this is allowed."


class LocalOnly:
    """ASGI middleware around every edge: an open server answers programs and pages of this machine, nothing else.

    A page of another site could otherwise use the visitor's browser to reach the server: by a request across sites,
    or by a name of its own that it points to 127.0.0.1 (DNS rebinding). Does nothing once a key exists.
    Belongs inside the middleware that assigns request ids.
    """

    def __init__(self, app: ASGIApp, access: Authentication) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and await self._open(scope.setdefault("state", {})):
            peer = scope.get("client")
            reason = None if is_near(peer[0] if peer else None) else FAR
            reason = reason or foreign(scope["headers"], scope.get("scheme", "http"), scope["method"])
            if reason is not None:
                await _refuse(scope, receive, send, reason)
                return
        await self._app(scope, receive, send)

    async def _open(self, state: dict[str, Any]) -> bool:
        """Whether the server is open; stored in the request's state for the decision on access."""
        known = self._access.open_is_known
        try:
            state[OPEN] = self._access.open if known else await run_in_threadpool(lambda: self._access.open)
        except KenspeckleError:
            return True  # The catalog does not answer: check as for an open server.
        return bool(state[OPEN])


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    error = Forbidden(f"{reason} {OWN_KEY}")
    scope.setdefault("state", {})[REFUSED] = error.code
    await problems.unseen(error, scope)(scope, receive, send)
