"""What a row of the table of requests says: how an operation is asked of the REST API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kenspeckle.domain import Erased
from kenspeckle.domain.operations import Kind
from kenspeckle.shapes import load
from kenspeckle.shapes.load import Json

A = TypeVar("A")
OpT = TypeVar("OpT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `path` has fields of the operation in braces; `{collection}` is its collection, or the server's
    default one where it names none. `query` are fields sent as parameters, each under its own name or as `name=field`.
    The body is the photograph in the field `photograph`, those of `photographs`, `json`, or the `file` of a path.
    `load` makes the answer of JSON; without it the answer is the body's bytes."""

    method: Callable[[Any], str]
    path: Callable[[Any], str]
    load: Callable[[Json, Any], Any] | None
    query: Sequence[str]
    photograph: str
    photographs: Sequence[str]
    json: Callable[[Any], Json] | None
    headers: Callable[[Any], Mapping[str, str]]
    file: Callable[[Any], str] | None = None


def row(
    kind: Kind[OpT, A],
    method: str | Callable[[OpT], str],
    path: str | Callable[[OpT], str],
    load: Callable[[Json, OpT], A] | None = None,
    *,
    query: Sequence[str] = (),
    photograph: str = "",
    photographs: Sequence[str] = (),
    json: Callable[[OpT], Json] | None = None,
    headers: Callable[[OpT], Mapping[str, str]] = lambda _: {},
    file: Callable[[OpT], str] | None = None,
) -> tuple[Any, Request]:
    request = Request(
        method=method if callable(method) else lambda _: method,
        path=path if callable(path) else lambda _: path,
        load=load,
        query=query,
        photograph=photograph,
        photographs=photographs,
        json=json,
        headers=headers,
        file=file,
    )
    return kind, request


def erasure(
    kind: Kind[OpT, Erased],
    path: str,
    *,
    query: Sequence[str] = (),
) -> tuple[Any, Request]:
    return row(kind, "DELETE", path, lambda answer, _: load.erased(answer), query=query)
