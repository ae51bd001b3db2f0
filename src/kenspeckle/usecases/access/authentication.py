"""Authentication: who sends a request, by its key or the id of its key pair; and whether the server is open."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from kenspeckle import moments
from kenspeckle.domain import Key, Principal
from kenspeckle.errors import Unauthenticated
from kenspeckle.ports import Keys, Sealer
from kenspeckle.usecases.access import credentials
from kenspeckle.usecases.access.last_uses import LastUses

T = TypeVar("T")

TRUST_SECONDS = 0.5
"""How long a key that was read from the catalog stays valid here: the longest delay of a revocation by another
process."""

_REMEMBERED = 4096


class Authentication:
    """Checks keys of one instance. `loopback` says that the server listens on loopback only, so that it may be open.

    Safe to call from many threads. `clock` gives seconds since the epoch; `ticks` is a monotonic clock.
    """

    def __init__(
        self,
        keys: Keys,
        sealer: Sealer,
        clock: Callable[[], float] = time.time,
        *,
        loopback: bool = True,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._sealer = sealer
        self._clock = clock
        self._ticks = ticks
        self.on_read: Callable[[Key], None] | None = None
        """Called with each key that is read from the catalog, in the thread that reads."""
        self._locked = not loopback
        self._empty_until = float("-inf")
        self._by_digest: dict[str, tuple[float, Key]] = {}
        self._pairs: dict[str, tuple[float, Key, str]] = {}
        self._last_uses = LastUses(keys, clock)

    def lock(self) -> None:
        """A key was created: the server is no longer open."""
        self._locked = True

    @property
    def locked(self) -> bool:
        """Whether it is known that every request needs a key; where it is not, `open` says so."""
        return self._locked

    def forget(self) -> None:
        """Forget cached keys, because one of them has changed; each is read again at its next use."""
        self._by_digest.clear()
        self._pairs.clear()

    @property
    def open(self) -> bool:
        """Whether requests need no key: loopback, and no key was ever created.

        A key that expires or is revoked does not open the service again. Reads the catalog at most twice a second,
        and never again once a key was seen.
        """
        if self._locked:
            return False
        now = self._ticks()
        if now >= self._empty_until:
            if self._keys.keys():
                self._locked = True
                return False
            self._empty_until = now + TRUST_SECONDS
        return True

    @property
    def open_is_known(self) -> bool:
        """Whether `open` answers without reading the catalog."""
        return self._locked or self._ticks() < self._empty_until

    def is_known(self, api_key: str | None, is_open: bool | None = None) -> bool:
        """Whether `authenticate` answers without reading the catalog. If not, an event loop calls it in a thread.
        `is_open` is the answer of `open` for this request."""
        if is_open:
            return True
        if not self._locked and is_open is None:
            return self._ticks() < self._empty_until
        if not api_key or not credentials.well_formed(api_key):
            return True
        held = self._by_digest.get(credentials.digest_of(api_key))
        return held is not None and self._ticks() - held[0] < TRUST_SECONDS

    def authenticate(self, api_key: str | None) -> Principal:
        """The principal of this key. None is accepted on an open server only. Uses the cached key, and the catalog
        where that is older than half a second. Raises Unauthenticated.
        """
        if self.open:
            return Principal(None)
        if not api_key:
            raise Unauthenticated(
                "A key is needed: send it in the header x-api-key. Whoever runs this service makes one with "
                "`kenspeckle keys create NAME`."
            )
        key = self.find_active(api_key)
        self.record_use(key)
        return Principal(key)

    def find_active(self, api_key: str) -> Key:
        """The key, as `authenticate` finds it; its use is not recorded. Raises Unauthenticated."""
        key = self._find(api_key) if credentials.well_formed(api_key) else None
        if key is None:
            raise Unauthenticated("This key is unknown. Check that all of it is sent in the header x-api-key.")
        state = credentials.state(key, self._clock())
        if state == "expired":
            raise Unauthenticated(f"The key '{key.name}' expired at {moments.iso(key.expires_at)}; ask for another.")
        if state == "revoked":
            raise Unauthenticated(f"The key '{key.name}' was revoked; ask for another.")
        return key

    def pair_is_known(self, access_key_id: str) -> bool:
        """Whether `aws_secret` answers without reading the catalog."""
        held = self._pairs.get(access_key_id)
        return held is not None and self._ticks() - held[0] < TRUST_SECONDS

    def aws_secret(self, access_key_id: str) -> tuple[Key, str] | None:
        """The key and the secret to verify a signature with; None where the id is unknown, revoked or expired.

        Once the signature holds, call `used(key)`. Raises StorageUnavailable where the secret can't be decrypted.
        """
        held = self._pairs.get(access_key_id)
        now = self._ticks()
        if held is None or now - held[0] >= TRUST_SECONDS:
            found = self._keys.key_with_secret(access_key_id) if len(access_key_id) <= 128 else None
            if found is None:
                self._pairs.pop(access_key_id, None)
                return None
            key, sealed = found
            if self.on_read is not None:
                self.on_read(key)
            held = (now, key, self._sealer.unseal(sealed, key.key_id).decode("ascii"))
            _remember(self._pairs, access_key_id, held)
        _, key, secret = held
        return (key, secret) if credentials.state(key, self._clock()) == "active" else None

    def _find(self, api_key: str) -> Key | None:
        # Timing reveals nothing: what is compared is a digest of 256 random bits, which an attacker can't control.
        digest = credentials.digest_of(api_key)
        held = self._by_digest.get(digest)
        now = self._ticks()
        if held is not None and now - held[0] < TRUST_SECONDS:
            return held[1]
        key = self._keys.key_by_digest(digest)
        if key is None:
            self._by_digest.pop(digest, None)
            return None
        if self.on_read is not None:
            self.on_read(key)
        _remember(self._by_digest, digest, (now, key))
        return key

    def record_use(self, key: Key) -> None:
        """Record the use of a key that `aws_secret` returned; a thread of its own writes it later."""
        self._last_uses.note(key)

    def close(self) -> None:
        """Write pending uses; later ones are not recorded."""
        self._last_uses.close()


def _remember(held: dict[str, T], name: str, what: T) -> None:
    if len(held) >= _REMEMBERED:
        held.clear()
    held[name] = what
