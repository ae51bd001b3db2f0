"""The index whose large collections lie in a vector database: their bulk is searched there, what is newer in process.

The catalog stays the truth. It names the state that a mirror has come to; changes since are replayed here, rows that
changed are taken from here alone, and every row that is answered was read from the catalog and scored in float32. So a
face is found as soon as it is stored and is gone as soon as it is deleted, however far the mirror is behind.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from kenspeckle.domain import PackInfo, Vector
from kenspeckle.errors import OTHER_PACK, CollectionNotFound, PackMismatch, StorageUnavailable
from kenspeckle.index.beside import Beside
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.loaded import stack
from kenspeckle.ports import (
    Catalog,
    Index,
    Mirror,
    MirrorBounds,
    Mirrored,
    MirrorLost,
    Mirrors,
    MirrorState,
    Stored,
    Successor,
    VectorStore,
    scanned,
)

log = logging.getLogger(__name__)

FACE = "face"
ASKED, MORE = 4, 48
"""A mirror is asked for so many times the matches that are wanted, and so many more: its order is approximate."""

MOST = 16_384
"""Rows that it is asked for at most."""

TRUST_SECONDS = 30.0
"""How long a mirror is searched until it is looked at again whether it still is what the catalog says."""

TRIES = 5


class _Unusable(Exception):
    """A mirror can't be searched now; its text says why."""


class MirroredIndex:
    """Implements `ports.Index` over `exact`, which has everything that is not mirrored: small collections, users, and
    what can't be searched at the mirror."""

    def __init__(
        self,
        exact: FollowingIndex,
        catalog: Catalog,
        mirrors: Mirrors,
        store: VectorStore,
        bounds: MirrorBounds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exact = exact
        self._catalog = catalog
        self._mirrors = mirrors
        self._store = store
        self._bounds = bounds
        self._clock = clock
        self._lock = threading.Lock()
        self._beside: dict[str, Beside] = {}
        self._trusted: dict[tuple[int, int], float] = {}
        self._fallen_back: set[str] = set()

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
        """As `ports.Index.search`. Raises StorageUnavailable, with `retry_after`, where a large collection's mirror
        can't be searched."""
        if kind != FACE:
            return self._exact.search(collection_id, kind, probe, k, within, contract=contract, revision=revision)
        try:
            collection = self._mirrors.describe_mirrored(collection_id)
        except CollectionNotFound:
            self.forget(collection_id)
            raise
        try:
            found = self._search(collection, probe, k, within, contract)
        except _Unusable as reason:
            self._check_fallback(collection, str(reason))
            scanned.add(0, collection.faces)
            return self._exact.search(collection_id, kind, probe, k, within, contract=contract, revision=revision)
        self._back(collection_id)
        return found

    def load(self, collection_id: str, kind: str) -> int:
        """As `ports.Index.load`: of a mirrored collection what is newer than its mirror."""
        if kind != FACE:
            return self._exact.load(collection_id, kind)
        collection = self._mirrors.describe_mirrored(collection_id)
        try:
            return len(self._follow(collection, self._trust_mirror(collection)))
        except _Unusable as reason:
            self._check_fallback(collection, str(reason))
            return self._exact.load(collection_id, kind)

    def revision(self, collection_id: str, kind: str) -> int | None:
        """As `ports.Index.revision`, of what is in process."""
        return self._exact.revision(collection_id, kind)

    def forget(self, collection_id: str) -> None:
        """As `ports.Index.forget`."""
        with self._lock:
            self._beside.pop(collection_id, None)
            self._fallen_back.discard(collection_id)
        self._exact.forget(collection_id)

    def prepare(
        self,
        collection_id: str,
        pack: PackInfo,
        snapshot: Callable[[], tuple[int, Iterable[tuple[Sequence[int], Vector]]]],
    ) -> Successor | None:
        """As `ports.Index.prepare`, of what is in process."""
        return self._exact.prepare(collection_id, pack, snapshot)

    def upkeep(self, *, last: bool = False) -> None:
        """As `ports.Index.upkeep`."""
        self._exact.upkeep(last=last)

    def drop_outdated(self) -> None:
        """As `ports.Index.drop_outdated`."""
        self._exact.drop_outdated()

    def close(self) -> None:
        """As `ports.Index.close`."""
        self._exact.close()
        self._store.close()

    def _search(
        self, collection: Mirrored, probe: Vector, k: int, within: float, contract: str | None
    ) -> list[tuple[Stored, float]]:
        """Raises _Unusable."""
        for _ in range(TRIES):
            mirror = self._trust_mirror(collection)
            if contract not in (None, mirror.contract):
                raise PackMismatch(OTHER_PACK, field="collection")
            if probe.shape != (mirror.dimension,):
                raise PackMismatch(
                    f"The probe has the shape {probe.shape}, but templates of the collection have {mirror.dimension} "
                    "components.",
                    field="collection",
                )
            if k < 1 or not np.isfinite(probe).all():
                return []
            beside = self._follow(collection, mirror)
            try:
                found = self._matches(mirror, beside, probe, k, within, contract)
            except MirrorLost as error:
                collection = self._mirrors.describe_mirrored(collection.collection_id)
                now = collection.current(self._store.place)
                if now is None or now.row == mirror.row:
                    self._doubt(mirror, error.message)
                    raise _Unusable(error.message) from error
                continue  # another one has taken its place
            scanned.add(mirror.faces, len(beside))
            return found
        raise _Unusable("another one takes its place all the time")

    def _matches(
        self, mirror: Mirror, beside: Beside, probe: Vector, k: int, within: float, contract: str | None
    ) -> list[tuple[Stored, float]]:
        ask = ASKED * k + MORE
        while True:
            there = self._ask(mirror, probe, ask)
            kept = beside.keep_unchanged(there)
            rows = list(dict.fromkeys([*kept, *beside.candidates(probe, k, within).tolist()]))
            stored = self._catalog.read_stored(mirror.collection_id, FACE, rows, contract=contract) if rows else []
            near = _score(stored, probe, within)
            # What changed since takes places of what did not; where too many did, more is asked for.
            if len(kept) >= min(k, len(there)) or len(there) < ask or ask >= MOST:
                return near[:k]
            ask = min(MOST, 4 * ask)

    def _ask(self, mirror: Mirror, probe: Vector, ask: int) -> list[int]:
        try:
            return self._store.search(mirror.name, probe, ask, mirror.stamp)
        except MirrorLost:
            raise
        except StorageUnavailable as error:
            raise _Unusable(error.message) from error

    def _trust_mirror(self, collection: Mirrored) -> Mirror:
        """The collection's mirror, looked at not long ago. Raises _Unusable."""
        mirror = collection.current(self._store.place)
        if mirror is None or (collection.encrypted and not self._bounds.encrypted):
            raise _Unusable("its templates are not there yet")
        if mirror.state is not MirrorState.READY:
            raise _Unusable(f"it differs from the catalog and is being repaired from it ({self._store.place})")
        key, now = (mirror.row, mirror.revision), self._clock()
        if now - self._trusted.get(key, -TRUST_SECONDS) < TRUST_SECONDS:
            return mirror
        try:
            marked = self._store.read_mark(mirror.name, mirror.stamp)
        except MirrorLost as error:
            self._doubt(mirror, error.message)
            raise _Unusable(error.message) from error
        except StorageUnavailable as error:
            raise _Unusable(error.message) from error
        # While it is brought up to date it may be marked with where it comes to, and hold some of the changes.
        if marked is None or not mirror.revision <= marked <= max(mirror.revision, mirror.target):
            reason = f"Milvus at {self._store.place} holds revision {marked} of it, and not {mirror.revision}"
            self._doubt(mirror, reason)
            raise _Unusable(reason)
        with self._lock:
            self._trusted = {one: at for one, at in self._trusted.items() if one[0] != mirror.row}
            self._trusted[key] = now
        return mirror

    def _follow(self, collection: Mirrored, mirror: Mirror) -> Beside:
        """What is newer than the mirror, at the newest revision. Raises _Unusable."""
        with self._lock:
            beside = self._beside.get(collection.collection_id)
            if beside is None or (beside.mirror.row, beside.mirror.revision) != (mirror.row, mirror.revision):
                beside = Beside(mirror, self._exact.scanners_of(mirror.dimension))
                self._beside[collection.collection_id] = beside
        if not beside.follow(self._catalog, collection.revision):
            raise _Unusable("more has changed since than the change log holds")
        return beside

    def _doubt(self, mirror: Mirror, reason: str) -> None:
        log.error("the index of collection '%s' is not used until it is repaired: %s", mirror.collection_id, reason)
        self._mirrors.doubt_mirror(mirror.row)

    def _check_fallback(self, collection: Mirrored, reason: str) -> None:
        """Raises StorageUnavailable where the collection is too large to be searched in process."""
        if collection.faces > self._bounds.fallback_faces and self._bounds.mirrors(collection):
            raise StorageUnavailable(
                f"The collection '{collection.collection_id}' can't be searched now: the index of its "
                f"{collection.faces:,} faces lies at INDEX_URL, and {reason.removesuffix('.')}. Nothing is lost; faces "
                "can be indexed and deleted meanwhile.",
                retry_after=10,
            )
        with self._lock:
            fresh = collection.collection_id not in self._fallen_back
            self._fallen_back.add(collection.collection_id)
        if fresh and self._bounds.mirrors(collection):
            log.warning("collection '%s' is searched in process: %s", collection.collection_id, reason)

    def _back(self, collection_id: str) -> None:
        """The mirror is searched again, so the templates in process are of no use."""
        with self._lock:
            if collection_id not in self._fallen_back:
                return
            self._fallen_back.discard(collection_id)
        self._exact.forget(collection_id)


def _score(stored: list[Stored], probe: Vector, within: float) -> list[tuple[Stored, float]]:
    """Those within, nearest first, by exact distances."""
    if not stored:
        return []
    distances = np.linalg.norm(stack([one.template for one in stored], len(probe)) - probe, axis=1).tolist()
    found = [(one, distance) for one, distance in zip(stored, distances, strict=True) if distance <= within]
    found.sort(key=lambda match: (match[1], match[0].row))
    return found


_: type[Index] = MirroredIndex
