"""The job of kind `sync`: builds the mirror of a collection, or compares it with the catalog and repairs it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from kenspeckle.domain import Job, JobKind, validation
from kenspeckle.domain.operations import Handlers, SyncCollection
from kenspeckle.errors import Conflict, StorageUnavailable
from kenspeckle.ports import Mirror, Mirrored, MirrorState
from kenspeckle.usecases.jobs.runner import Progress
from kenspeckle.usecases.mirrors.keeper import BATCH, Keeper
from kenspeckle.usecases.recognition.context import Context

log = logging.getLogger(__name__)

ROUNDS = 5
"""How often a mirror is compared anew where more changes meanwhile than the change log holds."""


class Syncing:
    """What a recognizer does about the mirror of a collection. `keeper` is None where there is no vector database."""

    def __init__(self, context: Context, keeper: Keeper | None) -> None:
        self._context = context
        self._keeper = keeper

    def handlers(self) -> Handlers:
        return dict([SyncCollection.by(self.sync_collection)])

    def sync_collection(self, operation: SyncCollection) -> Job:
        """Raises CollectionNotFound; Conflict where there is no vector database, the collection is encrypted or too
        small to be mirrored, or a job of it is not finished."""
        name = validation.collection_id(operation.collection_id)
        collection = self._context.catalog.collection(name)
        self._check(self._the_keeper().mirrors.describe_mirrored(collection.collection_id))
        return self._context.jobs.submit(JobKind.SYNC, name, {"rebuild": operation.rebuild})

    def run(self, job: Job, progress: Progress) -> Mapping[str, object]:
        """The work of a job; also of one that another process began."""
        keeper, name = self._the_keeper(), job.collection_id or ""
        progress.step(0, 0)
        keeper.store.check()
        collection = keeper.mirrors.describe_mirrored(name)
        self._check(collection)
        mirror = self._present(keeper, collection)
        rebuild = bool(job.parameters.get("rebuild")) and job.done == 0
        if mirror is None or rebuild or collection.building(keeper.store.place) is not None:
            return self._build(keeper, collection, mirror, progress)
        return self._repair(keeper, mirror, progress, again=job.attempts > 1)

    def _present(self, keeper: Keeper, collection: Mirrored) -> Mirror | None:
        """The collection's mirror, where that is really there; what is not, is removed from the account."""
        for one in collection.mirrors:
            here = one.place == keeper.store.place and one.state is not MirrorState.LEAVING
            if here and not keeper.store.owns(one.name):
                if one.state is not MirrorState.BUILDING:
                    log.warning("the index of collection '%s' is not at %s any more", one.collection_id, one.place)
                keeper.mirrors.remove_mirror(one.row)
        return keeper.mirrors.describe_mirrored(collection.collection_id).current(keeper.store.place)

    def _build(
        self, keeper: Keeper, collection: Mirrored, before: Mirror | None, progress: Progress
    ) -> Mapping[str, object]:
        dimension = self._context.engines.pack_of(self._context.catalog.collection(collection.collection_id)).dimension
        mirror = keeper.begin(collection, dimension)
        fresh = mirror.after == 0
        while True:
            progress.step(mirror.faces, max(mirror.faces, collection.faces))
            filled = keeper.fill(mirror, fresh=fresh and mirror.after > 0)
            if filled is None:
                break
            # The first step of a process may repeat one of a process that died.
            mirror, fresh = filled, True
        keeper.store.open(mirror.name)
        ready, wrong = self._settle(keeper, mirror, progress)
        if before is not None:
            keeper.leave(before)
        return {"faces": ready.faces, "revision": ready.revision, "built": True, "wrong": wrong}

    def _repair(self, keeper: Keeper, mirror: Mirror, progress: Progress, *, again: bool) -> Mapping[str, object]:
        keeper.store.open(mirror.name)
        if mirror.state is MirrorState.READY:
            if keeper.catch_up(mirror) is None:
                keeper.mirrors.doubt_mirror(mirror.row)
            collection = keeper.mirrors.describe_mirrored(mirror.collection_id)
            mirror = collection.current(keeper.store.place) or mirror
        wrong = 0
        if not (again and mirror.after):
            mirror = keeper.restart(mirror)
        if mirror.state is MirrorState.READY:
            wrong = self._compare(keeper, mirror, progress)
            ready = keeper.catch_up(mirror) or mirror
        else:
            wrong = self._compare(keeper, mirror, progress)
            ready, more = self._settle(keeper, mirror, progress)
            wrong += more
        return {"faces": ready.faces, "revision": ready.revision, "built": False, "wrong": wrong}

    def _settle(self, keeper: Keeper, mirror: Mirror, progress: Progress) -> tuple[Mirror, int]:
        """The mirror once it is ready, and rows that were wrong."""
        wrong = 0
        for _ in range(ROUNDS):
            ready = keeper.catch_up(mirror)
            if ready is not None:
                return ready, wrong
            mirror = keeper.restart(mirror)
            wrong += self._compare(keeper, mirror, progress)
        raise StorageUnavailable(
            f"The collection '{mirror.collection_id}' changes faster than it can be stored at INDEX_URL "
            f"({keeper.store.place}). It is tried again.",
            retry_after=60,
        )

    def _compare(self, keeper: Keeper, mirror: Mirror, progress: Progress) -> int:
        wrong, after, seen = 0, mirror.after, 0
        while True:
            progress.step(seen, max(seen, mirror.faces))
            compared = keeper.compare(mirror, after)
            wrong += compared.wrong
            if compared.done:
                if wrong:
                    log.warning("the index of collection '%s' had %d wrong rows", mirror.collection_id, wrong)
                return wrong
            after, seen = compared.after, seen + BATCH

    def _check(self, collection: Mirrored) -> None:
        """Raises Conflict where the collection is not to be mirrored."""
        bounds, name = self._the_keeper().bounds, collection.collection_id
        if collection.encrypted and not bounds.encrypted:
            raise Conflict(
                f"The collection '{name}' is encrypted: its templates would lie in the clear at INDEX_URL, so it is "
                "searched in process. INDEX_ENCRYPTED=on allows it.",
                field="collection",
            )
        if not bounds.keeps(collection) or not (bounds.mirrors(collection) or collection.mirrors):
            raise Conflict(
                f"The collection '{name}' has {collection.faces:,} faces; from INDEX_FACES={bounds.faces:,} on it lies "
                "at INDEX_URL. It is searched in process, exactly.",
                field="collection",
            )

    def _the_keeper(self) -> Keeper:
        if self._keeper is None:
            raise Conflict("INDEX_URL is memory://: all collections are searched in process.", field="collection")
        return self._keeper
