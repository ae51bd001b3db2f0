"""Keys whose making, change and end are in the audit trail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from kenspeckle.domain import Key, Plan
from kenspeckle.ports import Keys, Sealer, Usage
from kenspeckle.usecases.access import credentials, plans
from kenspeckle.usecases.access.credentials import DEFAULT_SCOPES, Created
from kenspeckle.usecases.access.keys import Access
from kenspeckle.usecases.audit.recorder import Recorder


class AuditedAccess(Access):
    """`Access` that records what it does to keys, never a secret."""

    def __init__(
        self,
        recorder: Recorder,
        keys: Keys,
        sealer: Sealer,
        clock: Callable[[], float] = time.time,
        *,
        loopback: bool = True,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(keys, sealer, clock, loopback=loopback, usage=usage)
        self.recorder = recorder

    def seed(self, admin_key: str) -> None:
        before = {key.key_id for key in self.list()} if admin_key else set()
        super().seed(admin_key)
        for key in self.list() if admin_key else ():
            if key.key_id not in before:
                self._record("CreateKey", key)

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
        made = super().create(name, scopes, collections, aws=aws, expires_at=expires_at, plan=plan)
        self._record("CreateKey", made.key)
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
        adopted = super().adopt(access_key_id, secret, name, scopes, collections, expires_at=expires_at, plan=plan)
        self._record("AdoptKey", adopted)
        return adopted

    def revoke(self, key_id: str) -> Key:
        revoked = super().revoke(key_id)
        self._record("RevokeKey", revoked)
        return revoked

    def rotate(self, key_id: str) -> Created:
        made = super().rotate(key_id)
        self._record("CreateKey", made.key)
        self._record("RevokeKey", self.show(key_id))
        return made

    def limit(
        self, key_id: str, rate: float | str | None = None, burst: int | None = None, quota: str | None = None
    ) -> Key:
        limited = super().limit(key_id, rate, burst, quota)
        self._record("LimitKey", limited)
        return limited

    def _record(self, operation: str, key: Key) -> None:
        facts = {
            "key": key.key_id,
            "key_name": key.name,
            "kind": key.kind,
            "scopes": credentials.scope_names(key),
            "collections": sorted(key.collections)[:100],
            "expires_at": key.expires_at,
            **plans.describe(key.plan, None),
        }
        self.recorder.record(self.recorder.entry(operation, facts=facts))
