"""Clients' credentials; no secret is stored in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, func, insert, or_, select, update

from kenspeckle.catalog.base import Part
from kenspeckle.catalog.tables import keys
from kenspeckle.domain import Key, Period, Plan, Scope
from kenspeckle.errors import Conflict, KeyNotFound

TOUCH_SECONDS = 60.0
"""The last use is recorded to the minute: a commit waits for the disk, which most requests should not do."""

_KEY = select(
    keys.c.key_id,
    keys.c.name,
    keys.c.kind,
    keys.c.scopes,
    keys.c.collections,
    keys.c.created_at,
    keys.c.expires_at,
    keys.c.revoked_at,
    keys.c.last_used_at,
    keys.c.rate,
    keys.c.burst,
    keys.c.quota,
    keys.c.period,
)
_ALL = _KEY.order_by(keys.c.row)
_BY_DIGEST = _KEY.where(keys.c.digest == bindparam("digest"))
_BY_ID = _KEY.add_columns(keys.c.sealed).where(keys.c.key_id == bindparam("key_id"))
_USABLE = select(func.count()).where(
    keys.c.revoked_at.is_(None), or_(keys.c.expires_at.is_(None), keys.c.expires_at > bindparam("now"))
)


class Keys(Part):
    """`ports.Keys`. Revoked and expired keys are returned like others: callers check that."""

    def add_key(self, key: Key, *, digest: str | None = None, sealed: bytes | None = None) -> None:
        try:
            with self.database.write() as connection:
                connection.execute(insert(keys), _values(key, digest, sealed))
        except Conflict as error:
            raise Conflict("A key with this id or secret exists already; make another one.", field="key_id") from error

    def key_by_digest(self, digest: str) -> Key | None:
        found = self.database.rows(_BY_DIGEST, {"digest": digest})
        return _key(found[0]) if found else None

    def key_with_secret(self, key_id: str) -> tuple[Key, bytes] | None:
        found = self.database.rows(_BY_ID, {"key_id": key_id})
        if not found or found[0][-1] is None:
            return None
        return _key(found[0]), bytes(found[0][-1])

    def keys(self) -> tuple[Key, ...]:
        return tuple(_key(one) for one in self.database.rows(_ALL, {}))

    def revoke_key(self, key_id: str, now: float) -> Key:
        with self.database.write() as connection:
            first = update(keys).where(keys.c.key_id == key_id, keys.c.revoked_at.is_(None))
            connection.execute(first.values(revoked_at=now))
            found = connection.execute(_BY_ID, {"key_id": key_id}).first()
        if found is None:
            raise KeyNotFound(f"There is no key '{key_id}'.", field="key_id")
        return _key(found)

    def replace_key(
        self, key_id: str, by: Key, now: float, *, digest: str | None = None, sealed: bytes | None = None
    ) -> Key:
        usable = (keys.c.revoked_at.is_(None), or_(keys.c.expires_at.is_(None), keys.c.expires_at > now))
        with self.database.write() as connection:
            # The one that finds it usable is the one that makes it unusable.
            ended = connection.execute(update(keys).where(keys.c.key_id == key_id, *usable).values(revoked_at=now))
            found = connection.execute(_BY_ID, {"key_id": key_id}).first()
            if found is None:
                raise KeyNotFound(f"There is no key '{key_id}'.", field="key_id")
            if not ended.rowcount:
                raise Conflict(f"The key '{found.name}' is not active any more; list the keys.", field="key_id")
            connection.execute(insert(keys), {**_values(by, digest, sealed), "replaces": key_id})
        return _key(found)

    def touch_key(self, key_id: str, now: float) -> None:
        found = self.database.rows(_BY_ID, {"key_id": key_id})
        last = _key(found[0]).last_used_at if found else now
        if last is None or now - last >= TOUCH_SECONDS:
            with self.database.write() as connection:
                connection.execute(update(keys).where(keys.c.key_id == key_id).values(last_used_at=now))

    def limit_key(self, key_id: str, plan: Plan) -> Key:
        with self.database.write() as connection:
            connection.execute(update(keys).where(keys.c.key_id == key_id).values(**_columns(plan)))
            found = connection.execute(_BY_ID, {"key_id": key_id}).first()
        if found is None:
            raise KeyNotFound(f"There is no key '{key_id}'.", field="key_id")
        return _key(found)

    def any_key(self) -> bool:
        return bool(self.database.rows(_USABLE, {"now": self.database.now()})[0][0])


def _key(columns: Sequence[Any]) -> Key:
    key_id, name, kind, scopes, collections, created_at, expires_at, revoked_at, last_used_at = columns[:9]
    rate, burst, quota, period = columns[9:13]
    return Key(
        key_id,
        name,
        kind,
        frozenset(Scope(scope) for scope in orjson.loads(scopes)),
        frozenset(orjson.loads(collections)),
        created_at,
        expires_at,
        revoked_at,
        last_used_at,
        Plan(rate, burst, quota, Period(period) if period is not None else None),
    )


def _values(key: Key, digest: str | None, sealed: bytes | None) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "kind": key.kind,
        "scopes": orjson.dumps(sorted(key.scopes)).decode(),
        "collections": orjson.dumps(sorted(key.collections)).decode(),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "digest": digest,
        "sealed": sealed,
        **_columns(key.plan),
    }


def _columns(plan: Plan) -> dict[str, Any]:
    return {"rate": plan.rate, "burst": plan.burst, "quota": plan.quota, "period": plan.period}
