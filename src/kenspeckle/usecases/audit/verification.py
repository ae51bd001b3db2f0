"""The audit trail as a whole: verified row by row, trimmed by age, and anchored by hashes that were noted elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kenspeckle.domain.audit import AuditHead, AuditRow, described, is_sealed, row_hash, seal_of, sealed
from kenspeckle.errors import InvalidValue
from kenspeckle.ports import AuditQuery, Trail
from kenspeckle.usecases.audit.recorder import ALARMS, TRIMMED, Recorder

DAY = 86_400.0
MOST_FINDINGS = 100

SHOWN = "ShowAudit"
EXPORTED = "ExportAudit"

_AGE = re.compile(r"([0-9]{1,6})([smhdw])\Z")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY, "w": 7 * DAY}
_ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-fA-F]{64})\Z")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, at which row."""

    number: int
    what: str


@dataclass(slots=True)
class Verified:
    """Result of `verify`. `anchor` is the newest row as `NUMBER:HASH`, worth noting where no one can change it."""

    rows: int = 0
    first: int = 0
    anchor: str = ""
    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    """Findings beyond the first hundred."""

    @property
    def sound(self) -> bool:
        return not self.findings

    def find(self, number: int, what: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(number, what))
        else:
            self.more += 1

    def described(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "sound": self.sound,
            "rows": self.rows,
            "first": self.first,
            "anchor": self.anchor,
            "findings": [{"number": one.number, "what": one.what} for one in self.findings],
            "more_findings": self.more,
        }


def anchor_of(head: AuditHead) -> str:
    """A row to be noted elsewhere, as `NUMBER:HASH`."""
    return f"{head.number}:{head.hash.hex()}"


def parsed_anchor(text: str) -> tuple[int, bytes]:
    """Raises InvalidValue."""
    found = _ANCHOR.match(text)
    if found is None:
        raise InvalidValue("An anchor is NUMBER:HASH, as `kenspeckle audit verify` prints it.", field="anchor")
    return int(found[1]), bytes.fromhex(found[2])


def verify(trail: Trail, key: bytes, anchor: str | None = None) -> Verified:
    """Every row's number, hash and seal, and that the newest is where the head says.

    With an `anchor`, that its row is there and unchanged; rows up to it may then be sealed under another master key,
    for the chain vouches for them. Raises InvalidValue, StorageUnavailable."""
    known = parsed_anchor(anchor) if anchor is not None else None
    head = trail.audit_head()
    found = Verified(anchor=anchor_of(head))
    if not head.begun:
        found.find(0, "the trail was never begun, or it was wiped")
    elif not is_sealed(head, key):
        found.find(head.number, "the head of the trail is not sealed under this master key: it was changed")
    last = _rows(found, trail.audit_rows(), head, key, known)
    if last.number < head.number:
        found.find(last.number + 1, f"rows {last.number + 1} to {head.number} are missing: the end was cut off")
    elif last.number == head.number and last.hash != head.hash:
        found.find(head.number, "the newest row is not the one that the head names")
    if known is not None and not head.floor < known[0] <= last.number:
        found.find(known[0], "the anchor's row is not there" + (", it was trimmed" if known[0] <= head.floor else ""))
    return found


def _rows(
    found: Verified, rows: Iterable[AuditRow], head: AuditHead, key: bytes, known: tuple[int, bytes] | None
) -> AuditHead:
    """The last row that is there, as a head."""
    number, made = head.floor, head.floor_hash
    for row in rows:
        found.rows += 1
        found.first = found.first or row.number
        if row.number <= head.floor:
            found.find(row.number, "row that age should have removed: it was put in again")
            continue
        if row.number > number + 1:
            gap = f"row {number + 1} is" if row.number == number + 2 else f"rows {number + 1} to {row.number - 1} are"
            found.find(number + 1, f"{gap} missing")
        elif row_hash(made, row) != row.hash:
            found.find(row.number, "changed: its content does not have its hash")
        # Each row is judged by the hash that the one before claims, so that one change is one finding.
        number, made = row.number, row.hash
        if row.seal != seal_of(key, row.hash) and (known is None or row.number > known[0]):
            found.find(row.number, "not sealed under this master key: changed or put in by someone who has no key")
        if row.number > head.number:
            found.find(row.number, "beyond the head of the trail: put in by someone else")
        if known is not None and row.number == known[0] and row.hash != known[1]:
            found.find(row.number, "not the row that the anchor names")
        if row.operation in ALARMS:
            found.find(row.number, f"the service itself noted {row.operation}: {row.facts}")
    return AuditHead(number, made)


def moment(text: str, now: float) -> float:
    """The time that an age (12h, 30d) or an ISO date or time (UTC) names. Raises InvalidValue."""
    found = _AGE.match(text.strip())
    if found is not None:
        return now - int(found[1]) * _UNITS[found[2]]
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidValue(
            f"'{text[:40]}' is no time; write an age as 12h or 30d, or a date or time as 2026-01-31.", field="since"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def shown(recorder: Recorder, query: AuditQuery, limit: int) -> list[AuditRow]:
    """Rows that fit, newest first. Who has looked is in the trail before it is answered."""
    rows = recorder.trail.find_audit(query, limit)
    recorder.record(recorder.entry(SHOWN, query.collection_id, facts={"rows": len(rows)}))
    return rows


def lines(trail: Trail, after: int = 0) -> Iterator[dict[str, Any]]:
    """Every row above the number `after`, for export."""
    return (described(row) for row in trail.audit_rows(after))


def trim(recorder: Recorder, days: int, now: float) -> int:
    """Remove rows older than `days` days (0: none), and record it; how many went."""
    if days <= 0:
        return 0
    gone = 0
    while some := recorder.trail.trim_audit(now - days * DAY, lambda head: sealed(head, recorder.key)):
        gone += some
    if gone:
        head = recorder.trail.audit_head()
        facts = {"rows": gone, "through": head.floor, "hash": head.floor_hash.hex(), "days": days}
        recorder.record(recorder.entry(TRIMMED, facts=facts))
    return gone
