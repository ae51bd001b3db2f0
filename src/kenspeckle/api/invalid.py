"""Translates pydantic's errors of parameters and JSON into InvalidValue, without pydantic's wording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kenspeckle.api.queries import RULES
from kenspeckle.errors import InvalidValue


def of(found: Sequence[Mapping[str, Any]]) -> InvalidValue:
    """The domain error for the first of pydantic's errors. `field` is the name of the parameter, or the path inside the
    body."""
    error = found[0]
    place = [str(part) for part in error["loc"] if part not in ("query", "path", "body")]
    if error["type"] == "json_invalid":
        return InvalidValue("The body is no JSON. Send an object, as the route's example in /docs shows.", field="body")
    if not place:
        return InvalidValue("The body must be a JSON object, as the route's example in /docs shows.", field="body")
    field = ".".join(place)[:100]
    if error["type"] == "missing":
        return InvalidValue(f"{field} is missing; the route's example in /docs shows it.", field=field)
    if error["type"] == "extra_forbidden":
        return InvalidValue(f"{field!r} is not known here; the route's example in /docs shows what is.", field=field)
    shown = repr(error.get("input"))
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    if field in RULES:
        return InvalidValue(f"{field} must be {RULES[field]}; {shown} is not.", field=field)
    return InvalidValue(f"{field} breaks a rule: {str(error['msg']).removeprefix('Value error, ')[:200]}", field=field)
