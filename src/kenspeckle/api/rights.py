"""Which right each route needs: one table, and the guard that no route can be built without."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api.edge import Edge
from kenspeckle.domain import Principal, Scope
from kenspeckle.errors import Forbidden, InvalidValue
from kenspeckle.usecases import access, rules


class Of(Enum):
    """What a scope has to be granted for."""

    COLLECTION = "the collection that the request names, or the default one"
    SERVICE = "the service as a whole: a key of single collections is not enough"
    ANYTHING = "any collection: the route touches none, or shows only those that are granted"


@dataclass(frozen=True, slots=True)
class Right:
    """A key with this scope is needed; no scope: any key will do."""

    scope: Scope | None
    of: Of = Of.COLLECTION


OPEN = None
"""The route is for everybody, by name."""

RIGHTS: dict[str, Right | None] = {
    "healthz": OPEN,
    "readyz": OPEN,
    "openapi": OPEN,
    "docs": OPEN,
    "metrics": Right(Scope.READ, Of.SERVICE),
    "info": Right(None, Of.ANYTHING),
    "index": Right(Scope.INDEX),
    "search": Right(Scope.SEARCH),
    "detect": Right(Scope.SEARCH, Of.ANYTHING),
    "compare": Right(Scope.SEARCH, Of.ANYTHING),
    "image": Right(Scope.READ),
    "thumbnail": Right(Scope.READ),
    "list_collections": Right(Scope.READ, Of.ANYTHING),
    "create_collection": Right(Scope.ADMIN, Of.SERVICE),
    "ensure_collection": Right(Scope.ADMIN),
    "describe_collection": Right(Scope.READ),
    "delete_collection": Right(Scope.ADMIN),
    "list_faces": Right(Scope.READ),
    "get_face": Right(Scope.READ),
    "delete_face": Right(Scope.DELETE),
    "delete_faces": Right(Scope.DELETE),
    "delete_identity": Right(Scope.DELETE),
    "search_face": Right(Scope.SEARCH),
    "list_users": Right(Scope.READ),
    "ensure_user": Right(Scope.INDEX),
    "get_user": Right(Scope.READ),
    "delete_user": Right(Scope.DELETE),
    "associate_faces": Right(Scope.INDEX),
    "disassociate_face": Right(Scope.INDEX),
    "disassociate_faces": Right(Scope.INDEX),
    "search_user": Right(Scope.SEARCH),
    "search_users_by_image": Right(Scope.SEARCH),
}
"""By the name of the route. One that is not here can't be built; `POST /v1/collections` names its collection in the
body, so its key must be good for all."""


def guarded(edge: Edge) -> type[APIRoute]:
    """A route class that asks the table before anything of the request but its head is looked at."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            right = RIGHTS[self.name]
            known = _query_names(self)
            handler = super().get_route_handler()

            async def handle(request: Request) -> Response:
                if right is not None:
                    request.state.principal = await identify(edge, request)
                _check_query(request, known)
                request.state.collection = _collection(edge, request, known)
                if right is not None:
                    _check(request.state.principal, right, request.state.collection)
                return await handler(request)

            return handle

    return Guarded


async def identify(edge: Edge, request: Request) -> Principal:
    """Who asks. Raises Unauthenticated."""
    principal = edge.authenticate(request)
    return await principal if inspect.isawaitable(principal) else principal


def admin_only(edge: Edge) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """A dependency for routers of others: nothing in them is reached without the scope admin for the whole service."""

    async def admin(request: Request) -> None:
        request.state.principal = await identify(edge, request)
        access.require(request.state.principal, Scope.ADMIN, None)

    return admin


def granted(principal: Principal, collection_id: str) -> bool:
    """Whether the key is for this collection at all."""
    return principal.key is None or not principal.key.collections or collection_id in principal.key.collections


def _check(principal: Principal, right: Right, collection_id: str) -> None:
    key = principal.key
    if key is None or right.scope is None:
        return
    if right.of is not Of.ANYTHING:
        access.require(principal, right.scope, collection_id if right.of is Of.COLLECTION else None)
    elif right.scope not in key.scopes and Scope.ADMIN not in key.scopes:
        raise Forbidden(f"The key '{key.name}' has no scope '{right.scope}', which this route needs.")


def _collection(edge: Edge, request: Request, known: frozenset[str]) -> str:
    """The one collection of the request: rights are checked for it, and handlers use no other."""
    named = request.path_params.get("collection_id")
    if named is None and "collection" in known:
        named = request.query_params.get("collection")
    return rules.collection_id(named) if named is not None else edge.settings.collection


def _query_names(route: APIRoute) -> frozenset[str]:
    """Names of the query parameters; a route takes them as one model."""
    names: set[str] = set()
    for parameter in route.dependant.query_params:
        names |= set(getattr(parameter.field_info.annotation, "model_fields", {parameter.alias: None}))
    return frozenset(names)


def _check_query(request: Request, known: frozenset[str]) -> None:
    if not request.url.query:
        return
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            listed = f"known here: {', '.join(sorted(known))}" if known else "this route takes none"
            raise InvalidValue(f"{name[:60]!r} is no parameter of this route; {listed}.", field=name[:60])
        if name in seen:
            raise InvalidValue(f"The parameter {name!r} is given more than once.", field=name)
        seen.add(name)
