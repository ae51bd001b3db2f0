"""The index as a projection of the catalog: before every search it replays the changes since, or reads everything
again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import IO

import numpy as np

from kenspeckle import cpu
from kenspeckle.domain import Collection, PackInfo, Vector
from kenspeckle.errors import OTHER_PACK, CollectionNotFound, PackMismatch
from kenspeckle.index.exact import ExactIndex
from kenspeckle.index.loaded import Loaded, LoadedBeside, replay, stack
from kenspeckle.index.saved_codes import SavedCodes, write
from kenspeckle.index.scan import Scanners
from kenspeckle.ports import Catalog, Stored, Successor

MOST_CHANGES = 50_000
"""Beyond this many changes, reading everything again is quicker than replaying."""

TRIES = 5
"""Most repetitions of a search, if rows are deleted while it is answered."""

FOLLOWED_FROM = 10_000
"""Faces or users from which loaded templates follow the catalog between searches; fewer are read anew in 50 ms."""

SAVED_SECONDS = 600.0
"""A collection that changes all the time is saved so often."""

IDLE = 3600.0
"""Seconds without a search after which loaded templates may go, once another collection needs memory."""


class _ReadAnew(Exception):
    """Another thread reads the collection at this moment."""


class FollowingIndex:
    """`ports.Index` over `catalog`; `dimension(collection)` says how many components a collection's templates have, and
    raises PackMismatch. Collections are read when first searched.

    A search of a large collection runs on up to `threads` threads, its own among them; None: as many as `cpu.cores`.
    Searches at the same time share the others. `clock` gives seconds and never goes back. `saved` keeps large
    collections for the next start."""

    def __init__(
        self,
        catalog: Catalog,
        dimension: Callable[[Collection], int],
        threads: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        saved: SavedCodes | None = None,
    ) -> None:
        self._saved = saved
        self._saved_at: dict[str, float] = {}
        self._catalog = catalog
        self._dimension = dimension
        self._clock = clock
        self._threads = cpu.cores() if threads is None else threads
        self._scanners: dict[int, Scanners] = {}
        self._loaded: dict[tuple[str, str], Loaded] = {}
        self._lock = threading.Lock()

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
        """As `ports.Index.search`. Raises PackMismatch where the collection's templates or the probe have another
        dimension than its pack, StorageUnavailable where one of them was damaged."""
        try:
            for _ in range(TRIES):
                matches, settled = self._search(collection_id, kind, probe, k, within, contract, revision)
                if settled:
                    break
                revision = None  # something was deleted since
            return matches
        except CollectionNotFound:
            self.forget(collection_id)
            raise

    def forget(self, collection_id: str) -> None:
        """As `ports.Index.forget`."""
        with self._lock:
            for key in [key for key in self._loaded if key[0] == collection_id]:
                del self._loaded[key]

    def load(self, collection_id: str, kind: str) -> int:
        """As `ports.Index.load`. Raises PackMismatch as `search`."""
        index = self._ready(collection_id, kind).index
        return 0 if index is None else len(index)

    def revision(self, collection_id: str, kind: str) -> int | None:
        """As `ports.Index.revision`."""
        with self._lock:
            loaded = self._loaded.get((collection_id, kind))
        return None if loaded is None else loaded.revision

    def prepare(
        self,
        collection_id: str,
        pack: PackInfo,
        snapshot: Callable[[], tuple[int, Iterable[tuple[Sequence[int], Vector]]]],
    ) -> Successor | None:
        """As `ports.Index.prepare`. Memory holds the collection twice until its successor takes over."""
        with self._lock:
            loaded = self._loaded.get((collection_id, "face"))
        if loaded is None or loaded.index is None:
            return None
        index = ExactIndex(self.scanners_of(pack.dimension))
        revision, batches = snapshot()
        for rows, templates in batches:
            if len(rows):
                index.put(rows, templates)
        self._saved_at.pop(collection_id, None)  # what is saved will be of the pack that it leaves
        return LoadedBeside(loaded, index, revision, pack.contract)

    def upkeep(self, *, last: bool = False) -> None:
        """As `ports.Index.upkeep`."""
        with self._lock:
            loaded = [(name, kind, one, one.index) for (name, kind), one in self._loaded.items()]
        for name, kind, one, index in loaded:
            if index is None:
                continue
            is_saved = self._saved is not None and kind == "face" and len(index) >= self._saved.least
            if not is_saved and (last or len(index) < FOLLOWED_FROM):
                continue
            try:
                self._catch_up(one, name, kind)
                due = last or self._clock() - self._saved_at.get(name, -SAVED_SECONDS) >= SAVED_SECONDS
                if is_saved and due and self._saved is not None:
                    self._save(name, one, self._saved)
            except CollectionNotFound:
                self.forget(name)

    def drop_outdated(self) -> None:
        """As `ports.Index.drop_outdated`."""
        if self._saved is not None:
            self._saved.drop_outdated()

    def close(self) -> None:
        """As `ports.Index.close`: end the threads. A search after this raises RuntimeError."""
        with self._lock:
            scanners = list(self._scanners.values())
        for one in scanners:
            one.close()

    def _search(
        self,
        collection_id: str,
        kind: str,
        probe: Vector,
        k: int,
        within: float,
        contract: str | None,
        revision: int | None,
    ) -> tuple[list[tuple[Stored, float]], bool]:
        """Matches, and whether every row that the index named was still there, so that none can be missing."""
        rows = None
        while rows is None:
            loaded = self._ready(collection_id, kind, revision)
            with loaded.lock.reading():
                # Another thread may be reading it again; then this one waits for the lock.
                if loaded.revision is not None and loaded.index is not None:
                    if contract not in (None, loaded.contract):
                        raise PackMismatch(OTHER_PACK, field="collection")
                    if probe.shape != (loaded.index.dimension,):
                        raise PackMismatch(
                            f"The probe has the shape {probe.shape}, but templates of the collection have "
                            f"{loaded.index.dimension} components.",
                            field="collection",
                        )
                    rows = loaded.index.candidates(probe, k, within)
        if not len(rows):
            return [], True
        stored = self._catalog.read_stored(collection_id, kind, rows.tolist(), contract=contract)
        if not stored:
            return [], False
        templates = stack([one.template for one in stored], len(probe))
        distances = np.linalg.norm(templates - probe, axis=1).tolist()
        found = [(one, distance) for one, distance in zip(stored, distances, strict=True) if distance <= within]
        found.sort(key=lambda match: (match[1], match[0].row))
        return found[:k], len(stored) == len(rows)

    def _ready(self, collection_id: str, kind: str, least: int | None = None) -> Loaded:
        """The templates at the newest revision or a later one; at `least` or a later one where they are loaded so."""
        loaded = self._entry(collection_id, kind)
        seen = loaded.revision
        if least is not None and seen is not None and seen >= least:
            return loaded
        self._catch_up(loaded, collection_id, kind)
        return loaded

    def _catch_up(self, loaded: Loaded, collection_id: str, kind: str) -> None:
        """Bring what is loaded to the newest revision or a later one. It is not searched by that: upkeep keeps nothing
        in memory."""
        want = self._catalog.revision(collection_id)
        seen = loaded.revision
        if seen != want:
            with loaded.update:
                if loaded.revision != seen:  # while this thread waited for the lock, another one has done the work
                    want = self._catalog.revision(collection_id)
                self._follow(loaded, collection_id, kind, want)

    def _entry(self, collection_id: str, kind: str) -> Loaded:
        """What is loaded, or a new entry, which first removes those that were not searched for long."""
        now = self._clock()
        with self._lock:
            loaded = self._loaded.get((collection_id, kind))
            if loaded is None:
                for key in [key for key, one in self._loaded.items() if now - one.searched > IDLE]:
                    del self._loaded[key]
                loaded = self._loaded[collection_id, kind] = Loaded()
            loaded.searched = now
        return loaded

    def _follow(self, loaded: Loaded, collection_id: str, kind: str, want: int) -> None:
        if loaded.revision == want:
            return
        if loaded.revision is not None and loaded.index is not None:
            changes = self._catalog.changes(collection_id, loaded.revision, MOST_CHANGES)
            if changes is not None:
                replay(loaded, loaded.index, kind, changes, want)
                return
        self._rebuild(loaded, collection_id, kind)

    def _save(self, collection_id: str, loaded: Loaded, saved: SavedCodes) -> None:
        """Unless what is saved is up to date."""
        if saved.revision(collection_id) == loaded.revision:
            return
        with saved.turn():
            self._catch_up(loaded, collection_id, "face")

            def write_codes(file: IO[bytes]) -> tuple[int, str]:
                with loaded.lock.reading():
                    if loaded.index is None or loaded.revision is None:
                        raise _ReadAnew
                    write(loaded.index, file)
                    return loaded.revision, loaded.contract

            with suppress(_ReadAnew):
                saved.save(collection_id, write_codes)
        self._saved_at[collection_id] = self._clock()

    def _restore(self, loaded: Loaded, collection: Collection) -> bool:
        """Load what was saved, and replay what came since; whether that is everything."""
        if self._saved is None:
            return False
        found = self._saved.load(
            collection.collection_id, collection.contract, self.scanners_of(self._dimension(collection))
        )
        if found is None:
            return False
        changes = self._catalog.changes(collection.collection_id, found.revision, MOST_CHANGES)
        if changes is None:
            return False
        now = self._catalog.collection(collection.collection_id)
        if now.contract != found.contract:
            return False
        with loaded.lock.writing():
            loaded.index, loaded.revision, loaded.contract = found.index, found.revision, found.contract
        replay(loaded, found.index, "face", changes, found.revision)
        return True

    def scanners_of(self, dimension: int) -> Scanners:
        with self._lock:
            if dimension not in self._scanners:
                self._scanners[dimension] = Scanners(dimension, self._threads)
            return self._scanners[dimension]

    def _rebuild(self, loaded: Loaded, collection_id: str, kind: str) -> None:
        fresh = loaded.index is None
        with loaded.lock.writing():
            # The outdated index is dropped first, so that memory never holds a collection twice.
            loaded.revision = None
            loaded.index = None
        collection = self._catalog.collection(collection_id)
        if kind == "face" and fresh and self._restore(loaded, collection):
            return
        while True:
            index = ExactIndex(self.scanners_of(self._dimension(collection)))
            revision, batches = self._catalog.snapshot(collection_id, kind)
            after = self._catalog.collection(collection_id)
            if after.contract == collection.contract:
                break
            collection = after  # it came to another pack in between, and the snapshot may be of either
        for rows, templates in batches:
            if len(rows):
                index.put(rows, templates)
        with loaded.lock.writing():
            loaded.index = index
            loaded.revision = revision
            loaded.contract = collection.contract
