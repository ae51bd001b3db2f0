"""A bounded pool of threads in which the edges call the recognizer; keys, audit and webhooks use the framework's
pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from kenspeckle.errors import Overloaded

P = ParamSpec("P")
T = TypeVar("T")

SMALL_CALLS = 8
"""Threads beyond those that admitted photographs can take, so that lists and probes answer under full load."""
WAITING = 256
"""Most calls that may wait for a thread."""


class Threads:
    """Runs calls of the core. `photographs` is how many the gate admits, each of which may hold a thread."""

    def __init__(self, photographs: int) -> None:
        size = photographs + SMALL_CALLS
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="kenspeckle-api")
        self._most = size + WAITING
        self._pending = 0

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Result of `work(*args, **kwargs)`, run in a thread with the caller's context (its request id).

        Raises what the work raises; Overloaded where too many calls wait already."""
        if self._pending >= self._most:
            raise Overloaded("Too many requests wait for an answer; send this one again.", retry_after=1.0)
        self._pending += 1
        try:
            run = partial(copy_context().run, work, *args, **kwargs)
            return await asyncio.get_running_loop().run_in_executor(self._pool, run)
        finally:
            self._pending -= 1

    def close(self) -> None:
        """Wait for calls under way and end the threads."""
        self._pool.shutdown(wait=True)
