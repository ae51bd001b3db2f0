"""Builds an application's routes: every handler with an entry, behind the guard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from kenspeckle.api.appearances import Appearances
from kenspeckle.api.collections import Collections
from kenspeckle.api.edge import Edge
from kenspeckle.api.groups import Groups
from kenspeckle.api.guard import guard_routes
from kenspeckle.api.indexing import Indexing
from kenspeckle.api.jobs import Jobs
from kenspeckle.api.openapi import json_body, refusals
from kenspeckle.api.operations import Operations
from kenspeckle.api.people import People
from kenspeckle.api.photographs import Photographs
from kenspeckle.api.receipts import Receipts
from kenspeckle.api.recognition import Recognition
from kenspeckle.api.route import Entry, JsonBody, entry_of, handlers_of
from kenspeckle.api.users import Users
from kenspeckle.api.videos import Videos

GROUPS = (
    Recognition,
    Collections,
    Users,
    People,
    Groups,
    Photographs,
    Jobs,
    Indexing,
    Videos,
    Appearances,
    Receipts,
    Operations,
)
"""Classes of handlers that every application has."""

_DONE = {200: "Done.", 201: "Created.", 202: "Begun.", 204: "Deleted; the answer has no body."}


def entries(groups: Iterable[object] = GROUPS) -> Mapping[str, Entry]:
    """The routes of groups by their names."""
    found: dict[str, Entry] = {}
    for group in groups:
        for handler in handlers_of(group):
            entry = entry_of(handler)
            if found.setdefault(entry.name, entry) is not entry:
                raise ValueError(f"two routes are called {entry.name}")
    return found


def add_routes(app: FastAPI, edge: Edge, more: Sequence[object] = (), *, described: bool = False) -> None:
    """Every route of the groups and of `more`. Where two fit a request, the first one answers it. `described`: with
    bodies, answers and refusals, for the OpenAPI document; to serve needs none of them, and they take a tenth of a
    start."""
    app.router.route_class = guard_routes(edge)
    groups = (
        Recognition(edge),
        Collections(edge),
        Users(edge),
        People(edge),
        Groups(edge),
        Photographs(edge),
        Jobs(edge),
        Indexing(edge),
        Receipts(edge),
        Videos(edge),
        Appearances(edge),
        Operations(edge, app),
        *more,
    )
    entries(groups)
    for group in groups:
        for handler in handlers_of(group):
            _add(app, handler, entry_of(handler), _description_of(handler) if described else {})


def _add(app: FastAPI, handler: Callable[..., Any], entry: Entry, description: Mapping[str, Any]) -> None:
    for method in entry.methods:
        app.add_api_route(
            entry.path,
            handler,
            methods=[method],
            name=entry.name,
            operation_id=entry.name if method == entry.methods[0] else f"{entry.name}_{method.lower()}",
            response_model=None,
            response_class=Response,
            status_code=entry.status,
            **description,
        )


def _description_of(handler: Callable[..., Any]) -> Mapping[str, Any]:
    entry = entry_of(handler)
    body = entry.body if not isinstance(entry.body, JsonBody) else json_body(entry.body.model, entry.body.example)
    return {
        "tags": [entry.tag],
        "summary": _summary(handler),
        "description": _description(handler),
        "responses": {**_success(entry), **refusals(entry.codes)},
        "openapi_extra": None if body is None else {"requestBody": body},
    }


def _success(entry: Entry) -> dict[int | str, dict[str, Any]]:
    if entry.answer is not None:
        content = {"application/json": {} if entry.example is None else {"example": entry.example()}}
        found: dict[int | str, dict[str, Any]] = {
            status: {"model": entry.answer, "content": content, "description": _DONE[status]}
            for status in (entry.status, *entry.also)
            if status != 204
        }
        if 204 in entry.also:
            found[204] = {"description": _DONE[204]}
        return found
    if entry.media:
        kind = {"type": "string"} if entry.media.startswith("text/") else {"type": "string", "format": "binary"}
        schema = {"type": "object"} if entry.media == "application/json" else kind
        return {entry.status: {"content": {entry.media: {"schema": schema}}, "description": _DONE[entry.status]}}
    return {entry.status: {"description": _DONE[entry.status]}}


def _lines(handler: Callable[..., Any]) -> list[str]:
    return [line.strip() for line in (handler.__doc__ or "").strip().splitlines()]


def _summary(handler: Callable[..., Any]) -> str:
    return " ".join(_lines(handler)).split(". ")[0].split("; ")[0].rstrip(".")


def _description(handler: Callable[..., Any]) -> str:
    """What the docstring says after its first line. All of it where that line is not a paragraph by itself, whose last
    sentence would be cut in the middle, or where it says no more."""
    lines = _lines(handler)
    alone = len(lines) > 1 and not lines[1]
    return "\n".join(lines[1:] if alone else lines).strip()
