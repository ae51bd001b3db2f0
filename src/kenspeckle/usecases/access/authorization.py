"""Whether a principal may do what it asks for."""

from __future__ import annotations

from kenspeckle.domain import Principal, Scope
from kenspeckle.errors import Forbidden
from kenspeckle.usecases.access import credentials


def require(principal: Principal, scope: Scope, collection_id: str | None) -> None:
    """Raises Forbidden, saying which right is missing, unless the scope is granted for the collection (None: for the
    service as a whole)."""
    key = principal.key
    if key is None or principal.may(scope, collection_id):
        return
    if scope not in key.scopes and Scope.ADMIN not in key.scopes:
        has = ", ".join(credentials.scope_names(key))
        raise Forbidden(f"The key '{key.name}' has no scope '{scope}'; it has: {has}.")
    if collection_id is None:
        raise Forbidden(f"The key '{key.name}' is granted single collections only; this needs a key for all of them.")
    raise Forbidden(f"The key '{key.name}' is not granted the collection '{collection_id[:255]}'.", field="collection")
