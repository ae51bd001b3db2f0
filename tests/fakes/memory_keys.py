"""`FakeKeys` that count what they are asked, so that tests see what a cache spares."""

from __future__ import annotations

import time
from collections.abc import Callable

from kenspeckle.domain import Key
from tests.fakes.keys import FakeKeys


class MemoryKeys(FakeKeys):
    """`reads` counts; `touches` are recorded, and change nothing."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.rows = self._keys
        self.reads = 0
        self.touches: list[tuple[str, float]] = []

    def key_by_digest(self, digest: str) -> Key | None:
        self.reads += 1
        return super().key_by_digest(digest)

    def key_with_secret(self, key_id: str) -> tuple[Key, bytes] | None:
        self.reads += 1
        return super().key_with_secret(key_id)

    def keys(self) -> tuple[Key, ...]:
        self.reads += 1
        return super().keys()

    def touch_key(self, key_id: str, now: float) -> None:
        self.touches.append((key_id, now))
