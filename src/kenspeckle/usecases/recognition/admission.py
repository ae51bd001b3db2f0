"""Admission (the gate): limits how many photographs are analysed and how many wait; further ones are refused at once.

A queue is for bursts. Under lasting overload it would always be full and delay every answer without adding one. So
while many are refused the queue is closed, and so is one of two workers: a photograph with two cores takes little more
than half the time, so a tenth fewer are answered, but about as quickly as without load.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kenspeckle.errors import Overloaded, ShuttingDown

RETRY_AFTER = 1.0
"""Seconds for Retry-After: a queue of 32 is processed in about one second."""

WINDOW_SECONDS = 1.0
"""Length of a window, at whose end it is decided whether the load is a burst."""
YIELD_SECONDS = 1.0
"""Longest wait of work beside requests between two steps: under constant load it does one step in that time."""

OVERLOAD = 0.25
"""Ratio of refused to finished photographs in a window from which the load is no burst: five clients for each four that
can be served."""

CORES_FOR_ONE = 2
"""Cores that the engine gives to a photograph that is alone (`ports.Engine`); each of several has one."""


class Gate:
    """Admits `workers + queue` photographs, `places_under_overload` under overload; `workers` of them are analysed at
    the same time.

    Edges call `check` before they read a body, and `admit` when they have it: a slow body holds no place meanwhile. Use
    cases call `turn` around the engine and nothing else, so that no core idles while another request waits for a disk.
    """

    def __init__(
        self, workers: int, queue: int, wait_seconds: float, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.workers = workers
        self.queue = queue
        # Of so few, the one that is left has the cores of all; of more, it would leave cores idle.
        self.places_under_overload = 1 if workers <= CORES_FOR_ONE else workers
        self._wait_seconds = wait_seconds
        self._turns = threading.Semaphore(workers)
        self._lock = threading.Lock()
        self._empty = threading.Condition(self._lock)
        self._admitted = 0
        self._running = 0
        self._refused = 0
        self._closed = False
        self._now = now
        self._window = (now(), 0, 0)
        self._finished = 0
        self._shedding = False

    def check(self) -> None:
        """Raises what `admit` would raise now, without taking a place."""
        with self._lock:
            if self._closed:
                raise ShuttingDown("The server is shutting down; send the request again.", retry_after=RETRY_AFTER)
            self._find_room()

    @contextmanager
    def admit(self, *, checked: bool = False) -> Iterator[None]:
        """Hold a place; never blocks. Raises Overloaded where none is free; ShuttingDown after `close`, but for a
        request that was `checked` before and so was taken."""
        if not checked:
            self.check()
        with self._lock:
            self._find_room()
            self._admitted += 1
        try:
            yield
        finally:
            with self._lock:
                self._admitted -= 1
                self._finished += 1
                if not self._admitted:
                    self._empty.notify_all()

    def _find_room(self) -> None:
        """Raises Overloaded where there is no place."""
        self._judge()
        if self._admitted >= (self.places_under_overload if self._shedding else self.workers + self.queue):
            self._refused += 1
            raise _overload()

    def _judge(self) -> None:
        """At the end of a window, open or close the queue."""
        now = self._now()
        begun, refused, finished = self._window
        if now - begun < WINDOW_SECONDS:
            return
        refused, finished = self._refused - refused, self._finished - finished
        # A window that ended long ago says nothing about the present load.
        self._shedding = refused > OVERLOAD * finished and now - begun < 2 * WINDOW_SECONDS
        self._window = (now, self._refused, self._finished)

    def give_way(self, seconds: float = YIELD_SECONDS) -> None:
        """Return once no request holds a place, or after `seconds`. Work beside requests calls it between its steps, so
        that it uses idle time and makes progress under any load."""
        with self._lock:
            self._empty.wait_for(lambda: not self._admitted or self._closed, seconds)

    @contextmanager
    def turn(self, *, patient: bool = False) -> Iterator[None]:
        """Hold one of the `workers` places at the engine; waits `wait_seconds` at most, then raises Overloaded; with
        `patient`, for background work, it waits without limit."""
        if not self._turns.acquire(timeout=None if patient else self._wait_seconds):
            with self._lock:
                self._refused += 1
            raise _overload()
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
        with self._lock:
            self._closed = True
            self._empty.notify_all()

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


def _overload() -> Overloaded:
    return Overloaded("All workers are busy and the queue is full; send the request again.", retry_after=RETRY_AFTER)
