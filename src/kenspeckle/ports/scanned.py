"""How much a request has searched approximately: counted by the index, read by the edges and the metrics.

A context variable carries the count, so that answers of the core need no member for it: it says how they were found,
not what was found."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Scanned:
    """Faces that were searched, by how."""

    approximate: int = 0
    exact: int = 0

    @property
    def text(self) -> str:
        """How many of them were searched approximately."""
        return f"{self.approximate} of {self.approximate + self.exact}"


_SCANNED: ContextVar[Scanned | None] = ContextVar("scanned", default=None)


def begin() -> Scanned:
    """Count from now on in this context, and in threads that get a copy of it."""
    counted = Scanned()
    _SCANNED.set(counted)
    return counted


def add(approximate: int, exact: int) -> None:
    """A search has looked through so many faces."""
    counted = _SCANNED.get()
    if counted is not None:
        counted.approximate += approximate
        counted.exact += exact
