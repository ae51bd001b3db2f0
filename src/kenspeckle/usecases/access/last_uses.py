"""Records when keys were last used, without a request waiting for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from kenspeckle.domain import Key
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Keys

log = logging.getLogger(__name__)

TOUCH_SECONDS = 60.0
"""Least time between two records of a key's last use."""


class LastUses:
    """Safe to call from many threads. `clock` gives seconds since the epoch."""

    def __init__(self, keys: Keys, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._clock = clock
        self._touched: dict[str, float] = {}
        self._writer: ThreadPoolExecutor | None = None
        self._closed = False
        self._lock = threading.Lock()

    def note(self, key: Key) -> None:
        """Record the use of a key, at most once a minute; a thread of its own writes it."""
        now = self._clock()
        if self._fresh(self._touched.get(key.key_id), now) or self._fresh(key.last_used_at, now):
            return
        with self._lock:
            if self._closed or self._fresh(self._touched.get(key.key_id), now):
                return
            self._touched[key.key_id] = now
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, thread_name_prefix="last-use")
            self._writer.submit(self._touch, key.key_id, now)

    def close(self) -> None:
        """Write pending uses; later ones are not recorded."""
        with self._lock:
            self._closed = True
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.shutdown(wait=True)

    @staticmethod
    def _fresh(last: float | None, now: float) -> bool:
        # The absolute difference: a clock that was set back must not stop the record.
        return last is not None and abs(now - last) < TOUCH_SECONDS

    def _touch(self, key_id: str, now: float) -> None:
        try:
            self._keys.touch_key(key_id, now)
        except KenspeckleError as error:
            # A full disk refuses no request; the next use after a minute is written again.
            log.warning("the last use of key %s was not recorded: %s", key_id, error.message)
