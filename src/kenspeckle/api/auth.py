"""Who sends a REST request, by the header `x-api-key`; and the guard that keeps web pages out of an open server."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request

from kenspeckle.domain import Principal
from kenspeckle.errors import Unauthenticated
from kenspeckle.serving.local_only import _FAR, _OWN_KEY
from kenspeckle.usecases.access.keys import Access
from kenspeckle.usecases.access.open_server import _is_near

HEADER = "x-api-key"


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
