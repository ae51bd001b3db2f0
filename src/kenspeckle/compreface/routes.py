"""All routes of CompreFace's protocol, and the answer to unknown paths."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kenspeckle.compreface import errors, faces, recognition, subjects
from kenspeckle.compreface.edge import Edge, Endpoint, Entry

ENTRIES: tuple[Entry, ...] = (*subjects.ENTRIES, *recognition.ENTRIES, *faces.ENTRIES)

METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]


def routes(edge: Edge) -> list[Route]:
    """The routes, more exact ones first; with and without a slash at the end, as CompreFace's own clients send both."""
    found = []
    for entry in ENTRIES:
        endpoint = Endpoint(edge, entry)
        paths = (entry.path,) if entry.path.endswith(":path}") else (entry.path, entry.path + "/")
        found += [Route(path, endpoint.__call__, methods=[entry.method]) for path in paths]
    return [*found, Route("/api/v1/{rest:path}", _nowhere, methods=METHODS, name="compreface")]


async def _nowhere(request: Request) -> Response:
    request.scope["route"] = None
    listed = "docs/compreface.md lists the routes that there are"
    return errors.answer_error(404, 0, f"There is no {request.method} {request.url.path[:100]} here; {listed}.")
