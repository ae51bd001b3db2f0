"""Authorization: decides for every edge whether a principal may do what its request asks for."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from kenspeckle.domain import Key, Of, Principal, Right, Scope
from kenspeckle.errors import Forbidden
from kenspeckle.usecases.access import credentials
from kenspeckle.usecases.audit import actor

if TYPE_CHECKING:
    # A function on AWS Lambda has no plans, and its zip does not contain the package that counts requests.
    from kenspeckle.usecases.access.rate_limits import Limits

PRINCIPAL = "principal"
"""Member of a request's state with its principal, for the log and the handlers."""

ALLOWANCE = "allowance"
"""Member of a request's state with what is left of its key's plan, for the answer's headers."""


def decide(
    principal: Principal,
    right: Right,
    collection: Callable[[], str | None],
    *,
    state: MutableMapping[str, Any],
    limits: Limits | None = None,
) -> str | None:
    """Allow the request of `principal`, or raise; returns the collection that it is about.

    In this order: the plan of the key, its scopes, and only then the request itself: `collection` reads the collection
    that it names (None: the service as a whole). So a client without the scope learns nothing of the operation's
    parameters. The principal and its allowance are put into `state`, the request's own. Raises RateLimited, Forbidden,
    and what `collection` raises.
    """
    state[PRINCIPAL] = principal
    actor.identify(principal)
    if principal.key is not None:
        if limits is not None:
            _count(limits, principal.key, state)
        if right.scope is not None:
            _require_scope(principal.key, right.scope)
    named = collection()
    if principal.key is not None and right.scope is not None and right.of is not Of.ANYTHING:
        _require_grant(principal.key, named if right.of is Of.COLLECTION else None)
    return named


def _count(limits: Limits, key: Key, state: MutableMapping[str, Any]) -> None:
    allowance = limits.spend(key)
    if allowance is not None:
        state[ALLOWANCE] = allowance
        if allowance.refusal is not None:
            raise allowance.refusal


def _require_scope(key: Key, scope: Scope) -> None:
    if scope not in key.scopes and Scope.ADMIN not in key.scopes:
        has = ", ".join(credentials.scope_names(key))
        raise Forbidden(f"The key '{key.name}' has no scope '{scope}'; it has: {has}.")


def _require_grant(key: Key, collection_id: str | None) -> None:
    if not key.collections or collection_id in key.collections:
        return
    if collection_id is None:
        raise Forbidden(f"The key '{key.name}' is granted single collections only; this needs a key for all of them.")
    raise Forbidden(f"The key '{key.name}' is not granted the collection '{collection_id[:255]}'.", field="collection")
