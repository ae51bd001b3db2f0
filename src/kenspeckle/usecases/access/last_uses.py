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
"""The last use of a key is written down at most this often."""


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
        """Note the use of a key, at most once a minute, written by a thread of its own."""
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
        """Write down what is still to be written; later uses are not recorded."""
        with self._lock:
            self._closed = True
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.shutdown(wait=True)

    @staticmethod
    def _fresh(last: float | None, now: float) -> bool:
        # The distance, not the difference: a clock that was set back must not stop the record.
        return last is not None and abs(now - last) < TOUCH_SECONDS

    def _touch(self, key_id: str, now: float) -> None:
        try:
            self._keys.touch_key(key_id, now)
        except KenspeckleError as error:
            # Nobody is refused because a disk is full; the next minute tries again.
            log.warning("the last use of key %s was not recorded: %s", key_id, error.message)
