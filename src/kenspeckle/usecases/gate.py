"""The one place where inference is bounded: so many photographs at once, so many waiting, the rest refused at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kenspeckle.errors import Overloaded, ShuttingDown

RETRY_AFTER = 1.0
"""Seconds after which a refused client may come again: a queue of 32 is worked off in about one."""


class Gate:
    """Admits `workers + queue` photographs; `workers` of them are analysed at the same time.

    Edges call `admit` before they read a body; use cases call `turn` around the engine and nothing else, so that no
    core idles while another request waits for a disk.
    """

    def __init__(self, workers: int, queue: int, wait_seconds: float) -> None:
        self.workers = workers
        self.queue = queue
        self._wait_seconds = wait_seconds
        self._turns = threading.Semaphore(workers)
        self._lock = threading.Lock()
        self._admitted = 0
        self._running = 0
        self._refused = 0
        self._closed = False

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place; never blocks. Raises Overloaded where none is free, ShuttingDown after `close`."""
        with self._lock:
            if self._closed:
                raise ShuttingDown("The server is shutting down; send the request again.", retry_after=RETRY_AFTER)
            if self._admitted >= self.workers + self.queue:
                self._refused += 1
                raise _overloaded()
            self._admitted += 1
        try:
            yield
        finally:
            with self._lock:
                self._admitted -= 1

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold one of the `workers` places at the engine; waits `wait_seconds` at most, then raises Overloaded."""
        if not self._turns.acquire(timeout=self._wait_seconds):
            with self._lock:
                self._refused += 1
            raise _overloaded()
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
            self._turns.release()

    def close(self) -> None:
        """Admit nothing new; what was admitted may finish."""
        self._closed = True

    @property
    def admitted(self) -> int:
        """Photographs that hold a place now."""
        return self._admitted

    @property
    def running(self) -> int:
        """Photographs that are analysed now."""
        return self._running

    @property
    def refused(self) -> int:
        """Photographs refused since the start."""
        return self._refused


def _overloaded() -> Overloaded:
    return Overloaded("All workers are busy and the queue is full; send the request again.", retry_after=RETRY_AFTER)
