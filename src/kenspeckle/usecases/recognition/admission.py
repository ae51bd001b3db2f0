"""Bounds inference: so many photographs at once, so many waiting, the rest refused at once.

A queue is for bursts. Under a load that is too much for long it would always be full, and every answer would come as
late as the queue is long, while not one more is given. So for as long as many are refused the queue is closed, and of
two workers one with it: a photograph that has two cores is done in little more than half the time, so that a tenth
fewer are answered, and those about as quickly as on a quiet day.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kenspeckle.errors import Overloaded, ShuttingDown

RETRY_AFTER = 1.0
"""Seconds after which a refused client may come again: a queue of 32 is worked off in about one."""

WINDOW_SECONDS = 1.0
"""How often it is judged whether the load is a burst."""
YIELD_SECONDS = 1.0
"""How long work beside requests lets these go first: under a load without a pause it does one step in that time."""

OVERLOAD = 0.25
"""Refused to finished photographs of one window from which it is not: five clients for each four that can be served."""


class Gate:
    """Admits `workers + queue` photographs, `reduced` under a load that is too much; `workers` of them are analysed at
    the same time.

    Edges call `check` before they read a body, and `admit` when they have it: bodies may come slowly, and none holds a
    place meanwhile. Use cases call `turn` around the engine and nothing else, so that no
    core idles while another request waits for a disk.
    """

    def __init__(
        self, workers: int, queue: int, wait_seconds: float, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.workers = workers
        self.queue = queue
        # With two, the one that is left has both cores. With more, the engine gives each a single core all the same.
        self.reduced = 1 if workers == 2 else workers
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
        """Raises what `admit` would raise now; takes nothing."""
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
        """Raises Overloaded where none is."""
        self._judge()
        if self._admitted >= (self.reduced if self._shedding else self.workers + self.queue):
            self._refused += 1
            raise _overloaded()

    def _judge(self) -> None:
        """At the end of a window, see whether the queue is of use."""
        now = self._now()
        begun, refused, finished = self._window
        if now - begun < WINDOW_SECONDS:
            return
        refused, finished = self._refused - refused, self._finished - finished
        # Of a window that ended long ago nothing follows.
        self._shedding = refused > OVERLOAD * finished and now - begun < 2 * WINDOW_SECONDS
        self._window = (now, self._refused, self._finished)

    def give_way(self, seconds: float = YIELD_SECONDS) -> None:
        """Return once no request holds a place, or after `seconds`: what runs beside requests calls it between its
        steps, so that it has what they leave, and comes on under any load."""
        with self._lock:
            self._empty.wait_for(lambda: not self._admitted or self._closed, seconds)

    @contextmanager
    def turn(self, *, patient: bool = False) -> Iterator[None]:
        """Hold one of the `workers` places at the engine; waits `wait_seconds` at most, then raises Overloaded, but for
        what nobody waits for (`patient`)."""
        if not self._turns.acquire(timeout=None if patient else self._wait_seconds):
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


def _overloaded() -> Overloaded:
    return Overloaded("All workers are busy and the queue is full; send the request again.", retry_after=RETRY_AFTER)
