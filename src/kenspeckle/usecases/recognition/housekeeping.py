"""Housekeeping of a running service: erases faces and audit rows beyond retention, and completes interrupted
removals."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Protocol

from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Anchors, Catalog
from kenspeckle.settings import Settings
from kenspeckle.usecases.audit import actor, verification
from kenspeckle.usecases.audit.anchoring import anchor_elsewhere
from kenspeckle.usecases.audit.recognizer import Audited
from kenspeckle.usecases.recognition.retention import Retention
from kenspeckle.usecases.webhooks.events import Announcer

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0


class HousekeepingContext(Protocol):
    """What housekeeping needs of the service; `usecases.recognition.context.Context` has it."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def settings(self) -> Settings: ...


class Housekeeping:
    """One thread, from `start` to `close`. `anchors` are those of a bucket; `now` is the clock, `ticks` a monotonic
    clock."""

    def __init__(
        self,
        recognizer: Audited,
        context: HousekeepingContext,
        work_off: Callable[[], None],
        *,
        announcer: Announcer,
        anchors: Anchors | None = None,
        now: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recognizer = recognizer
        self._context = context
        self._work_off = work_off
        self._announcer = announcer
        self._anchors = anchors
        self._now = now
        self._ticks = ticks
        self._retention = Retention(recognizer, now=now, ticks=ticks)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with a round at once."""
        self._thread = threading.Thread(target=self._run, name="housekeeping")
        self._thread.start()

    def close(self) -> None:
        """Finish the batch at hand and end the thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def round(self) -> None:
        """Do everything once, with the service as actor in the audit trail; the caller's actor is restored. Nothing,
        where another process is at it."""
        with self._context.catalog.duty("housekeeping") as mine:
            if mine:
                copy_context().run(self._round)

    def _round(self) -> None:
        actor.acting(actor.Actor(actor.SERVICE))
        recorder = self._recognizer.recorder
        for work in (
            self._work_off,
            lambda: self._retention.round(self._closing.is_set),
            lambda: self._context.catalog.scrub(thorough=True),
            lambda: verification.trim(recorder, self._context.settings.audit_days, self._now()),
            # If logs are stored elsewhere, this line is an anchor, which a trail that was put back to an older state
            # lacks.
            lambda: log.info("audit trail", extra={"anchor": verification.anchor_of(recorder.trail.audit_head())}),
            lambda: anchor_elsewhere(recorder, self._announcer, self._anchors),
        ):
            try:
                work()
            except KenspeckleError as error:
                log.error("housekeeping: %s", error.message)

    def _run(self) -> None:
        due = self._ticks()
        while not self._closing.is_set():
            if self._ticks() >= due:
                due = self._ticks() + EVERY_SECONDS
                try:
                    self.round()
                except Exception:
                    log.exception("housekeeping failed; it tries again in an hour")
            self._closing.wait(max(0.0, due - self._ticks()))
