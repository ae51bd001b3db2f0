"""Who sends a REST request, by the header `x-api-key`; and the guard that keeps web pages out of an open server."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from kenspeckle.api import failures
from kenspeckle.api.middleware import REFUSED
from kenspeckle.domain import Principal
from kenspeckle.errors import Forbidden, KenspeckleError, Unauthenticated
from kenspeckle.usecases.access import Access
from kenspeckle.usecases.loopback import is_loopback_address

HEADER = "x-api-key"

_PROXY_HEADERS = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"})
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9.\-]+)(?::[0-9]{1,5})?")
_FAR = "Without a key this service answers its own machine only."
_OWN_KEY = "With a key (`kenspeckle keys create NAME`) this is allowed."


class Authenticator:
    """Turns a request's headers into a `Principal`; what the REST edge calls for every request."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def __call__(self, request: Request) -> Principal:
        """As `authenticate`, in a thread only where the catalog has to be read: twice a second for a busy key."""
        client_host = request.client.host if request.client is not None else None
        sent = request.headers.getlist(HEADER)
        if self._access.is_known(sent[0] if len(sent) == 1 else None):
            return self.authenticate(request.headers, client_host)
        return await run_in_threadpool(self.authenticate, request.headers, client_host)

    def authenticate(self, headers: Headers, client_host: str | None) -> Principal:
        """`client_host` is the address of the socket's other end, None for a Unix socket. May read the catalog.

        Raises Unauthenticated with a message for the client.
        """
        sent = headers.getlist(HEADER)
        if self._access.open:
            if not _is_near(client_host):
                raise Unauthenticated(f"{_FAR} {_OWN_KEY}")
            return self._access.authenticate(None)
        if len(sent) > 1:
            raise Unauthenticated(f"The header {HEADER} was sent {len(sent)} times; send one key.")
        if not sent and "authorization" in headers:
            raise Unauthenticated(f"A key is needed in the header {HEADER}; the header Authorization is not read here.")
        return self._access.authenticate(sent[0] if sent else None)


class LocalOnly:
    """ASGI middleware around every edge: an open server answers programs and pages of this machine, nothing else.

    A page of another site could otherwise use the visitor's browser to reach the server: by a request across sites,
    or by a name of its own that it points to 127.0.0.1 (DNS rebinding). Does nothing once a key exists.
    Belongs inside the middleware that hands out request ids.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and await self._open():
            peer = scope.get("client")
            reason = None if _is_near(peer[0] if peer else None) else _FAR
            reason = reason or foreign(scope["headers"], scope.get("scheme", "http"), scope["method"])
            if reason is not None:
                await _refuse(scope, receive, send, reason)
                return
        await self._app(scope, receive, send)

    async def _open(self) -> bool:
        if self._access.open_is_known:
            return self._access.open
        try:
            return await run_in_threadpool(lambda: self._access.open)
        except KenspeckleError:
            return True  # The catalog does not answer: look closely, and let the request meet the error itself.


def foreign(headers: Iterable[tuple[bytes, bytes]], scheme: str, method: str) -> str | None:
    """Why a request to an open server does not come from this machine's own programs and pages; None if it does.

    `headers` as ASGI has them, names in lower case. Rules: one Host header, a loopback address or `localhost`; no
    trace of a proxy; an Origin, if any, that is this server; a browser's Sec-Fetch-Site (Fetch Metadata) that is not
    another site, but for following a link.
    """
    values: dict[bytes, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value.decode("latin-1"))
    hosts = values.get(b"host", [])
    if len(hosts) != 1 or not _is_local(hosts[0]):
        named = f"'{hosts[0][:100]}'" if len(hosts) == 1 else f"{len(hosts)} Host headers"
        return f"Without a key this service answers to 127.0.0.1, [::1] and localhost only, not to {named}."
    if not _PROXY_HEADERS.isdisjoint(values):
        return "This request came through a proxy, and without a key this service answers its own machine only."
    origins = values.get(b"origin", [])
    if any(origin.lower() != f"{scheme}://{hosts[0]}".lower() for origin in origins):
        return f"Without a key this service takes no requests from pages of '{origins[0][:100]}'."
    sites = values.get(b"sec-fetch-site", [])
    if any(site not in ("same-origin", "none") for site in sites) and not _follows_link(values, method):
        return "Without a key this service takes no requests from pages of other sites."
    return None


def _is_near(peer: str | None) -> bool:
    """Whether the other end of the socket is on this machine; a Unix socket has no address and is."""
    return peer is None or is_loopback_address(peer)


def _is_local(host: str) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").lower()
    return name == "localhost" or is_loopback_address(name)


def _follows_link(values: dict[bytes, list[str]], method: str) -> bool:
    """A link from another site may open the console in a tab (never in a frame): that site can't read it."""
    return (
        method in ("GET", "HEAD")
        and values.get(b"sec-fetch-mode") == ["navigate"]
        and values.get(b"sec-fetch-dest") == ["document"]
    )


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    error = Forbidden(f"{reason} {_OWN_KEY}")
    scope.setdefault("state", {})[REFUSED] = error.code
    await failures.unseen(error, scope)(scope, receive, send)
