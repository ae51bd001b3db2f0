"""Credentials, their use of quotas, and secrets encrypted under the master key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kenspeckle.domain import Key, Period, Plan


class Keys(Protocol):
    """Credentials in the catalog. `digest` is the SHA-256 of an API key's secret; `sealed` the encrypted secret of an
    AWS pair, which SigV4 needs in the clear."""

    def add_key(self, key: Key, *, digest: str | None = None, sealed: bytes | None = None) -> None:
        """Raises Conflict where the id is taken."""
        ...

    def key_by_digest(self, digest: str) -> Key | None: ...
    def key_with_secret(self, key_id: str) -> tuple[Key, bytes] | None:
        """An AWS pair by access key id, with its sealed secret."""
        ...

    def keys(self) -> tuple[Key, ...]: ...
    def revoke_key(self, key_id: str, now: float) -> Key:
        """Raises KeyNotFound."""
        ...

    def replace_key(
        self, key_id: str, by: Key, now: float, *, digest: str | None = None, sealed: bytes | None = None
    ) -> Key:
        """Revoke the key and add `by` in its place, both or neither; the revoked key. What was used of its quota counts
        against the new one too. Raises KeyNotFound, and Conflict where it is revoked or expired: of any number at once,
        in any number of processes, one wins."""
        ...

    def touch_key(self, key_id: str, now: float) -> None:
        """Record the last use."""
        ...

    def any_key(self) -> bool:
        """Whether a key exists that is neither revoked nor expired."""
        ...

    def limit_key(self, key_id: str, plan: Plan) -> Key:
        """Give the key another plan. Raises KeyNotFound."""
        ...


@dataclass(frozen=True, slots=True)
class Used:
    """Requests counted for a key in the period that began at `began`, seconds since the epoch."""

    key_id: str
    period: Period
    began: int
    used: int


class Usage(Protocol):
    """Requests counted against quotas, in the catalog. Each process counts for itself under a name, its `writer`: it
    writes totals, so that writing again what may have been written already never counts twice."""

    def count_used(self, key_id: str, period: Period, began: int, *, beside: str) -> int:
        """The count of all writers other than `beside`, and that of any writer for keys that this key replaced."""
        ...

    def all_used(self) -> Sequence[Used]:
        """Sums over all writers, of the periods that are stored; a key's sum includes the keys that it replaced."""
        ...

    def count(self, writer: str, counts: Iterable[Used]) -> None:
        """Set what this writer has counted. Earlier periods of these keys are forgotten."""
        ...


class Deriver(Protocol):
    """Keys for single purposes, made from the instance's master key."""

    @property
    def place(self) -> str:
        """Where the master key comes from, as text for people."""
        ...

    def there(self) -> bool:
        """Whether a master key exists; none is made."""
        ...

    def derive(self, purpose: str) -> bytes:
        """32 bytes, the same each time for a purpose; they reveal nothing of another purpose's. Makes the master key
        where there is none yet. Raises SettingError, StorageFull, StorageUnavailable."""
        ...


class Sealer(Protocol):
    """Encrypts small secrets under the instance's master key. `context` is bound to the secret, not stored in it."""

    def seal(self, secret: bytes, context: str) -> bytes:
        """Makes the master key where there is none yet. Raises SettingError, StorageFull, StorageUnavailable."""
        ...

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Raises StorageUnavailable where it was sealed under another key or for another context, or is damaged."""
        ...
