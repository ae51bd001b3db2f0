"""The table of routes: path, handler, what it answers and how it can fail. `rights` has the same names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import Response

from kenspeckle.api import examples, schemas
from kenspeckle.api.collections import Collections
from kenspeckle.api.edge import Edge
from kenspeckle.api.openapi import PAIR, PHOTOGRAPH, json_body, refusals
from kenspeckle.api.operations import Operations
from kenspeckle.api.recognition import Recognition
from kenspeckle.api.rights import RIGHTS, guarded
from kenspeckle.api.users import Users

_FACES = {"FaceIds": [examples.FACE_ID]}
_BODIES: dict[str, dict[str, Any]] = {
    "index": PHOTOGRAPH,
    "search": PHOTOGRAPH,
    "detect": PHOTOGRAPH,
    "search_users_by_image": PHOTOGRAPH,
    "compare": PAIR,
    "create_collection": json_body(schemas.NewCollection, {"CollectionId": "visitors", "Tags": {"site": "lobby"}}),
    "ensure_collection": json_body(schemas.CollectionChange, {"RetentionDays": 30}),
    "delete_faces": json_body(schemas.FaceIds, _FACES),
    "disassociate_faces": json_body(schemas.FaceIds, _FACES),
    "associate_faces": json_body(schemas.AssociatedFaceIds, {**_FACES, "UserMatchThreshold": 75}),
}
_PHOTOGRAPH = (
    "request_timeout",
    "image_too_large",
    "unsupported_image",
    "damaged_image",
    "image_too_small",
    "overloaded",
)
_KEYED = ("unauthenticated", "forbidden", "overloaded", "storage_unavailable", "recognizer_unavailable")
_HERE = ("collection_not_found",)
_BOUND = ("collection_not_found", "pack_mismatch")
_LISTED = ("invalid_cursor",)


@dataclass(frozen=True, slots=True)
class Entry:
    """One route. `model` describes its JSON answer; `media` the type of an answer that is none."""

    methods: tuple[str, ...]
    path: str
    tag: str
    model: type[BaseModel] | None
    codes: tuple[str, ...] = ()
    status: int = 200
    media: str = ""
    also: tuple[int, ...] = ()


_DONE = {200: "Done.", 201: "Created.", 204: "Deleted; the answer has no body."}
_C = "/v1/collections/{collection_id}"
TABLE: dict[str, Entry] = {
    "index": Entry(
        ("PUT",),
        "/v1/index/{filename:path}",
        "recognition",
        schemas.IndexFaces,
        (*_PHOTOGRAPH, *_BOUND, "storage_full"),
    ),
    "search": Entry(("POST", "PUT"), "/v1/search", "recognition", schemas.Search, (*_PHOTOGRAPH, "no_face", *_BOUND)),
    "detect": Entry(("POST",), "/v1/detect", "recognition", schemas.DetectFaces, _PHOTOGRAPH),
    "compare": Entry(("POST",), "/v1/compare", "recognition", schemas.CompareFaces, (*_PHOTOGRAPH, "no_face")),
    "info": Entry(("GET",), "/v1/info", "operations", schemas.Info),
    "list_collections": Entry(("GET",), "/v1/collections", "collections", schemas.CollectionList, _LISTED),
    "create_collection": Entry(
        ("POST",), "/v1/collections", "collections", schemas.Collection, ("already_exists", "storage_full"), 201
    ),
    "ensure_collection": Entry(("PUT",), _C, "collections", schemas.Collection, ("storage_full",), also=(201,)),
    "describe_collection": Entry(("GET",), _C, "collections", schemas.Collection, _HERE),
    "delete_collection": Entry(("DELETE",), _C, "collections", schemas.DeletedFaces, _HERE, 200, also=(204,)),
    "list_faces": Entry(("GET",), _C + "/faces", "faces", schemas.FaceList, (*_HERE, "user_not_found", *_LISTED)),
    "delete_identity": Entry(("DELETE",), _C + "/faces", "faces", schemas.DeletedFaces, (*_HERE, "identity_not_found")),
    "delete_faces": Entry(("POST",), _C + "/faces/delete", "faces", schemas.DeletedFaces, _HERE),
    "get_face": Entry(("GET",), _C + "/faces/{face_id}", "faces", schemas.FaceRecord, (*_HERE, "face_not_found")),
    "delete_face": Entry(
        ("DELETE",),
        _C + "/faces/{face_id}",
        "faces",
        schemas.DeletedFaces,
        (*_HERE, "face_not_found", "conflict"),
    ),
    "search_face": Entry(
        ("POST",), _C + "/faces/{face_id}/search", "faces", schemas.SearchFaces, (*_BOUND, "face_not_found")
    ),
    "list_users": Entry(("GET",), _C + "/users", "users", schemas.UserList, (*_HERE, *_LISTED)),
    "search_users_by_image": Entry(
        ("POST",), _C + "/users/search", "users", schemas.SearchUsersByImage, (*_PHOTOGRAPH, *_BOUND)
    ),
    "ensure_user": Entry(("PUT",), _C + "/users/{user_id}", "users", schemas.UserDescription, _HERE, also=(201,)),
    "get_user": Entry(("GET",), _C + "/users/{user_id}", "users", schemas.UserDescription, (*_HERE, "user_not_found")),
    "delete_user": Entry(
        ("DELETE",),
        _C + "/users/{user_id}",
        "users",
        schemas.DeletedFaces,
        (*_HERE, "user_not_found"),
        200,
        also=(204,),
    ),
    "associate_faces": Entry(
        ("POST",),
        _C + "/users/{user_id}/faces",
        "users",
        schemas.AssociateFaces,
        (*_HERE, "user_not_found", "quota_exceeded"),
    ),
    "disassociate_faces": Entry(
        ("POST",),
        _C + "/users/{user_id}/faces/delete",
        "users",
        schemas.DisassociateFaces,
        (*_HERE, "user_not_found"),
    ),
    "disassociate_face": Entry(
        ("DELETE",),
        _C + "/users/{user_id}/faces/{face_id}",
        "users",
        schemas.DisassociateFaces,
        (*_HERE, "user_not_found", "face_not_found"),
    ),
    "search_user": Entry(
        ("POST",), _C + "/users/{user_id}/search", "users", schemas.SearchUsers, (*_BOUND, "user_not_found")
    ),
    "image": Entry(
        ("GET",), "/v1/images/{key:path}", "faces", None, (*_HERE, "image_not_found", "not_offered"), media="image/*"
    ),
    "delete_image": Entry(
        ("DELETE",), "/v1/images/{key:path}", "faces", schemas.DeletedFaces, (*_HERE, "image_not_found")
    ),
    "thumbnail": Entry(
        ("GET",),
        "/v1/faces/{face_id}/thumbnail",
        "faces",
        None,
        (*_HERE, "face_not_found", "image_not_found", "overloaded"),
        media="image/jpeg",
    ),
    "healthz": Entry(("GET",), "/healthz", "operations", schemas.Status),
    "readyz": Entry(("GET",), "/readyz", "operations", schemas.Status, ("model_missing", "storage_unavailable")),
    "metrics": Entry(("GET",), "/metrics", "operations", None, media="text/plain"),
    "openapi": Entry(("GET",), "/openapi.json", "operations", None, media="application/json"),
    "docs": Entry(("GET",), "/docs", "operations", None, media="text/html"),
}
"""By the name of the handler. Order matters where paths overlap: `faces/delete` before `faces/{face_id}`."""


def add_routes(app: FastAPI, edge: Edge) -> None:
    """Give the application every route of the table, each behind the guard of `rights`."""
    handlers = (Recognition(edge), Collections(edge), Users(edge), Operations(edge, app))
    shown = examples.answers()
    app.router.route_class = guarded(edge)
    for name, entry in TABLE.items():
        handler = _handler(handlers, name)
        for method in entry.methods:
            app.add_api_route(
                entry.path,
                handler,
                methods=[method],
                name=name,
                operation_id=name if method == entry.methods[0] else f"{name}_{method.lower()}",
                tags=[entry.tag],
                summary=_summary(handler),
                description=_description(handler),
                response_model=None,
                response_class=Response,
                status_code=entry.status,
                responses={**_success(entry, shown.get(name)), **refusals(_codes(name, entry))},
                openapi_extra={"requestBody": _BODIES[name]} if name in _BODIES else None,
            )


def _handler(handlers: tuple[object, ...], name: str) -> Callable[..., Awaitable[Response]]:
    found: Callable[..., Awaitable[Response]] = next(getattr(one, name) for one in handlers if hasattr(type(one), name))
    return found


def _codes(name: str, entry: Entry) -> tuple[str, ...]:
    """Error codes of the route, those of all routes included, each once."""
    keyed = _KEYED if RIGHTS[name] is not None else ()
    return tuple(dict.fromkeys((*keyed, *entry.codes, "invalid_value", "internal_error")))


def _success(entry: Entry, example: dict[str, Any] | None) -> dict[int | str, dict[str, Any]]:
    if entry.model is not None:
        content = {"application/json": {"example": example}}
        found: dict[int | str, dict[str, Any]] = {
            status: {"model": entry.model, "content": content, "description": _DONE[status]}
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
    """What the docstring says after its first line, or that line where it says no more."""
    lines = _lines(handler)
    return "\n".join(lines[1:]).strip() or lines[0]
