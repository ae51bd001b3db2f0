"""Locks by digest: of two files with the same photograph one waits for the other's result."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

STRIPES = 64


class DigestLocks:
    """A fixed set of locks; each name has one. Taken in order, so that two holders of several never deadlock."""

    def __init__(self) -> None:
        self._locks = [threading.Lock() for _ in range(STRIPES)]

    @contextmanager
    def hold(self, digests: Iterable[str]) -> Iterator[None]:
        """Hold the locks of all these names (64 hexadecimal digits)."""
        with ExitStack() as stack:
            for stripe in sorted({int(digest[:8], 16) % STRIPES for digest in digests}):
                stack.enter_context(self._locks[stripe])
            yield
