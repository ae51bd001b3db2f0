"""Erases faces that are older than their collection keeps them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from kenspeckle.domain.operations import EraseAged, ListCollections
from kenspeckle.errors import KenspeckleError
from kenspeckle.shapes import dump
from kenspeckle.usecases.audit.recognizer import Audited

log = logging.getLogger(__name__)

LEAP_SECONDS = 3600.0
"""Seconds by which the clock may differ from the time that passed; after a larger jump nothing is erased by age until
the clock has run for another hour."""

RECEIPT = "RetentionReceipt"


class Retention:
    """`now` is the clock, `ticks` a monotonic clock. Receipts are recorded in the audit trail, because there is no
    client to receive them."""

    def __init__(
        self,
        recognizer: Audited,
        *,
        now: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recognizer = recognizer
        self._now = now
        self._ticks = ticks
        self._last: tuple[float, float] | None = None

    def round(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """All collections once, batch by batch until `stopped`. One that fails is logged, and the others go on."""
        now, ticks = self._now(), self._ticks()
        last, self._last = self._last, (now, ticks)
        if last is not None and abs((now - last[0]) - (ticks - last[1])) > LEAP_SECONDS:
            log.error("the clock has leapt: nothing is erased by age in this round; see whether it is right")
            return
        cursor: str | None = None
        while not stopped():
            page = self._recognizer.handle(ListCollections(limit=100, cursor=cursor))
            for one in page.items:
                if one.retention_days is None:
                    continue
                try:
                    self._erase(one.collection_id, one.retention_days, stopped)
                except KenspeckleError as error:
                    # Just deleted, or damaged: other collections are processed all the same.
                    log.error("nothing erased by age in '%s': %s", one.collection_id, error.message)
            cursor = page.cursor
            if cursor is None:
                break

    def _erase(self, collection_id: str, days: int, stopped: Callable[[], bool]) -> None:
        recorder = self._recognizer.recorder
        while not stopped():
            erased = self._recognizer.handle(EraseAged(collection_id=collection_id, days=days))
            if not erased.face_count:
                return
            if erased.receipt is not None:
                facts = dump.receipt(erased.receipt)
                recorder.record(recorder.entry(RECEIPT, collection_id, face_count=erased.face_count, facts=facts))
            log.info("faces erased by age", extra={"collection": collection_id, "faces": erased.face_count})
