"""Who asks where API Gateway has checked the key already and the application is reached through nothing else."""

from __future__ import annotations

from starlette.requests import Request

from kenspeckle.domain import Key, Principal, Scope
from kenspeckle.errors import Unauthenticated

PRINCIPAL = "kenspeckle.principal"
"""Where in the ASGI scope whoever hands the request over puts the `Principal`."""


def principal(key_id: str, name: str = "") -> Principal:
    """The client whose key of API Gateway has this id. It may do everything: such keys have no scopes."""
    key = Key(key_id, name or key_id, "gateway", frozenset({Scope.ADMIN}), frozenset(), 0.0)
    return Principal(key)


def authenticate(request: Request) -> Principal:
    """As `edge.Authenticate`. Raises Unauthenticated where nobody vouches for the request."""
    found = request.scope.get(PRINCIPAL)
    if not isinstance(found, Principal):
        raise Unauthenticated("This application answers requests that API Gateway has let in, and no others.")
    return found
