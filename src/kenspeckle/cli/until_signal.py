"""Ends a command that goes on for ever: gracefully at the first signal, at once at the second."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def until_signal(stop: Callable[[], object]) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the run after work under way, a second one at once."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def first(number: int, frame: object) -> None:
        for one, handler in before.items():
            signal.signal(one, handler)
        stop()

    for one in before:
        signal.signal(one, first)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
