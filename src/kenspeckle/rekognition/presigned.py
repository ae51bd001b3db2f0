"""Requests with their members in the URL, as botocore's `generate_presigned_url` makes them: the body is empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kenspeckle.rekognition.errors import serialization
from kenspeckle.rekognition.service_model import Model

_RESERVED = "X-Amz-"
_SIMPLE = ("string", "integer", "float")


def members(model: Model, operation: str, parameters: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The request, as it would be in JSON. `parameters` are decoded names and values of the query.

    Raises Refusal for members that a URL can't carry, such as a photograph."""
    shape = model.shapes[model.input(operation)]
    found: dict[str, Any] = {}
    for name, value in parameters:
        if name.startswith(_RESERVED) or name not in shape["members"]:
            continue
        member = model.shapes[shape["members"][name]["shape"]]
        if member["type"] == "list":
            found.setdefault(name, []).append(_value(model.shapes[member["member"]["shape"]]["type"], name, value))
        else:
            found[name] = _value(member["type"], name, value)
    return found


def _value(kind: str, name: str, value: str) -> str | float:
    if kind not in _SIMPLE:
        raise serialization(f"'{name}' can't be sent in a URL; presign a request with a body instead.")
    if kind == "string":
        return value
    try:
        return int(value) if kind == "integer" else float(value)
    except ValueError:
        raise serialization(f"STRING_VALUE can not be converted to a number at '{name}'.") from None
