"""The audit trail: rows are appended, read in order, and removed from the beginning; nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from kenspeckle.catalog.base import Part
from kenspeckle.catalog.database import each, fetch
from kenspeckle.catalog.tables import audit, audit_head
from kenspeckle.domain.audit import AuditHead, AuditRow
from kenspeckle.errors import StorageUnavailable
from kenspeckle.ports import AuditQuery
from kenspeckle.ports.trail import FAILED, OK

BATCH = 1000

_COLUMNS = (
    audit.c.number,
    audit.c.at,
    audit.c.operation,
    audit.c.outcome,
    audit.c.who,
    audit.c.name,
    audit.c.request_id,
    audit.c.address,
    audit.c.collection_id,
    audit.c.face_count,
    audit.c.faces,
    audit.c.facts,
    audit.c.hash,
    audit.c.seal,
)
_NAMES = tuple(column.name for column in _COLUMNS)
_HEAD = select(audit_head.c.number, audit_head.c.hash, audit_head.c.floor, audit_head.c.floor_hash, audit_head.c.seal)
_HELD_HEAD = _HEAD.with_for_update()
_ADD = insert(audit)
_MOVE = update(audit_head).values(
    number=bindparam("to_number"),
    hash=bindparam("to_hash"),
    floor=bindparam("to_floor"),
    floor_hash=bindparam("to_floor_hash"),
    seal=bindparam("to_seal"),
)
_THAT = select(audit.c.number).where(audit.c.number == bindparam("of_number"), audit.c.hash == bindparam("of_hash"))
_AFTER = select(*_COLUMNS).where(audit.c.number > bindparam("after")).order_by(audit.c.number).limit(BATCH)
_OLDEST = select(audit.c.number, audit.c.at, audit.c.hash).order_by(audit.c.number).limit(BATCH)
_DROP = delete(audit).where(audit.c.number <= bindparam("through"))


class Audit(Part):
    """Implements `ports.Trail`."""

    _end: AuditHead | None = None
    """The end of the trail as this process last left it."""

    def append_audit(self, link: Callable[[AuditHead], tuple[Sequence[AuditRow], AuditHead]]) -> None:
        lost: AuditRow | None = None
        if self.database.append and (before := self._end) is not None:
            added, head = link(before)
            if len(added) == 1:
                try:
                    if self.database.once(self.database.append, _append(before, added[0], head)):
                        self._end = head
                        return
                except StorageUnavailable as error:
                    if not error.lost:
                        raise
                    lost = added[0]  # it may be stored: that is seen below, where nobody else appends
        with self.database.write_quickly() as quick:
            present = AuditHead(*quick.fetch(_HELD_HEAD, {})[0])
            if lost is not None and quick.fetch(_THAT, {"of_number": lost.number, "of_hash": lost.hash}):
                self._end = None
                return
            added, head = link(present)
            for one in added:
                quick.run(_ADD, _values(one))
            quick.run(_MOVE, _move(head))
        self._end = head

    def audit_head(self) -> AuditHead:
        with self.database.read() as connection:
            return _head(connection, _HEAD)

    def audit_rows(self, after: int = 0) -> Iterator[AuditRow]:
        with self.database.read() as connection:
            while found := fetch(connection, _AFTER, {"after": after}):
                for one in found:
                    yield AuditRow(*one)
                after = found[-1][0]

    def find_audit(self, query: AuditQuery, limit: int) -> list[AuditRow]:
        statement = select(*_COLUMNS).order_by(audit.c.number.desc()).limit(limit)
        for column, wanted in (
            (audit.c.who, query.who),
            (audit.c.collection_id, query.collection_id),
            (audit.c.operation, query.operation),
        ):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if query.outcome == FAILED:
            statement = statement.where(audit.c.outcome != OK)
        elif query.outcome is not None:
            statement = statement.where(audit.c.outcome == query.outcome)
        if query.since is not None:
            statement = statement.where(audit.c.at >= query.since)
        if query.before is not None:
            statement = statement.where(audit.c.number < query.before)
        with self.database.read() as connection:
            return [AuditRow(*tuple(one)) for one in connection.execute(statement)]

    def trim_audit(self, older: float, seal: Callable[[AuditHead], AuditHead]) -> int:
        with self.database.write() as connection:
            head = _head(connection, _HELD_HEAD)
            through = None
            for number, at, made in fetch(connection, _OLDEST, {}):
                if at >= older:
                    break
                through = (number, made)
            if through is None or through[0] <= head.floor:
                return 0
            # The floor first: a trigger keeps every row above it.
            each(connection, _MOVE, [_move(seal(replace(head, floor=through[0], floor_hash=through[1])))])
            connection.execute(_DROP, {"through": through[0]})
            return int(through[0] - head.floor)


def _head(connection: Connection, wanted: Select[Any]) -> AuditHead:
    return AuditHead(*fetch(connection, wanted, {})[0])


def _move(head: AuditHead) -> dict[str, object]:
    return {
        "to_number": head.number,
        "to_hash": head.hash,
        "to_floor": head.floor,
        "to_floor_hash": head.floor_hash,
        "to_seal": head.seal,
    }


def _append(before: AuditHead, row: AuditRow, after: AuditHead) -> dict[str, object]:
    """Parameters of `Database.append`."""
    return {
        **_values(row),
        "row_seal": row.seal,
        "seal": after.seal,
        "was_number": before.number,
        "was_hash": before.hash,
        "was_floor": before.floor,
        "was_floor_hash": before.floor_hash,
        "was_seal": before.seal,
    }


def _values(row: AuditRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in _NAMES}
