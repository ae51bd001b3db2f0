"""Requests that are recorded at once share commits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain.audit import AuditHead, AuditRow
from kenspeckle.usecases.audit.recorder import Recorder

THREADS, ROWS = 8, 5


class Slow:
    """A trail whose commits take until everybody else waits: who is done must be able to come again meanwhile."""

    def __init__(self, trail: SqlCatalog) -> None:
        self._trail = trail
        self.recorder: Recorder | None = None
        self.working = THREADS
        self.commits: list[int] = []
        self.held_up = False

    def append_audit(self, link: Callable[[AuditHead], tuple[Sequence[AuditRow], AuditHead]]) -> None:
        def linked(head: AuditHead) -> tuple[Sequence[AuditRow], AuditHead]:
            made = link(head)
            self.commits.append(len(made[0]))
            return made

        self._trail.append_audit(linked)
        recorder, until = self.recorder, time.monotonic() + 60
        while recorder is not None and len(recorder._waiting) + self.commits[-1] < self.working and not self.held_up:
            self.held_up = time.monotonic() > until
            time.sleep(0.001)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trail, name)


def test_who_is_recorded_is_not_held_up_by_the_next_commit(tmp_path: Path) -> None:
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'kenspeckle.db'}")) as catalog:
        trail = Slow(catalog)
        recorder = Recorder(trail, b"k" * 32)
        recorder.begin()
        trail.recorder = recorder
        trail.commits.clear()
        lock = threading.Lock()

        def work() -> None:
            for _ in range(ROWS):
                row = recorder.record(recorder.entry("SearchFaces", "people"))
                assert row is not None
            with lock:
                trail.working -= 1

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert not trail.held_up
        assert sum(trail.commits) == THREADS * ROWS
        assert len(trail.commits) <= 2 * ROWS + 2
        assert [one.number for one in catalog.audit_rows()] == list(range(1, THREADS * ROWS + 2))
