"""The loop of `kenspeckle watch`: finds arrivals, passes them to workers, and finishes work under way at its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from kenspeckle.intake.watch.arrivals import Arrivals, FileState, watch_events
from kenspeckle.intake.watch.worker import Outcome, Worker
from kenspeckle.text import plural

TICK_SECONDS = 0.2
BREATH_SECONDS = 0.02
"""Ten thousand events at once are looked at together, not one by one."""
RESCAN_SECONDS = 60.0
"""Seconds between scans: the system drops events where too many come at once, and sends none for a share that was
mounted again."""
POLL_SECONDS = 2.0
"""Seconds between scans where the system sends no events."""
ONCE_SECONDS = 60.0
"""Longest wait of `--once` for files that others are still writing."""


class Run:
    """Watches until `stop` is set, or once through the folder. `report` is called with every outcome, one at a time,
    and `remark` with messages for people."""

    def __init__(
        self,
        arrivals: Arrivals,
        work: Worker,
        workers: int,
        stop: threading.Event,
        report: Callable[[Outcome], None],
        remark: Callable[[str], None],
    ) -> None:
        self._arrivals = arrivals
        self._work = work
        self._workers = workers
        self._stop = stop
        self._report = report
        self._remark = remark
        self._lock = threading.Lock()
        self._running = 0
        self._error: BaseException | None = None
        self._away = False
        self._told: frozenset[Path] = frozenset()
        self.looked: Callable[[], None] = lambda: None
        """Called after each pass, to update the display of progress."""

    @property
    def in_line(self) -> int:
        """The number of files that are being processed or wait for that."""
        return self._running + self._arrivals.waiting

    def stop(self) -> None:
        """Finish work under way, and start no more."""
        self._stop.set()
        self._arrivals.come.set()

    def watch(self, poll: float | None) -> None:
        """Run until `stop` is called. Raises what ends the run."""
        end: Callable[[], None] | None = None
        if poll is None:
            try:
                end = watch_events(self._arrivals)
            except OSError as error:
                self._remark(
                    f"The system can't watch this folder ({error.strerror}); looking every {POLL_SECONDS:g} s instead."
                )
                poll = POLL_SECONDS
        try:
            self._loop(poll or RESCAN_SECONDS, None)
        finally:
            if end is not None:
                end()

    def once(self) -> None:
        """Process the files that are there now. Raises what ends the run."""
        self._loop(float("inf"), time.monotonic() + ONCE_SECONDS)

    def _loop(self, every: float, last: float | None) -> None:
        scan_at = 0.0
        with ThreadPoolExecutor(self._workers, thread_name_prefix="watch") as pool:
            try:
                while not self._stop.is_set():
                    if time.monotonic() >= scan_at or self._arrivals.is_replaced():
                        self._scan(last is not None)
                        scan_at = time.monotonic() + every
                    self._tell_links()
                    for path, facts in self._arrivals.ready():
                        with self._lock:
                            self._running += 1
                        pool.submit(self._one, path, facts).add_done_callback(self._finish)
                    self.looked()
                    if last is not None and not self._running:
                        if not self._arrivals.waiting:
                            break
                        if time.monotonic() > last:
                            self._remark(
                                f"{plural(self._arrivals.waiting, 'file')} still being written: left to the next run."
                            )
                            break
                    if self._arrivals.come.wait(TICK_SECONDS):
                        time.sleep(BREATH_SECONDS)
                        self._arrivals.come.clear()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        if self._error is not None:
            raise self._error

    def _scan(self, required: bool) -> None:
        try:
            self._arrivals.scan()
        except OSError as error:
            if required:
                raise
            if not self._away:
                self._remark(f"{self._arrivals.root} can't be read: {error.strerror}. Looking again until it can.")
            self._away = True
        else:
            self._away = False

    def _tell_links(self) -> None:
        links = self._arrivals.links
        for link in sorted(links - self._told):
            self._remark(f"{link} is a link to a folder. Links are not followed.")
        self._told = links

    def _one(self, path: Path, facts: FileState) -> None:
        outcome = self._work.one(path, facts)
        if outcome is not None:
            with self._lock:
                self._report(outcome)

    def _finish(self, done: Future[None]) -> None:
        with self._lock:
            self._running -= 1
        if not done.cancelled() and (error := done.exception()) is not None:
            self._error = self._error or error
            self.stop()
        if not self._running:
            self._arrivals.come.set()
