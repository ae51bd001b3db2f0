"""The recognizer: the interface that every edge calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kenspeckle.domain.operations import A, Operation


class Recognizer(Protocol):
    """Called by every edge (REST, Amazon's and CompreFace's protocols, commands, Lambda), from many threads at once."""

    def handle(self, operation: Operation[A]) -> A:
        """Perform the operation. Raises the errors of `kenspeckle.errors`, NotOffered where this recognizer does not
        offer it."""
        ...

    def info(self, only: Sequence[str] | None = None) -> Mapping[str, object]:
        """Configuration, and counts, with `only` of the collections of these names; JSON-ready, never a secret."""
        ...

    def ready(self) -> None:
        """Raises where the model is not loaded or the catalog does not answer."""
        ...
