"""What finds the nearest templates."""

from __future__ import annotations

from typing import Protocol

from kenspeckle.domain import Vector
from kenspeckle.ports.catalog import Stored


class Index(Protocol):
    """Nearest templates of a collection; a projection of the catalog that follows its revisions."""

    def search(self, collection_id: str, kind: str, probe: Vector, k: int, within: float) -> list[tuple[Stored, float]]:
        """At most k faces (`kind` face) or users (`kind` user) at a Euclidean distance of `within` or less, nearest
        first, with exact float32 distances, at the collection's newest revision. Raises CollectionNotFound."""
        ...

    def load(self, collection_id: str, kind: str) -> int:
        """Bring what is held of a collection up to date before anyone searches it; how many templates it has. Raises
        CollectionNotFound."""
        ...

    def revision(self, collection_id: str, kind: str) -> int | None:
        """The collection's revision that is held now; None where nothing is."""
        ...

    def forget(self, collection_id: str) -> None:
        """Drop what is held for a collection that was deleted."""
        ...

    def close(self) -> None:
        """Let go of threads and connections; nothing is searched after this."""
        ...
