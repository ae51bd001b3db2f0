"""Records refused requests in the audit trail, in few rows however many there are: a flood must not fill the disk."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from kenspeckle.domain.audit import AuditEntry
from kenspeckle.errors import KenspeckleError
from kenspeckle.usecases.audit.recorder import Recorder

log = logging.getLogger(__name__)

SECONDS = 1.0
"""Seconds in which refusals of one kind share a row with a count."""

FLOOD_SECONDS = 60.0
"""The same once there were more kinds than `MOST_KINDS`."""

MOST_KINDS = 10
"""Rows of one span; whatever else is refused in it is one more. So a flood writes 16,000 rows a day at most."""

REFUSED = "RequestRefused"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What makes two refusals alike."""

    route: str
    code: str
    who: str
    address: str


class Refusals:
    """Accepts refusals from any thread, also the event loop's, without waiting; a thread of its own writes them."""

    def __init__(self, recorder: Recorder, now: Callable[[], float] = time.time) -> None:
        self._recorder = recorder
        self._now = now
        self._lock = threading.Lock()
        self._counts: dict[_Kind, tuple[AuditEntry, int]] = {}
        self._others = 0
        self._some = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, route: str, code: str, *, key_id: str, name: str, request_id: str, address: str) -> None:
        """A request was refused. Only the first of each kind is kept, the others are counted."""
        kind = _Kind(route, code, key_id, address)
        with self._lock:
            if self._closing.is_set():
                return
            known = self._counts.get(kind)
            if known is not None:
                self._counts[kind] = (known[0], known[1] + 1)
            elif len(self._counts) < MOST_KINDS:
                entry = AuditEntry(
                    self._now(), REFUSED, code, key_id, name, request_id, address, facts={"route": route}
                )
                self._counts[kind] = (entry, 1)
            else:
                self._others += 1
        self._some.set()

    def start(self) -> None:
        """Start the thread that writes them."""
        self._thread = threading.Thread(target=self._run, name="refusals")
        self._thread.start()

    def close(self) -> None:
        """Write what was counted and end the thread."""
        with self._lock:
            self._closing.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        span = SECONDS
        while not self._closing.is_set():
            self._some.wait()
            self._closing.wait(span)
            self._some.clear()
            span = FLOOD_SECONDS if self._write() else SECONDS
        self._write()

    def _write(self) -> bool:
        """Whether there were more kinds than have a row of their own."""
        with self._lock:
            counts, others = self._counts, self._others
            self._counts, self._others = {}, 0
        entries = [replace(entry, facts={**entry.facts, "count": count}) for entry, count in counts.values()]
        if others:
            facts = {"route": "others", "count": others}
            entries.append(AuditEntry(self._now(), REFUSED, "others", "nobody", facts=facts))
        try:
            for entry in entries:
                self._recorder.record(entry)
        except KenspeckleError as error:
            # The requests were refused all the same; recording goes on once there is disk space.
            log.error("%d refused requests are not in the audit trail: %s", len(entries), error.message)
        return others > 0
