"""The audit trail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kenspeckle.domain.audit import AuditHead, AuditRow
from kenspeckle.domain.audit_anchor import AuditAnchor


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which rows of the audit trail: those that fit all that is named. `before` is a number, for paging backwards."""

    since: float | None = None
    who: str | None = None
    collection_id: str | None = None
    operation: str | None = None
    before: int | None = None


class Anchors(Protocol):
    """Where the newest row of the trail is noted, outside of its table. Raises OSError from `keep`."""

    def read(self) -> Sequence[AuditAnchor]:
        """Those that are there, the latest first; whoever reads them looks at their seals."""
        ...

    def keep(self, make: Callable[[Sequence[AuditAnchor]], AuditAnchor | None]) -> None:
        """Ask `make` for the next one after those that are there, alone among all processes, and keep it."""
        ...

    def close(self) -> None: ...


class Trail(Protocol):
    """The audit trail. Raises StorageFull and StorageUnavailable from any method."""

    def append_audit(self, link: Callable[[AuditHead], tuple[Sequence[AuditRow], AuditHead]]) -> None:
        """Ask `link` for rows after the present head and for the new head, and store both in one transaction, which
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
        """Remove some of the rows at the beginning that are all older than this time, and raise the floor; how many
        went, 0 where there is nothing more to remove. `seal` seals the new head."""
        ...
