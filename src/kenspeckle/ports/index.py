"""The search index: finds the nearest templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from kenspeckle.domain import PackInfo, Vector
from kenspeckle.ports.catalog import Change, Stored


class Successor(Protocol):
    """Templates of another pack, loaded beside those that are searched until their collection comes to that pack."""

    @property
    def revision(self) -> int:
        """The collection's revision at which they were read."""
        ...

    def hold(self) -> AbstractContextManager[None]:
        """While the collection comes to its pack: searches that see it there wait for the end of the block."""
        ...

    def take_over(self, revision: int, changes: Sequence[Change] | None) -> None:
        """Within `hold`: be searched from now on, as of `revision`, with what changed since they were read. Where that
        is not known, the next search reads all anew."""
        ...


class Index(Protocol):
    """Nearest templates of a collection; a projection of the catalog that follows its revisions."""

    def search(
        self,
        collection_id: str,
        kind: str,
        probe: Vector,
        k: int,
        within: float,
        *,
        contract: str | None = None,
        revision: int | None = None,
    ) -> list[tuple[Stored, float]]:
        """At most k faces (`kind` face) or users (`kind` user) at a Euclidean distance of `within` or less, nearest
        first, with exact float32 distances, at the collection's newest revision, or at `revision` or a later one, as
        the caller has just read it; never one that is deleted. `contract` is that of the probe.

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

    def prepare(
        self,
        collection_id: str,
        pack: PackInfo,
        snapshot: Callable[[], tuple[int, Iterable[tuple[Sequence[int], Vector]]]],
    ) -> Successor | None:
        """Load the templates of another pack for a collection's faces, which `snapshot` gives as that of a catalog
        does. None where the collection is not loaded, so that a search would read it anyway."""
        ...

    def upkeep(self, *, last: bool = False) -> None:
        """Bring large collections that are loaded up to date, so that no search has to read one anew, also after
        another process has brought it to another pack. Save those that changed for the next start, where they are
        saved, now and then, or now as the `last`. Raises StorageFull, StorageUnavailable."""
        ...

    def drop_outdated(self) -> None:
        """Remove saved collections that may hold what was deleted. Raises StorageUnavailable."""
        ...

    def close(self) -> None:
        """End threads and connections; no search may follow."""
        ...
