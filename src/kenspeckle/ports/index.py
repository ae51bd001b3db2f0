"""The search index: finds the nearest templates."""

from __future__ import annotations

from typing import Protocol

from kenspeckle.domain import Vector
from kenspeckle.ports.catalog import Stored


class Index(Protocol):
    """Nearest templates of a collection; a projection of the catalog that follows its revisions."""

    def search(
        self, collection_id: str, kind: str, probe: Vector, k: int, within: float, *, contract: str | None = None
    ) -> list[tuple[Stored, float]]:
        """At most k faces (`kind` face) or users (`kind` user) at a Euclidean distance of `within` or less, nearest
        first, with exact float32 distances, at the collection's newest revision. `contract` is that of the probe.

        Raises CollectionNotFound, and PackMismatch where the templates, or some of them, are of another contract."""
        ...

    def load(self, collection_id: str, kind: str) -> int:
        """Bring the loaded templates of a collection up to date before the first search; returns their number. Raises
        CollectionNotFound."""
        ...

    def revision(self, collection_id: str, kind: str) -> int | None:
        """The collection's revision that is loaded now; None where nothing is loaded."""
        ...

    def forget(self, collection_id: str) -> None:
        """Drop the loaded templates of a deleted collection."""
        ...

    def upkeep(self, *, last: bool = False) -> None:
        """Bring large collections that are loaded up to date, so that no search has to read one again, and save those
        that changed for the next start, now and then, or now as the `last`. Raises StorageFull, StorageUnavailable."""
        ...

    def drop_outdated(self) -> None:
        """Remove saved collections that may hold what was deleted. Raises StorageUnavailable."""
        ...

    def close(self) -> None:
        """End threads and connections; no search may follow."""
        ...
