"""Notices of the end of videos, which are due until a topic has taken them."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import bindparam, select, update

from kenspeckle.catalog.base import Part
from kenspeckle.catalog.jobs import unfinished
from kenspeckle.catalog.tables import (
    jobs,
    videos,
)
from kenspeckle.domain import (
    Notice,
)

_DUE = (
    select(
        videos.c.row,
        videos.c.job_id,
        videos.c.topic,
        videos.c.notice_attempts,
        jobs.c.state,
        jobs.c.parameters,
        jobs.c.collection_id,
        jobs.c.finished_at,
    )
    .join(jobs, jobs.c.job_id == videos.c.job_id)
    .where(videos.c.notice_due <= bindparam("now"), ~unfinished)
    .order_by(videos.c.notice_due)
    .limit(bindparam("most"))
)


class VideoNotices(Part):
    """The part of `ports.Videos` that tells topics of the end of a video."""

    def due_notices(self, now: float, until: float, limit: int) -> list[Notice]:
        asked = {"now": now, "most": limit}
        with self.database.read() as connection:  # usually nothing is due, and reading takes no lock
            if connection.execute(_DUE, asked).first() is None:
                return []
        with self.database.write() as connection:
            found = connection.execute(_DUE, asked).all()
            for one in found:
                claimed = {"notice_due": until, "notice_attempts": one.notice_attempts + 1}
                connection.execute(update(videos).where(videos.c.row == one.row).values(**claimed))
        return [Notice(one.job_id, one.topic, _parameters_of(one), one.notice_attempts) for one in found]

    def settle_notice(self, job_id: str, due_at: float | None) -> None:
        with self.database.write() as connection:
            connection.execute(update(videos).where(videos.c.job_id == job_id).values(notice_due=due_at))


def _parameters_of(one: Any) -> dict[str, object]:
    about = {"state": one.state, "collection_id": one.collection_id, "finished_at": one.finished_at}
    return {**orjson.loads(one.parameters), **about}
