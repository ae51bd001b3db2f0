"""The audit trail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kenspeckle.domain.audit import AuditHead, AuditRow
from kenspeckle.domain.audit_anchor import AuditAnchor

OK = "ok"

FAILED = "failed"
"""Stands in a filter for every outcome that is not `ok`."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A filter of audit rows: those that fit all fields that are given. `before` is a row number, for paging
    backwards. `outcome` is `ok`, the code of an error, or FAILED for every outcome but `ok`."""

    since: float | None = None
    who: str | None = None
    collection_id: str | None = None
    operation: str | None = None
    before: int | None = None
    outcome: str | None = None


class Anchors(Protocol):
    """Stores the number and hash of the trail's newest row outside of its table. Raises OSError from `keep`."""

    def read(self) -> Sequence[AuditAnchor]:
        """The anchors that are stored, the latest first; their seals are not checked here."""
        ...

    def keep(self, make: Callable[[Sequence[AuditAnchor]], AuditAnchor | None]) -> None:
        """Get the next anchor from `make`, given the present ones, and store it; one process at a time."""
        ...

    def close(self) -> None: ...


class Trail(Protocol):
    """The audit trail. Raises StorageFull and StorageUnavailable from any method."""

    def append_audit(self, link: Callable[[AuditHead], tuple[Sequence[AuditRow], AuditHead]]) -> None:
        """Get the rows after the present head, and the new head, from `link`, and store both in one transaction, which
        is on disk when this returns."""
        ...

    def audit_head(self) -> AuditHead: ...
    def audit_rows(self, after: int = 0) -> Iterator[AuditRow]:
        """Rows above the number `after`, in order, as they were at one moment."""
        ...

    def find_audit(self, query: AuditQuery, limit: int) -> list[AuditRow]:
        """Newest first."""
        ...

    def trim_audit(self, older: float, seal: Callable[[AuditHead], AuditHead]) -> int:
        """Remove some of the rows at the beginning that are all older than this time, and raise the floor; returns
        their number, 0 where there is nothing more to remove. `seal` seals the new head."""
        ...
