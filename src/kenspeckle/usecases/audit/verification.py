"""The audit trail as a whole: verification row by row, trimming by age, and anchors (hashes that are kept
elsewhere)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kenspeckle import moments
from kenspeckle.domain.audit import AuditHead, AuditRow, describe, is_sealed, row_hash, seal_head, seal_of
from kenspeckle.domain.audit_anchor import AuditAnchor, is_anchor, make_anchor, read, to_line
from kenspeckle.errors import InvalidValue
from kenspeckle.ports import AuditQuery, Trail
from kenspeckle.usecases.audit.recorder import ALARMS, NEW_KEY, TRIMMED, Recorder

DAY = 86_400.0
MOST_FINDINGS = 100

SHOWN = "ShowAudit"
EXPORTED = "ExportAudit"
ANCHORED = "AnchorAudit"

ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-fA-F]{64})\Z")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and at which row."""

    number: int
    what: str


@dataclass(slots=True)
class Verified:
    """Result of `verify`. `anchor` is the newest row as `NUMBER:HASH`, worth noting where no one can change it.

    Rows up to `former` are sealed under a master key that was replaced; the chain of hashes confirms them."""

    rows: int = 0
    first: int = 0
    anchor: str = ""
    former: int = 0
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

    def describe(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "sound": self.sound,
            "rows": self.rows,
            "first": self.first,
            "anchor": self.anchor,
            "former_key_through": self.former,
            "findings": [{"number": one.number, "what": one.what} for one in self.findings],
            "more_findings": self.more,
        }


def anchor_of(head: AuditHead) -> str:
    """A row to be noted elsewhere, as `NUMBER:HASH`."""
    return f"{head.number}:{head.hash.hex()}"


def parse_anchor(text: str) -> AuditAnchor | tuple[int, bytes]:
    """A row as it was noted: NUMBER:HASH, or what `kenspeckle audit anchor` wrote. Raises InvalidValue."""
    document = read(text.encode())
    if document is not None:
        return document
    found = ANCHOR.match(text)
    if found is None:
        raise InvalidValue(
            "An anchor is NUMBER:HASH, as `kenspeckle audit verify` prints it, or a file of `kenspeckle audit anchor`.",
            field="anchor",
        )
    return int(found[1]), bytes.fromhex(found[2])


def verify(
    trail: Trail,
    key: bytes,
    anchor: str | None = None,
    kept: Sequence[AuditAnchor] = (),
    locked: Sequence[AuditAnchor] = (),
) -> Verified:
    """Every row's number, hash and seal, and that the newest is where the head says.

    With an `anchor`, that its row is there and unchanged; rows up to it may then be sealed under another master key,
    for their hashes confirm them, as for rows before one that names a new key. `kept` are anchors of the file
    beside the database, `locked` of a bucket, whose rows have to be there too. Raises InvalidValue,
    StorageUnavailable."""
    given = parse_anchor(anchor) if anchor is not None else None
    known = (given.number, given.hash) if isinstance(given, AuditAnchor) else given
    head = trail.audit_head()
    found = Verified(anchor=anchor_of(head))
    if not head.begun:
        found.find(0, "the trail was never begun, or it was wiped")
    elif not is_sealed(head, key):
        found.find(head.number, "the head of the trail is not sealed under this master key: it was changed")
    noted = [
        (one, where)
        for anchors, where in ((kept, "the anchor file beside the database"), (locked, "an anchor in the bucket"))
        for one in [one for one in anchors if is_anchor(one, key)][:1]
    ]
    if kept and not any(is_anchor(one, key) for one in kept):
        found.find(kept[0].number, "the anchor file beside the database is not sealed under this master key")
    rows = _Rows(found, head, key, known, noted)
    last = rows.read(trail.audit_rows())
    if last.number < head.number:
        found.find(last.number + 1, f"rows {last.number + 1} to {head.number} are missing: the end was cut off")
    elif last.number == head.number and last.hash != head.hash:
        found.find(head.number, "the newest row is not the one that the head names")
    if known is not None and not head.floor < known[0] <= last.number:
        found.find(known[0], "the anchor's row is not there" + (", it was trimmed" if known[0] <= head.floor else ""))
    if isinstance(given, AuditAnchor) and given.number > found.former and not is_anchor(given, key):
        found.find(given.number, "the anchor is not sealed under this master key")
    for one, where in noted:
        if one.number > last.number:
            found.find(
                last.number + 1,
                f"rows {last.number + 1} to {one.number} are missing, which {where} names: the end was cut off",
            )
    return found


class _Rows:
    """Looks at one row after the other. `known` is an anchor that was given, `noted` are those that were kept,
    with where."""

    def __init__(
        self,
        found: Verified,
        head: AuditHead,
        key: bytes,
        known: tuple[int, bytes] | None,
        noted: Sequence[tuple[AuditAnchor, str]],
    ) -> None:
        self._found = found
        self._head = head
        self._key = key
        self._known = known
        self._noted = noted
        self._unsealed: list[int] = []
        self._more_unsealed = 0

    def read(self, rows: Iterable[AuditRow]) -> AuditHead:
        """The last existing row, as a head."""
        head = self._head
        number, made = head.floor, head.floor_hash
        for row in rows:
            self._found.rows += 1
            self._found.first = self._found.first or row.number
            if row.number <= head.floor:
                self._found.find(row.number, "row that age should have removed: it was put in again")
                continue
            linked = self._link(number, made, row)
            self._look(row, linked, made)
            # Each row is checked against the hash that the row before states, so that one change is one finding.
            number, made = row.number, row.hash
        unsealed = len(self._unsealed) + self._more_unsealed
        if unsealed > 1 and unsealed == self._found.rows:
            self._found.find(
                self._unsealed[0],
                f"none of the {unsealed:,} rows is sealed under this master key: it is another one than they were "
                "written under, or all were put in by someone who has no key",
            )
            self._unsealed, self._more_unsealed = [], 0
        for one in self._unsealed:
            self._found.find(one, "not sealed under this master key: changed or put in by someone who has no key")
        self._found.more += self._more_unsealed
        self._found.findings.sort(key=lambda one: one.number)
        return AuditHead(number, made)

    def _link(self, number: int, made: bytes, row: AuditRow) -> bool:
        """Whether the row follows the one before."""
        if row.number > number + 1:
            gap = f"row {number + 1} is" if row.number == number + 2 else f"rows {number + 1} to {row.number - 1} are"
            self._found.find(number + 1, f"{gap} missing")
            return False
        if row_hash(made, row) != row.hash:
            self._found.find(row.number, "changed: its content does not have its hash")
            return False
        return True

    def _look(self, row: AuditRow, linked: bool, made: bytes) -> None:
        found, known = self._found, self._known
        if row.seal != seal_of(self._key, row.hash):
            if known is None or row.number > known[0]:
                if len(self._unsealed) < MOST_FINDINGS:
                    self._unsealed.append(row.number)
                else:
                    self._more_unsealed += 1
        elif row.operation == NEW_KEY and linked and _confirms(row, made):
            found.former = row.number - 1
            self._unsealed.clear()
            self._more_unsealed = 0
        if row.number > self._head.number:
            found.find(row.number, "beyond the head of the trail: put in by someone else")
        if known is not None and row.number == known[0] and row.hash != known[1]:
            found.find(row.number, "not the row that the anchor names")
        for one, where in self._noted:
            if row.number == one.number and row.hash != one.hash:
                found.find(row.number, f"not the row that {where} names")
        if row.operation in ALARMS:
            found.find(row.number, f"the service itself noted {row.operation}: {row.facts}")


def _confirms(row: AuditRow, made: bytes) -> bool:
    """Whether this row, which says that another master key holds from here, names the one before it."""
    facts = describe(row)["facts"]
    return isinstance(facts, dict) and (facts.get("number"), facts.get("hash")) == (row.number - 1, made.hex())


def moment(text: str, now: float) -> float:
    """The time that an age (12h, 30d) or an ISO date or time (UTC) names. Raises InvalidValue."""
    seconds = moments.age(text.strip())
    if seconds is not None:
        return now - seconds
    try:
        return moments.parse_moment(text.strip())
    except (ValueError, OverflowError):
        raise InvalidValue(
            f"'{text[:40]}' is no time; write an age as 12h or 30d, or a date or time as 2026-01-31.", field="since"
        ) from None


def read_rows(recorder: Recorder, query: AuditQuery, limit: int) -> list[AuditRow]:
    """Rows that fit, newest first. The query itself is in the trail before it is answered."""
    rows = recorder.trail.find_audit(query, limit)
    recorder.record(recorder.entry(SHOWN, query.collection_id, facts={"rows": len(rows)}))
    return rows


def lines(trail: Trail, after: int = 0) -> Iterator[dict[str, Any]]:
    """Every row above the number `after`, for export."""
    return (describe(row) for row in trail.audit_rows(after))


def anchor(recorder: Recorder, kept: Sequence[AuditAnchor]) -> bytes:
    """The newest row, which records this export, as a file that `verify` accepts."""
    row = recorder.record(recorder.entry(ANCHORED))
    head = recorder.trail.audit_head()
    if row is not None:
        head = AuditHead(row.number, row.hash)
    return to_line(make_anchor(1 + max((one.counter for one in kept), default=0), head, recorder.key))


def trim(recorder: Recorder, days: int, now: float) -> int:
    """Remove rows older than `days` days (0: none), and record it; how many went."""
    if days <= 0:
        return 0
    gone = 0
    while some := recorder.trail.trim_audit(now - days * DAY, lambda head: seal_head(head, recorder.key)):
        gone += some
    if gone:
        head = recorder.trail.audit_head()
        facts = {"rows": gone, "through": head.floor, "hash": head.floor_hash.hex(), "days": days}
        recorder.record(recorder.entry(TRIMMED, facts=facts))
    return gone
