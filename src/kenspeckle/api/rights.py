"""Which right each route needs: one table, and the guard that no route can be built without."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ASGIScope

from kenspeckle.api.edge import Edge
from kenspeckle.domain import Principal, Scope, validation
from kenspeckle.errors import Forbidden, InvalidValue
from kenspeckle.serving import rate_limit_headers
from kenspeckle.usecases.access.authorization import require
from kenspeckle.usecases.audit import actor


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
    "delete_image": Right(Scope.DELETE),
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
        def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
            super().__init__(path, endpoint, **options)
            # Without the stacks that FastAPI keeps for dependencies, which these handlers do not have. Errors go to the
            # application's own handlers.
            self.app = _plain(self.get_route_handler())

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            # FastAPI reads the signature for the document; to fill it for each request costs it a quarter of what
            # the whole edge may take, and our handlers take strings of the path and one model of the query only.
            right = RIGHTS[self.name]
            model = _query_model(self)
            known = frozenset(model.model_fields) if model is not None else frozenset()
            without = {} if model is None or _required(model) else {"query": model()}
            endpoint: Callable[..., Awaitable[Response]] = self.endpoint

            async def handle(request: Request) -> Response:
                if right is not None:
                    _check_scope(await identify(edge, request), right)
                sent = _query(request, known)
                collection = _collection(edge, request, sent)
                if right is not None:
                    _check(request.state.principal, right, collection)
                request.state.collection = collection
                query = (
                    {"query": model.model_validate(sent)} if model is not None and (sent or not without) else without
                )
                return await endpoint(request, **request.path_params, **query)

            return handle

    return Guarded


def _plain(handle: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    async def app(scope: ASGIScope, receive: Receive, send: Send) -> None:
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)

    return app


async def identify(edge: Edge, request: Request) -> Principal:
    """Who asks, noted in the request's state, and counted against the plan. Raises Unauthenticated, RateLimited."""
    found = edge.authenticate(request)
    principal = await found if inspect.isawaitable(found) else found
    request.state.principal = principal
    actor.identified(principal)
    rate_limit_headers.spend(edge.limits, request, principal)
    return principal


def admin_only(edge: Edge) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """A dependency for routers of others: nothing in them is reached without the scope admin for the whole service."""

    async def admin(request: Request) -> None:
        require(await identify(edge, request), Scope.ADMIN, None)

    return admin


def granted(principal: Principal, collection_id: str) -> bool:
    """Whether the key is for this collection at all."""
    return principal.key is None or not principal.key.collections or collection_id in principal.key.collections


def _check_scope(principal: Principal, right: Right) -> None:
    """Before anything of the query is read: who lacks the scope learns nothing of what the route takes."""
    key = principal.key
    if key is None or right.scope is None:
        return
    if right.scope not in key.scopes and Scope.ADMIN not in key.scopes:
        raise Forbidden(f"The key '{key.name}' has no scope '{right.scope}', which this route needs.")


def _check(principal: Principal, right: Right, collection_id: str) -> None:
    if right.scope is not None and right.of is not Of.ANYTHING:
        require(principal, right.scope, collection_id if right.of is Of.COLLECTION else None)


def _collection(edge: Edge, request: Request, sent: Mapping[str, str]) -> str:
    """The one collection of the request: rights are checked for it, and handlers use no other."""
    named = request.path_params.get("collection_id", sent.get("collection"))
    return validation.collection_id(named) if named is not None else edge.settings.collection


def _query_model(route: APIRoute) -> type[BaseModel] | None:
    """The model of the handler's parameter `query`; None where it takes none."""
    for parameter in route.dependant.query_params:
        kind = parameter.field_info.annotation
        if parameter.name != "query" or not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            raise TypeError(f"{route.name}: query parameters belong into one model, the parameter 'query'")
        return kind
    return None


def _required(model: type[BaseModel]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())


def _query(request: Request, known: frozenset[str]) -> dict[str, str]:
    """The query by name. Raises InvalidValue for a name that the route does not know, or one given twice."""
    sent: dict[str, str] = {}
    if not request.scope["query_string"]:
        return sent
    for name, value in request.query_params.multi_items():
        if name not in known:
            listed = f"known here: {', '.join(sorted(known))}" if known else "this route takes none"
            raise InvalidValue(f"{name[:60]!r} is no parameter of this route; {listed}.", field=name[:60])
        if name in sent:
            raise InvalidValue(f"The parameter {name!r} is given more than once.", field=name)
        sent[name] = value
    return sent
