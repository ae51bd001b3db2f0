"""How long the stages of requests take: measured where the work is done, read by the metrics of an edge."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def _ignore(stage: str, seconds: float) -> None:
    """Of a process that has no metrics."""


class Stages:
    """One for a recognizer. `tell(stage, seconds)` is called with each duration, from any thread; an edge sets it."""

    def __init__(self) -> None:
        self.tell: Callable[[str, float], None] = _ignore

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Measure a stage (decode, detect, embed, search, store), also where it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.tell(stage, time.perf_counter() - start)
