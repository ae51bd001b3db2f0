"""The application factory: combines guard, routes, error handlers and the envelope."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

import kenspeckle
from kenspeckle.api import invalid, openapi
from kenspeckle.api.edge import Authenticate, Edge
from kenspeckle.api.routes import add_routes
from kenspeckle.errors import Forbidden, KenspeckleError, Unauthenticated
from kenspeckle.ports import Recognizer, StagedVideos
from kenspeckle.serving import problems
from kenspeckle.serving.envelope import METHOD, REFUSED, Envelope, Life
from kenspeckle.serving.metrics import Counted, Metrics
from kenspeckle.serving.threads import Threads
from kenspeckle.settings import Settings
from kenspeckle.usecases.recognition.admission import Gate

if TYPE_CHECKING:
    from kenspeckle.usecases.access.rate_limits import Limits
    from kenspeckle.usecases.audit.refused_requests import Refusals


def create_app(
    *,
    recognizer: Recognizer,
    settings: Settings,
    gate: Gate,
    authenticate: Authenticate,
    limits: Limits | None = None,
    refusals: Refusals | None = None,
    metrics: Metrics | None = None,
    face_models: Mapping[str, str] | None = None,
    writable: Callable[[], None] | None = None,
    staged: StagedVideos | None = None,
    extra_routes: Sequence[BaseRoute] = (),
    more: Sequence[object] = (),
    middleware: Sequence[Middleware] = (),
) -> FastAPI:
    """The REST edge as an ASGI application.

    `limits` enforces the plans of keys, `refusals` records refused requests. `metrics` is shared with the use cases,
    whose stages it measures. `extra_routes` (Amazon's protocol, the console) check rights themselves; `more` are
    further groups of handlers, such as `api.keys.Keys`. `middleware` runs inside the envelope, so its refusals have
    request ids and are counted. `app.state.drain()` begins the shutdown: readiness and new requests get 503, accepted
    ones are finished. `writable` raises where nothing can be stored, which readiness tells. Uploaded
    videos wait in `staged`; None: none are taken.
    """
    metrics = metrics or Metrics()
    edge = Edge(
        recognizer=Counted(recognizer, metrics, settings.face_match_threshold),
        settings=settings,
        gate=gate,
        threads=Threads(gate.workers + gate.queue),
        metrics=metrics,
        life=Life(),
        authenticate=authenticate,
        limits=limits,
        face_models=face_models or {},
        writable=writable,
        staged=staged,
    )
    edge.metrics.watch(gate)
    envelope = Middleware(Envelope, metrics=edge.metrics, life=edge.life, refusals=refusals)
    app = _application(edge, [envelope, *middleware])
    add_routes(app, edge, more)
    app.router.routes.extend(extra_routes)
    app.state.edge = edge
    app.state.drain = lambda: _drain(edge)
    app.openapi = lambda: _document(app, edge, more)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def _application(edge: Edge, middleware: Sequence[Middleware]) -> FastAPI:
    """Without routes."""
    return FastAPI(
        title="Kenspeckle",
        version=kenspeckle.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Paths contain names of people: a tracer from the environment must not see them.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=_lifespan(edge),
        exception_handlers=_HANDLERS,
        middleware=middleware,
    )


def _document(app: FastAPI, edge: Edge, more: Sequence[object]) -> dict[str, Any]:
    """The OpenAPI document; made when it is first asked for, and kept by the application."""
    if not app.openapi_schema:
        described = FastAPI(openapi_url=None)
        add_routes(described, edge, more, described=True)
        app.openapi_schema = openapi.document(described.routes)
    return app.openapi_schema


def _drain(edge: Edge) -> None:
    edge.life.draining = True
    edge.gate.close()


def _lifespan(edge: Edge) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        _drain(edge)
        await asyncio.get_running_loop().run_in_executor(None, edge.threads.close)

    return lifespan


def _id(request: Request) -> str:
    return str(request.state.request_id)


async def _on_domain_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, KenspeckleError):
        raise error
    if isinstance(error, Unauthenticated | Forbidden):
        request.scope["state"][REFUSED] = error.code
    problem = problems.of_error(error)
    if problem.status == 500:
        # An operator's mistake: the client gets the same fixed answer as for any unexpected error.
        raise error
    return _send(request, problem)


async def _on_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    detail = "The request can't be read."
    if error.status_code == 404:
        detail = f"There is no route {request.url.path[:100]!r}; /docs lists all of them."
    elif error.status_code == 405:
        headers["allow"] = ", ".join(_methods(request))
        detail = f"This route does not know {request.scope['state'][METHOD][:20]}; it knows {headers['allow']}."
    elif error.status_code == 408:
        detail = error.detail
    return _send(request, problems.of_http(error.status_code, detail, headers))


def _methods(request: Request) -> list[str]:
    """Methods of all routes that the path fits; Starlette names only the first one's."""
    found: set[str] = set()
    for route in request.app.router.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= set(route.methods or ())
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)


async def _on_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError | ValidationError):
        raise error
    return _send(request, problems.of_error(invalid.of(list(error.errors()))))


def _send(request: Request, problem: problems.Problem) -> Response:
    response = problem.response(_id(request))
    if "expect" in request.headers:
        # The client may or may not send its body yet: only a new connection is safe.
        response.headers["connection"] = "close"
    return response


_HANDLERS: dict[int | type[Exception], Any] = {
    KenspeckleError: _on_domain_error,
    HTTPException: _on_http_error,
    RequestValidationError: _on_invalid,
    ValidationError: _on_invalid,
}
