"""Keys in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from kenspeckle.domain import Key, Plan
from kenspeckle.errors import Conflict, KeyNotFound

TOUCH_SECONDS = 60


class FakeKeys:
    """`ports.Keys` in memory."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._keys: dict[str, tuple[Key, str | None, bytes | None]] = {}

    def add_key(self, key: Key, *, digest: str | None = None, sealed: bytes | None = None) -> None:
        if key.key_id in self._keys or (digest and any(one == digest for _, one, _ in self._keys.values())):
            raise Conflict("A key with this id or secret exists.")
        self._keys[key.key_id] = (key, digest, sealed)

    def key_by_digest(self, digest: str) -> Key | None:
        return next((key for key, one, _ in self._keys.values() if one == digest), None)

    def key_with_secret(self, key_id: str) -> tuple[Key, bytes] | None:
        key, _, sealed = self._keys.get(key_id, (None, None, None))
        return (key, sealed) if key is not None and sealed is not None else None

    def keys(self) -> tuple[Key, ...]:
        return tuple(key for key, _, _ in self._keys.values())

    def revoke_key(self, key_id: str, now: float) -> Key:
        if key_id not in self._keys:
            raise KeyNotFound(f"There is no key '{key_id}'.")
        key, digest, sealed = self._keys[key_id]
        revoked = replace(key, revoked_at=now if key.revoked_at is None else key.revoked_at)
        self._keys[key_id] = (revoked, digest, sealed)
        return revoked

    def touch_key(self, key_id: str, now: float) -> None:
        if key_id in self._keys:
            key, digest, sealed = self._keys[key_id]
            if key.last_used_at is None or now - key.last_used_at >= TOUCH_SECONDS:
                self._keys[key_id] = (replace(key, last_used_at=now), digest, sealed)

    def any_key(self) -> bool:
        now = self.clock()
        held = [key for key, _, _ in self._keys.values()]
        return any(key.revoked_at is None and (key.expires_at is None or key.expires_at > now) for key in held)

    def replace_key(
        self, key_id: str, by: Key, now: float, *, digest: str | None = None, sealed: bytes | None = None
    ) -> Key:
        if key_id not in self._keys:
            raise KeyNotFound(f"There is no key '{key_id}'.")
        old = self._keys[key_id][0]
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
            raise Conflict("The key is revoked or expired.")
        self.add_key(by, digest=digest, sealed=sealed)
        return self.revoke_key(key_id, now)

    def limit_key(self, key_id: str, plan: Plan) -> Key:
        if key_id not in self._keys:
            raise KeyNotFound(f"There is no key '{key_id}'.")
        key, digest, sealed = self._keys[key_id]
        self._keys[key_id] = (replace(key, plan=plan), digest, sealed)
        return self._keys[key_id][0]
