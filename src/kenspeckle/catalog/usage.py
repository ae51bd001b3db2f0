"""Requests counted against the quotas of keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, delete, func, insert, literal, select, update

from kenspeckle.catalog.base import Part
from kenspeckle.catalog.tables import usage
from kenspeckle.domain import Period
from kenspeckle.ports import Used

_CARRIED = "carried"
"""The writer of what a key took over from the one that it replaced."""

_OTHERS = select(func.coalesce(func.sum(usage.c.used), 0)).where(
    usage.c.key_id == bindparam("of_key"),
    usage.c.period == bindparam("of_period"),
    usage.c.began == bindparam("since"),
    usage.c.writer != bindparam("beside"),
)
_SUMS = select(usage.c.key_id, usage.c.period, usage.c.began, func.sum(usage.c.used)).group_by(
    usage.c.key_id, usage.c.period, usage.c.began
)
_OWN = (
    usage.c.key_id == bindparam("of_key"),
    usage.c.period == bindparam("of_period"),
    usage.c.began == bindparam("since"),
    usage.c.writer == bindparam("by"),
)


class Usage(Part):
    """`ports.Usage`."""

    def used(self, key_id: str, period: Period, began: int, *, beside: str) -> int:
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

    def carry(self, key_id: str, to: str) -> None:
        sums = select(literal(to), usage.c.period, usage.c.began, literal(_CARRIED), func.sum(usage.c.used))
        with self.database.write() as connection:
            connection.execute(
                insert(usage).from_select(
                    ["key_id", "period", "began", "writer", "used"],
                    sums.where(usage.c.key_id == key_id).group_by(usage.c.period, usage.c.began),
                )
            )
