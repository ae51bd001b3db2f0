"""Requests counted against the quotas of keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import CTE, Select, bindparam, delete, func, insert, or_, select, update

from kenspeckle.catalog.base import Part
from kenspeckle.catalog.tables import keys, usage
from kenspeckle.domain import Period
from kenspeckle.ports import Used


def _line(first: Select[Any]) -> CTE:
    """Keys with all keys that they replaced, in turn: `key_id` and each `member`, the key itself included. Summed at
    each query, so that counts which another process still writes for a replaced key are included."""
    line = first.add_columns(keys.c.key_id.label("member"), keys.c.replaces).cte("line", recursive=True)
    before = select(line.c.key_id, keys.c.key_id, keys.c.replaces).where(keys.c.key_id == line.c.replaces)
    return line.union(before)


_LINE_OF_ONE = _line(select(keys.c.key_id).where(keys.c.key_id == bindparam("of_key")))
_OTHERS = (
    select(func.coalesce(func.sum(usage.c.used), 0))
    .join(_LINE_OF_ONE, _LINE_OF_ONE.c.member == usage.c.key_id)
    .where(
        usage.c.period == bindparam("of_period"),
        usage.c.began == bindparam("since"),
        or_(usage.c.writer != bindparam("beside"), usage.c.key_id != bindparam("of_key")),
    )
)
_LINES = _line(select(keys.c.key_id))
_SUMS = (
    select(_LINES.c.key_id, usage.c.period, usage.c.began, func.sum(usage.c.used))
    .join(_LINES, _LINES.c.member == usage.c.key_id)
    .group_by(_LINES.c.key_id, usage.c.period, usage.c.began)
)
_OWN = (
    usage.c.key_id == bindparam("of_key"),
    usage.c.period == bindparam("of_period"),
    usage.c.began == bindparam("since"),
    usage.c.writer == bindparam("by"),
)


class Usage(Part):
    """`ports.Usage`."""

    def count_used(self, key_id: str, period: Period, began: int, *, beside: str) -> int:
        parameters = {"of_key": key_id, "of_period": period.value, "since": began, "beside": beside}
        return int(self.database.rows(_OTHERS, parameters)[0][0])

    def all_used(self) -> Sequence[Used]:
        rows = self.database.rows(_SUMS, {})
        return [Used(key_id, Period(period), began, int(used)) for key_id, period, began, used in rows]

    def count(self, writer: str, counts: Iterable[Used]) -> None:
        with self.database.write() as connection:
            for one in counts:
                own = {"of_key": one.key_id, "of_period": one.period.value, "since": one.began, "by": writer}
                if connection.execute(update(usage).where(*_OWN).values(used=one.used), own).rowcount == 0:
                    earlier = delete(usage).where(usage.c.key_id == one.key_id, usage.c.began < one.began)
                    connection.execute(earlier.where(usage.c.period == one.period.value))
                    values = {"key_id": one.key_id, "period": one.period.value, "began": one.began, "writer": writer}
                    connection.execute(insert(usage), values | {"used": one.used})
