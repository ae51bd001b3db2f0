"""Who may do what: makes, checks, rotates and revokes keys, and holds the rule of the open loopback server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from kenspeckle.domain import Key, Period, Plan, Principal, Scope
from kenspeckle.errors import Conflict, KeyNotFound, SettingError, Unauthenticated
from kenspeckle.ports import Keys, Sealer, Usage
from kenspeckle.usecases.access import credentials, plans
from kenspeckle.usecases.access.credentials import DEFAULT_SCOPES, Created
from kenspeckle.usecases.access.last_uses import LastUses

T = TypeVar("T")

log = logging.getLogger(__name__)

TRUST_SECONDS = 0.5
"""How long a key read from the catalog is believed: so late, at most, does a revocation by another process bite."""

_REMEMBERED = 4096


class Access:
    """Keys of one instance. `loopback` says that the server listens on loopback only, so that it may be open.

    Safe to call from many threads. `clock` gives seconds since the epoch; `ticks` a clock that is never set.
    """

    def __init__(
        self,
        keys: Keys,
        sealer: Sealer,
        clock: Callable[[], float] = time.time,
        *,
        loopback: bool = True,
        ticks: Callable[[], float] = time.monotonic,
        usage: Usage | None = None,
    ) -> None:
        self._keys = keys
        self._sealer = sealer
        self._clock = clock
        self._ticks = ticks
        self._usage = usage
        self._may_open = loopback
        self.on_read: Callable[[Key], None] | None = None
        """Told of each key as it is read from the catalog, in the thread that reads."""
        self._locked = not loopback
        self._empty_until = float("-inf")
        self._by_digest: dict[str, tuple[float, Key]] = {}
        self._pairs: dict[str, tuple[float, Key, str]] = {}
        self._last_uses = LastUses(keys, clock)

    # -- the open server ---------------------------------------------------------------------------------------

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

    def is_known(self, api_key: str | None) -> bool:
        """Whether `authenticate` answers without reading the catalog. Where not, an event loop uses a thread."""
        if not self._locked:
            return self._ticks() < self._empty_until
        if not api_key or not credentials.well_formed(api_key):
            return True
        held = self._by_digest.get(credentials.digest_of(api_key))
        return held is not None and self._ticks() - held[0] < TRUST_SECONDS

    # -- managing keys -----------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        scopes: Iterable[str] = DEFAULT_SCOPES,
        collections: Iterable[str] = (),
        *,
        aws: bool = False,
        expires_at: float | None = None,
        plan: Plan | None = None,
    ) -> Created:
        """A new key, with `aws` also a pair for Signature Version 4 under the same grants. No collections: all. No
        plan: `plans.initial` of its scopes.

        Raises InvalidValue; SettingError and StorageUnavailable where the master key can't be used.
        """
        access_key_id, secret = credentials.new_pair() if aws else (None, None)
        granted = credentials.checked_scopes(scopes)
        key = Key(
            key_id=access_key_id or credentials.new_key_id(),
            name=credentials.checked_name(name),
            kind="aws" if aws else "api",
            scopes=granted,
            collections=credentials.checked_collections(collections),
            created_at=self._clock(),
            expires_at=expires_at,
            plan=plans.initial(granted) if plan is None else plan,
        )
        api_key = credentials.new_api_key()
        sealed = self._sealer.seal(secret.encode("ascii"), key.key_id) if secret is not None else None
        self._keys.add_key(key, digest=credentials.digest_of(api_key), sealed=sealed)
        self._locked = True
        log.info("key created", extra={"key": key.key_id, "scopes": credentials.scope_names(key)})
        return Created(key, api_key, access_key_id, secret)

    def list(self) -> tuple[Key, ...]:
        """All keys that were ever created, oldest first."""
        return tuple(sorted(self._keys.keys(), key=lambda key: (key.created_at, key.key_id)))

    def show(self, key_id: str) -> Key:
        """Raises KeyNotFound."""
        found = next((key for key in self.list() if key.key_id == key_id), None)
        if found is None:
            raise KeyNotFound(f"There is no key '{key_id[:64]}'. `kenspeckle keys list` names them.", field="id")
        return found

    def revoke(self, key_id: str) -> Key:
        """Make a key worthless, here at once and in other processes within half a second. Raises KeyNotFound."""
        self.show(key_id)
        revoked = self._keys.revoke_key(key_id, self._clock())
        self._by_digest.clear()
        self._pairs.clear()
        log.info("key revoked", extra={"key": key_id})
        return revoked

    def rotate(self, key_id: str) -> Created:
        """A new key with the same name, grants, expiry and plan, and what was used of it; the old one is revoked.

        Raises KeyNotFound; Conflict where the old one is revoked or expired already.
        """
        old = self.show(key_id)
        state = credentials.state(old, self._clock())
        if state != "active":
            raise Conflict(f"The key '{old.name}' is {state}; create a new one instead.", field="id")
        # In this order a crash between the two leaves two working keys, never none.
        created = self.create(
            old.name,
            old.scopes,
            old.collections,
            aws=old.kind == "aws",
            expires_at=old.expires_at,
            plan=old.plan,
        )
        if self._usage is not None:
            self._usage.carry(key_id, created.key.key_id)
        self.revoke(key_id)
        return created

    def limit(
        self, key_id: str, rate: float | str | None = None, burst: int | None = None, quota: str | None = None
    ) -> Key:
        """Give a key other limits, as `plans.changed` reads them. It holds here at once, in other processes within half
        a second. Raises KeyNotFound, InvalidValue."""
        key = self._keys.limit_key(key_id, plans.changed(self.show(key_id).plan, rate, burst, quota))
        self._by_digest.clear()
        self._pairs.clear()
        log.info("key limited", extra={"key": key_id, **plans.described(key.plan, None)})
        return key

    def spent(self) -> dict[str, int]:
        """Requests that keys with a quota have made in its present period, by id of the key; without those of the last
        second."""
        if self._usage is None:
            return {}
        now = self._clock()
        sums = self._usage.all_used()
        began = {period: plans.window(period, now)[0] for period in Period}
        periods = {key.key_id: key.plan.period for key in self.list()}
        return {
            one.key_id: one.used
            for one in sums
            if one.began == began[one.period] and periods.get(one.key_id) is one.period
        }

    def seed(self, admin_key: str) -> None:
        """Register the operator's ADMIN_KEY; at every later start this does nothing, also where it was revoked since.

        Raises SettingError for a key that is too short or can't be sent in a header.
        """
        if not admin_key:
            return
        if not credentials.well_formed(admin_key) or len(admin_key) < credentials.SHORTEST_ADMIN_KEY:
            raise SettingError(
                f"KENSPECKLE_ADMIN_KEY has to be {credentials.SHORTEST_ADMIN_KEY} to {credentials.LONGEST_KEY} "
                "characters of printable ASCII without spaces; `openssl rand -hex 32` makes a good one.",
                field="admin_key",
            )
        digest = credentials.digest_of(admin_key)
        known = self._keys.key_by_digest(digest)
        if known is None:
            # The id follows from the digest, so that two processes starting at once can't add it twice.
            key = Key("key-" + digest[:12], "admin", "api", frozenset({Scope.ADMIN}), frozenset(), self._clock())
            try:
                self._keys.add_key(key, digest=digest)
            except Conflict:
                log.info("another process has just added the admin key")
        elif known.revoked_at is not None:
            log.warning("KENSPECKLE_ADMIN_KEY names a key that was revoked; it stays revoked")
        self._locked = True

    # -- checking keys -----------------------------------------------------------------------------------------

    def authenticate(self, api_key: str | None) -> Principal:
        """Who holds this key. None is let through on an open server only.

        Looks at a digest in memory, and at the catalog where that is older than half a second. Raises Unauthenticated.
        """
        if self.open:
            return Principal(None)
        if not api_key:
            raise Unauthenticated(
                "A key is needed: send it in the header x-api-key. Whoever runs this service makes one with "
                "`kenspeckle keys create NAME`."
            )
        key = self._find(api_key) if credentials.well_formed(api_key) else None
        if key is None:
            raise Unauthenticated("This key is unknown. Check that all of it is sent in the header x-api-key.")
        state = credentials.state(key, self._clock())
        if state == "expired":
            raise Unauthenticated(
                f"The key '{key.name}' expired at {credentials.moment(key.expires_at)}; ask for another."
            )
        if state == "revoked":
            raise Unauthenticated(f"The key '{key.name}' was revoked; ask for another.")
        self.used(key)
        return Principal(key)

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
        # Timing tells nothing: what is compared is a digest, which a guesser can't steer, of 256 random bits.
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

    def used(self, key: Key) -> None:
        """Note the use of a key that `aws_secret` gave; it is written later, by a thread of its own."""
        self._last_uses.note(key)

    def close(self) -> None:
        """Write down what is still to be written; later uses are not recorded."""
        self._last_uses.close()


def _remember(held: dict[str, T], name: str, what: T) -> None:
    if len(held) >= _REMEMBERED:
        held.clear()
    held[name] = what
