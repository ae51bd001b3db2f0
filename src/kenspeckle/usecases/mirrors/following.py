"""Beside requests: brings mirrors up to date, has jobs build and repair them, and removes there what was deleted."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from kenspeckle.domain import JobKind
from kenspeckle.errors import CollectionNotFound, Conflict, KenspeckleError
from kenspeckle.ports import Mirror, MirrorLost, MirrorState
from kenspeckle.usecases.audit import actor
from kenspeckle.usecases.mirrors.keeper import Keeper
from kenspeckle.usecases.recognition.context import Context

log = logging.getLogger(__name__)

ROUND_SECONDS = 5.0
"""How often mirrors are looked at."""

LONGEST_SECONDS = 300.0
"""Longest pause after rounds that failed, one after the other."""

COMPACT_SECONDS = 60.0
"""Shortest time between two compactions of a mirror: each writes its files anew."""

AGAIN_SECONDS = 60.0
"""How long after its end a job of a collection is not queued again."""


@dataclass(frozen=True, slots=True)
class _Compacting:
    number: int
    revision: int


class Following:
    """One thread from `start` to `close`. Any number of processes may do this: each step holds a lock."""

    def __init__(self, context: Context, keeper: Keeper) -> None:
        self._context = context
        self._keeper = keeper
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._compacting: dict[int, _Compacting] = {}
        self._compacted: dict[int, float] = {}
        self._queued: dict[str, float] = {}

    def start(self) -> None:
        """Begin with a round at once."""
        self._thread = threading.Thread(target=self._run, name="mirrors", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the step under way."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def round(self) -> None:
        """Look at every mirror, and at collections that have none yet. Raises StorageFull, StorageUnavailable."""
        keeper, due = self._keeper, self._find_erased()
        failed: KenspeckleError | None = None
        for mirror, there in keeper.mirrors.mirrors():
            if self._closing or mirror.place != keeper.store.place:
                continue
            try:
                self._keep_or_drop(mirror, there=there, erased=mirror.collection_id in due)
            except KenspeckleError as error:
                failed = error  # what is wrong with one keeps no other waiting
        for name in keeper.mirrors.large(keeper.bounds.faces):
            with suppress(CollectionNotFound):
                collection = keeper.mirrors.describe_mirrored(name)
                if collection.current(keeper.store.place) is None and keeper.bounds.mirrors(collection):
                    self._queue(name)
        if failed is not None:
            raise failed

    def _keep_or_drop(self, mirror: Mirror, *, there: bool, erased: bool) -> None:
        if not there or mirror.state is MirrorState.LEAVING:
            self._keeper.drop(mirror)
            log.info("the index of collection '%s' was removed at %s", mirror.collection_id, mirror.place)
            return
        with suppress(CollectionNotFound):  # then it is removed in the next round
            self._keep(mirror, erased=erased)

    def _keep(self, mirror: Mirror, *, erased: bool) -> None:
        keeper = self._keeper
        collection = keeper.mirrors.describe_mirrored(mirror.collection_id)
        if mirror.contract != collection.contract or not keeper.bounds.keeps(collection):
            keeper.leave(mirror)
        elif mirror.state is not MirrorState.READY:
            self._queue(mirror.collection_id)
        else:
            try:
                now = keeper.catch_up(mirror)
            except MirrorLost as error:
                log.error("the index of collection '%s' is lost: %s", mirror.collection_id, error.message)
                now = None
            if now is None:
                keeper.mirrors.doubt_mirror(mirror.row)
                self._queue(mirror.collection_id)
            elif erased and now.compacted < now.revision:
                self._compact(now)

    def _compact(self, mirror: Mirror) -> None:
        """Have what was deleted removed from the files there, and note when that is done."""
        keeper, running = self._keeper, self._compacting.get(mirror.row)
        if running is None:
            if time.monotonic() - self._compacted.get(mirror.row, -COMPACT_SECONDS) < COMPACT_SECONDS:
                return
            self._compacted[mirror.row] = time.monotonic()
            running = _Compacting(keeper.store.compact(mirror.name), mirror.revision)
            self._compacting[mirror.row] = running
        if keeper.store.is_compacted(running.number):
            del self._compacting[mirror.row]
            keeper.set_compacted(mirror, running.revision)
            self._context.scrubber.wake.set()  # receipts may wait for this

    def _find_erased(self) -> set[str]:
        """Collections of receipts that are not complete."""
        receipts = self._context.receipts
        return set() if receipts is None else {one.collection_id for one in receipts.pending()}

    def _queue(self, name: str) -> None:
        if not self._context.jobs.served:
            return
        now = time.monotonic()
        if now - self._queued.get(name, -AGAIN_SECONDS) >= AGAIN_SECONDS:
            self._queued[name] = now
            mirror = self._keeper.mirrors.describe_mirrored(name).current(self._keeper.store.place)
            if mirror is not None and mirror.state is MirrorState.READY:
                return  # a job has ended meanwhile
            with suppress(Conflict):
                self._context.jobs.submit(JobKind.SYNC, name)

    def _run(self) -> None:
        actor.acting(actor.Actor(actor.SERVICE))
        pause = ROUND_SECONDS
        while not self._closing:
            try:
                self._keeper.store.check()
                self.round()
                pause = ROUND_SECONDS
            except KenspeckleError as error:
                pause = self._fail(pause, error.message)
            except Exception:
                log.exception("mirrors could not be brought up to date; it is tried again")
                pause = min(LONGEST_SECONDS, 2 * pause)
            self._wake.wait(pause)
            self._wake.clear()

    def _fail(self, pause: float, message: str) -> float:
        log.error("mirrors could not be brought up to date, it is tried again: %s", message)
        return min(LONGEST_SECONDS, 2 * pause)
