"""Authentication behind API Gateway, which has checked the key already; the application must not be reachable
otherwise."""

from __future__ import annotations

from starlette.requests import Request

from kenspeckle.domain import Key, Principal, Scope
from kenspeckle.errors import Unauthenticated

PRINCIPAL = "kenspeckle.principal"
"""Member of the ASGI scope into which the caller puts the `Principal`."""


def principal(key_id: str, name: str = "") -> Principal:
    """The client whose key of API Gateway has this id. It may do everything: such keys have no scopes."""
    key = Key(key_id, name or key_id, "gateway", frozenset({Scope.ADMIN}), frozenset(), 0.0)
    return Principal(key)


def authenticate(request: Request) -> Principal:
    """As `edge.Authenticate`. Raises Unauthenticated where the scope has no principal."""
    found = request.scope.get(PRINCIPAL)
    if not isinstance(found, Principal):
        raise Unauthenticated("This application answers requests that API Gateway has let in, and no others.")
    return found
