"""Manages keys: creates, lists, limits, rotates and revokes them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from kenspeckle.domain import Key, Period, Plan, Scope
from kenspeckle.errors import Conflict, KeyNotFound, SettingError
from kenspeckle.ports import Keys, Sealer, Usage
from kenspeckle.usecases.access import credentials, plans
from kenspeckle.usecases.access.authentication import Authentication
from kenspeckle.usecases.access.credentials import DEFAULT_SCOPES, Created

log = logging.getLogger(__name__)


class Access(Authentication):
    """Keys of one instance, checked and managed. Parameters as `Authentication`; `usage` counts what keys have used."""

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
        super().__init__(keys, sealer, clock, loopback=loopback, ticks=ticks)
        self._usage = usage

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
        made, digest, sealed = self._make(name, scopes, collections, aws=aws, expires_at=expires_at, plan=plan)
        self._keys.add_key(made.key, digest=digest, sealed=sealed)
        self.lock()
        log.info("key created", extra={"key": made.key.key_id, "scopes": credentials.scope_names(made.key)})
        return made

    def adopt(
        self,
        access_key_id: str,
        secret: str,
        name: str,
        scopes: Iterable[str] = DEFAULT_SCOPES,
        collections: Iterable[str] = (),
        *,
        expires_at: float | None = None,
        plan: Plan | None = None,
    ) -> Key:
        """Accept a pair that another issuer made, under grants of this service; there is no API key with it.

        Raises InvalidValue; Conflict where the id is known, also where its key was revoked; SettingError and
        StorageUnavailable where the master key can't be used.
        """
        access_key_id, secret = credentials.check_pair(access_key_id, secret)
        granted = credentials.check_scopes(scopes)
        key = Key(
            key_id=access_key_id,
            name=credentials.check_name(name),
            kind="aws",
            scopes=granted,
            collections=credentials.check_collections(collections),
            created_at=self._clock(),
            expires_at=expires_at,
            plan=plans.initial(granted) if plan is None else plan,
        )
        if any(one.key_id == access_key_id for one in self.list()):
            raise Conflict(
                f"The pair {access_key_id} is known already, or was revoked, which can't be undone.",
                field="access_key_id",
            )
        self._keys.add_key(key, sealed=self._sealer.seal(secret.encode("ascii"), access_key_id))
        self.lock()
        log.info("key adopted", extra={"key": key.key_id, "scopes": credentials.scope_names(key)})
        return key

    def _make(
        self,
        name: str,
        scopes: Iterable[str],
        collections: Iterable[str],
        *,
        aws: bool,
        expires_at: float | None,
        plan: Plan | None,
    ) -> tuple[Created, str, bytes | None]:
        """A key that is not stored yet, with the digest of its API key and the sealed secret of its pair."""
        access_key_id, secret = credentials.new_pair() if aws else (None, None)
        granted = credentials.check_scopes(scopes)
        key = Key(
            key_id=access_key_id or credentials.new_key_id(),
            name=credentials.check_name(name),
            kind="aws" if aws else "api",
            scopes=granted,
            collections=credentials.check_collections(collections),
            created_at=self._clock(),
            expires_at=expires_at,
            plan=plans.initial(granted) if plan is None else plan,
        )
        api_key = credentials.new_api_key()
        sealed = self._sealer.seal(secret.encode("ascii"), key.key_id) if secret is not None else None
        return Created(key, api_key, access_key_id, secret), credentials.digest_of(api_key), sealed

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
        """Revoke a key, in this process at once and in others within half a second. Raises KeyNotFound."""
        self.show(key_id)
        revoked = self._keys.revoke_key(key_id, self._clock())
        self.forget()
        log.info("key revoked", extra={"key": key_id})
        return revoked

    def rotate(self, key_id: str) -> Created:
        """A new key with the same name, grants, expiry, plan and use of its quota; the old one is revoked.

        Raises KeyNotFound; Conflict where the old one is revoked or expired already. Of several rotations at once, in
        any process, one succeeds: the catalog decides.
        """
        old = self.show(key_id)
        if old.kind == "aws" and credentials.is_foreign(old.key_id):
            raise Conflict(
                f"The pair of '{old.name}' was adopted: rotate it where it was made, adopt the new one, revoke this.",
                field="id",
            )
        state = credentials.state(old, self._clock())
        if state != "active":
            raise Conflict(f"The key '{old.name}' is {state}; create a new one instead.", field="id")
        made, digest, sealed = self._make(
            old.name,
            old.scopes,
            old.collections,
            aws=old.kind == "aws",
            expires_at=old.expires_at,
            plan=old.plan,
        )
        self._keys.replace_key(key_id, made.key, self._clock(), digest=digest, sealed=sealed)
        self.forget()
        log.info("key rotated", extra={"key": key_id, "new_key": made.key.key_id})
        return made

    def limit(
        self, key_id: str, rate: float | str | None = None, burst: int | None = None, quota: str | None = None
    ) -> Key:
        """Give a key other limits, as `plans.change` reads them. They hold in this process at once, in others within
        half a second. Raises KeyNotFound, InvalidValue."""
        key = self._keys.limit_key(key_id, plans.change(self.show(key_id).plan, rate, burst, quota))
        self.forget()
        log.info("key limited", extra={"key": key_id, **plans.describe(key.plan, None)})
        return key

    def count_spent(self) -> dict[str, int]:
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
        self.lock()
