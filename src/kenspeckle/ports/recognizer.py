"""What every edge speaks to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kenspeckle.domain.operations import A, Operation


class Recognizer(Protocol):
    """What every edge (REST, wire, command line, Lambda) speaks to. Called from many threads at once."""

    def handle(self, operation: Operation[A]) -> A:
        """Do it. Raises the errors of `kenspeckle.errors`, NotOffered where this recognizer does not do it."""
        ...

    def info(self, only: Sequence[str] | None = None) -> Mapping[str, object]:
        """Configuration, and counts, with `only` of the collections of these names; JSON-ready, never a secret."""
        ...

    def ready(self) -> None:
        """Raises where the model is not loaded or the catalog does not answer."""
        ...
