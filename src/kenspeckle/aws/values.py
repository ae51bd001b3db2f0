"""Converts plain data to DynamoDB's typed values and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Item: TypeAlias = Mapping[str, Any]
"""A row as plain data: text, numbers, truth, lists, mappings, sets of text."""


def pack(item: Item) -> dict[str, Any]:
    """The row as DynamoDB takes it; what is None is left out."""
    return {name: _pack(value) for name, value in item.items() if value is not None}


def unpack(item: Mapping[str, Any]) -> dict[str, Any]:
    """The row as plain data; numbers are int where they are whole as written, else float."""
    return {name: _unpack(value) for name, value in item.items()}


def _pack(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case Mapping():
            return {"M": pack(value)}
        case list() | tuple():
            return {"L": [_pack(one) for one in value]}
        case set() | frozenset():
            return {"SS": sorted(value)}
    raise TypeError(f"DynamoDB has no type for {type(value).__name__}")


def _unpack(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return int(content) if content.lstrip("-").isdigit() else float(content)
        case "M":
            return unpack(content)
        case "L":
            return [_unpack(one) for one in content]
        case "SS":
            return frozenset(content)
        case "NULL":
            return None
    return content
