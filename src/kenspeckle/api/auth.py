"""Authentication of REST requests, by the header `x-api-key`."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request

from kenspeckle.domain import Principal
from kenspeckle.errors import Unauthenticated
from kenspeckle.serving.local_only import OWN_KEY
from kenspeckle.usecases.access.authentication import Authentication
from kenspeckle.usecases.access.open_server import FAR, OPEN, is_near

HEADER = "x-api-key"


class Authenticator:
    """Turns a request's headers into a `Principal`; called by the REST edge for every request."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    async def __call__(self, request: Request) -> Principal:
        """As `authenticate`, in a thread only where the catalog has to be read: twice a second for a busy key."""
        client_host = request.client.host if request.client is not None else None
        sent = request.headers.getlist(HEADER)
        is_open = request.scope.get("state", {}).get(OPEN)
        if self._authentication.is_known(sent[0] if len(sent) == 1 else None, is_open):
            return self.authenticate(request.headers, client_host, is_open)
        return await run_in_threadpool(self.authenticate, request.headers, client_host, is_open)

    def authenticate(self, headers: Headers, client_host: str | None, is_open: bool | None = None) -> Principal:
        """`client_host` is the address of the socket's other end, None for a Unix socket; `is_open` whether the server
        is, where that is known. May read the catalog.

        Raises Unauthenticated with a message for the client.
        """
        sent = headers.getlist(HEADER)
        if self._authentication.open if is_open is None else is_open:
            if not is_near(client_host):
                raise Unauthenticated(f"{FAR} {OWN_KEY}")
            return Principal(None)
        if len(sent) > 1:
            raise Unauthenticated(f"The header {HEADER} was sent {len(sent)} times; send one key.")
        if not sent and "authorization" in headers:
            raise Unauthenticated(f"A key is needed in the header {HEADER}; the header Authorization is not read here.")
        return self._authentication.authenticate(sent[0] if sent else None)
