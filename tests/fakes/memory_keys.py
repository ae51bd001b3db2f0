"""`ports.Keys` in memory, for tests of what stands on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from kenspeckle.domain import Key, Plan
from kenspeckle.errors import Conflict, KeyNotFound


class MemoryKeys:
    """Counts its reads, so that tests see what a cache spares."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.rows: dict[str, tuple[Key, str | None, bytes | None]] = {}
        self.reads = 0
        self.touches: list[tuple[str, float]] = []

    def add_key(self, key: Key, *, digest: str | None = None, sealed: bytes | None = None) -> None:
        if key.key_id in self.rows:
            raise Conflict("taken")
        self.rows[key.key_id] = (key, digest, sealed)

    def key_by_digest(self, digest: str) -> Key | None:
        self.reads += 1
        return next((key for key, held, _ in self.rows.values() if held == digest), None)

    def key_with_secret(self, key_id: str) -> tuple[Key, bytes] | None:
        self.reads += 1
        key, _, sealed = self.rows.get(key_id, (None, None, None))
        return (key, sealed) if key is not None and sealed is not None else None

    def keys(self) -> tuple[Key, ...]:
        self.reads += 1
        return tuple(key for key, _, _ in self.rows.values())

    def revoke_key(self, key_id: str, now: float) -> Key:
        if key_id not in self.rows:
            raise KeyNotFound("none")
        key, digest, sealed = self.rows[key_id]
        self.rows[key_id] = (replace(key, revoked_at=key.revoked_at or now), digest, sealed)
        return self.rows[key_id][0]

    def replace_key(
        self, key_id: str, by: Key, now: float, *, digest: str | None = None, sealed: bytes | None = None
    ) -> Key:
        if self.rows[key_id][0].revoked_at is not None:
            raise Conflict("not active")
        self.add_key(by, digest=digest, sealed=sealed)
        return self.revoke_key(key_id, now)

    def limit_key(self, key_id: str, plan: Plan) -> Key:
        if key_id not in self.rows:
            raise KeyNotFound("none")
        key, digest, sealed = self.rows[key_id]
        self.rows[key_id] = (replace(key, plan=plan), digest, sealed)
        return self.rows[key_id][0]

    def touch_key(self, key_id: str, now: float) -> None:
        self.touches.append((key_id, now))

    def any_key(self) -> bool:
        now = self.clock()
        return any(
            key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
            for key, _, _ in self.rows.values()
        )
