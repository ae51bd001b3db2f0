"""Rights: what a principal may do, and what it is told where it may not."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

import pytest

from kenspeckle.domain import Key, Of, Principal, Right, Scope
from kenspeckle.errors import Forbidden
from kenspeckle.usecases.access import authorization
from kenspeckle.usecases.access.authorization import PRINCIPAL
from tests.usecases.access.conftest import NOW


def decide(*words: Any, **more: Any) -> str | None:
    """As `authorization.decide`, in a context of its own: it notes who asks, which no other test may see."""
    return copy_context().run(authorization.decide, *words, **more)


def _decide(principal: Principal, scope: Scope, collection: str | None) -> None:
    state: dict[str, object] = {}
    assert decide(principal, Right(scope), lambda: collection, state=state) == collection
    assert state[PRINCIPAL] == principal


def test_who_lacks_the_scope_learns_nothing_of_what_the_operation_takes() -> None:
    read: list[str] = []

    def collection() -> str | None:
        read.append("read")
        return "a"

    with pytest.raises(Forbidden, match="no scope 'index'"):
        decide(_principal({Scope.READ}, set()), Right(Scope.INDEX), collection, state={})
    assert read == []


def test_what_a_right_is_for() -> None:
    one = _principal({Scope.READ}, {"a"})
    assert decide(one, Right(Scope.READ, Of.ANYTHING), lambda: "b", state={}) == "b"
    assert decide(one, Right(None), lambda: "b", state={}) == "b"
    with pytest.raises(Forbidden, match="single collections only"):
        decide(one, Right(Scope.READ, Of.SERVICE), lambda: "a", state={})


def _principal(scopes: set[Scope], collections: set[str]) -> Principal:
    return Principal(Key("key-1", "desk", "api", frozenset(scopes), frozenset(collections), NOW))


@pytest.mark.parametrize(
    ("scopes", "collections", "scope", "collection", "message"),
    [
        ({Scope.READ}, set(), Scope.INDEX, "a", "no scope 'index'; it has: read"),
        ({Scope.READ, Scope.DELETE}, set(), Scope.ADMIN, None, "no scope 'admin'; it has: read, delete"),
        ({Scope.READ}, {"a"}, Scope.READ, "b", "not granted the collection 'b'"),
        ({Scope.ADMIN}, {"a"}, Scope.ADMIN, None, "single collections only"),
        ({Scope.ADMIN}, {"a"}, Scope.READ, "b", "not granted the collection 'b'"),
    ],
)
def test_a_missing_right_is_named(
    scopes: set[Scope], collections: set[str], scope: Scope, collection: str | None, message: str
) -> None:
    with pytest.raises(Forbidden, match=message):
        _decide(_principal(scopes, collections), scope, collection)


def test_granted_rights_pass() -> None:
    _decide(Principal(None), Scope.ADMIN, None)
    _decide(_principal({Scope.READ}, set()), Scope.READ, None)
    _decide(_principal({Scope.READ}, {"a"}), Scope.READ, "a")
    for scope in Scope:
        _decide(_principal({Scope.ADMIN}, set()), scope, "a")
