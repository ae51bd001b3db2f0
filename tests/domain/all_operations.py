"""All operations, found where they are defined, so that none is forgotten by a table."""

from __future__ import annotations

from typing import Any

from kenspeckle.domain import operations as ops

OPERATIONS: list[type[ops.Operation[Any]]] = [
    kind
    for kind in vars(ops).values()
    if isinstance(kind, type) and issubclass(kind, ops.Operation) and hasattr(kind, "right")
]
