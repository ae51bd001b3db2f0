"""The declaration of a route: one entry above its handler has path, right, parameters, answer and errors. Guard,
application, OpenAPI document and manual are generated from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from kenspeckle.domain import Of, Right, Scope

Handler = TypeVar("Handler", bound=Callable[..., Any])
Example = Callable[[], Mapping[str, Any]]

OPEN = None
"""The right of a route without a key."""

ADMIN = Right(Scope.ADMIN, Of.SERVICE)
"""Of routes for administrators of the whole service."""

KEYED = ("unauthenticated", "forbidden", "overloaded", "storage_unavailable")
RECOGNIZER = ("recognizer_unavailable",)
PHOTOGRAPH = (
    "request_timeout",
    "image_too_large",
    "unsupported_image",
    "damaged_image",
    "image_too_small",
    "overloaded",
)
HERE = ("collection_not_found",)
BOUND = ("collection_not_found", "pack_mismatch")
LISTED = ("invalid_cursor",)
EVERYWHERE = ("invalid_value", "internal_error")

_ENTRY = "entry"


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A body that is JSON of the model."""

    model: type[BaseModel]
    example: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One route. Its name is its handler's, its text the handler's docstring, its query the handler's parameter
    `query`. `right` is None for routes that need no key. `answer` describes JSON, with an example; `media` is the type
    of an answer that is none. `also` are other statuses of success, `codes` the errors that not every route has."""

    name: str
    methods: tuple[str, ...]
    path: str
    tag: str
    right: Right | None
    body: Mapping[str, Any] | JsonBody | None
    answer: type[BaseModel] | None
    example: Example | None
    media: str
    status: int
    also: tuple[int, ...]
    codes: tuple[str, ...]


def route(
    methods: str,
    path: str,
    *,
    tag: str,
    right: Right | None,
    body: Mapping[str, Any] | JsonBody | None = None,
    answer: type[BaseModel] | None = None,
    example: Example | None = None,
    media: str = "",
    status: int = 200,
    also: tuple[int, ...] = (),
    codes: tuple[str, ...] = (),
    recognizes: bool = True,
) -> Callable[[Handler], Handler]:
    """Declare the method below as a route's handler. `methods` are HTTP's, the first one names the operation in the
    OpenAPI document; `recognizes` says that the recognizer is called, which may be unreachable."""
    keyed = () if right is OPEN else (*KEYED, *(RECOGNIZER if recognizes else ()))

    def declare(handler: Handler) -> Handler:
        entry = Entry(
            name=handler.__name__,
            methods=tuple(methods.split()),
            path=path,
            tag=tag,
            right=right,
            body=body,
            answer=answer,
            example=example,
            media=media,
            status=status,
            also=also,
            codes=tuple(dict.fromkeys((*keyed, *codes, *EVERYWHERE))),
        )
        setattr(handler, _ENTRY, entry)
        return handler

    return declare


def entry_of(handler: Callable[..., Any]) -> Entry:
    """Raises KeyError with the handler's name where it was declared to be no route."""
    found = getattr(handler, _ENTRY, None)
    if not isinstance(found, Entry):
        raise KeyError(f"{handler.__name__} has no entry: put api.route.route above it")
    return found


def handlers_of(group: object) -> Iterator[Callable[..., Any]]:
    """The routes' handlers of a class or an instance of it, in the order of their definition."""
    kind = group if isinstance(group, type) else type(group)
    for name, value in vars(kind).items():
        if hasattr(value, _ENTRY):
            yield getattr(group, name)
