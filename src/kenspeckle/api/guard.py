"""The guard of every route: authentication, authorization, and the collection of the request."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ASGIScope

from kenspeckle.api.edge import Edge
from kenspeckle.api.route import OPEN, entry_of
from kenspeckle.domain import Of, Right, validation
from kenspeckle.errors import InvalidValue
from kenspeckle.usecases.access.authorization import decide


def guard_routes(edge: Edge) -> type[APIRoute]:
    """A route class that checks the right of its entry before more than the head of the request is read."""

    class Guarded(APIRoute):
        def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
            super().__init__(path, endpoint, **options)
            # Without the stacks that FastAPI keeps for dependencies, which these handlers do not have. Errors go to the
            # application's own handlers.
            self.app = _plain(self.get_route_handler())

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            # FastAPI reads the signature for the document; to fill it for each request costs it a quarter of what
            # the whole edge may take, and our handlers take strings of the path and one model of the query only.
            right = entry_of(self.endpoint).right
            longest = _longest(self)
            model = _query_model(self)
            known = frozenset(model.model_fields) if model is not None else frozenset()
            without = {} if model is None or _requires_query(model) else {"query": model()}
            endpoint: Callable[..., Awaitable[Response]] = self.endpoint

            async def handle(request: Request) -> Response:
                sent: dict[str, str] = {}

                def collection() -> str | None:
                    sent.update(_query(request, known))
                    _check_lengths(request, longest)
                    return _collection(edge, request, sent) if right is not None and right.of is Of.COLLECTION else None

                request.state.collection = (
                    collection() if right is OPEN else await _decide(edge, request, right, collection)
                )
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


async def _decide(edge: Edge, request: Request, right: Right, collection: Callable[[], str | None]) -> str | None:
    """Authenticate the request by its head, and authorize it as `authorization.decide`. Raises Unauthenticated too."""
    found = edge.authenticate(request)
    principal = await found if inspect.isawaitable(found) else found
    return decide(principal, right, collection, state=request.scope["state"], limits=edge.limits)


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


def _longest(route: APIRoute) -> dict[str, int]:
    """Longest values of path parameters, where the handler declares them."""
    found: dict[str, int] = {}
    for parameter in route.dependant.path_params:
        for rule in parameter.field_info.metadata:
            most = getattr(rule, "max_length", None)
            if most is not None:
                found[parameter.name] = most
    return found


def _check_lengths(request: Request, longest: Mapping[str, int]) -> None:
    for name, most in longest.items():
        if len(request.path_params[name]) > most:
            raise InvalidValue(f"{name} has at most {most} characters.", field=name)


def _requires_query(model: type[BaseModel]) -> bool:
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
