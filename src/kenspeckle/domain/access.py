"""Access rights: scopes, grants, usage plans, keys and principals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class Scope(StrEnum):
    """What a key may do. `admin` includes all others; the others include nothing else."""

    INDEX = "index"
    SEARCH = "search"
    READ = "read"
    DELETE = "delete"
    ADMIN = "admin"


class Of(Enum):
    """What a scope has to be granted for: one collection, the whole service, or any collection."""

    COLLECTION = "the collection that the request names, or the default one"
    SERVICE = "the service as a whole: a key of single collections is not enough"
    ANYTHING = "any collection: the operation touches none, or shows only those that are granted"


@dataclass(frozen=True, slots=True)
class Right:
    """What an operation needs: a key with this scope; no scope: any key will do."""

    scope: Scope | None
    of: Of = Of.COLLECTION


class Period(StrEnum):
    """What a quota is counted over: calendar days, weeks from Monday and months, all in UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many requests a key may send: `rate` a second on average, `burst` at once, `quota` in each `period`.

    None is no limit; `burst` and `rate` are set together, `quota` and `period` too.
    """

    rate: float | None = None
    burst: int | None = None
    quota: int | None = None
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A client's credential without its secret. `kind` is `api` or `aws`; no `collections` means all of them."""

    key_id: str
    name: str
    kind: str
    scopes: frozenset[Scope]
    collections: frozenset[str]
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None
    plan: Plan = Plan()


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of a request. `key` is None on an open loopback server, whose clients may do everything."""

    key: Key | None = None

    @property
    def only(self) -> tuple[str, ...] | None:
        """The collections that the key is limited to; None for any."""
        return None if self.key is None or not self.key.collections else tuple(sorted(self.key.collections))
