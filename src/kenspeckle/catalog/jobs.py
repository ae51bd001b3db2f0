"""Jobs: rows that any process works on under a lease, and another process takes over when that one dies."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, and_, case, delete, insert, or_, select, update

from kenspeckle.catalog.base import Part, one_at_a_time
from kenspeckle.catalog.tables import jobs
from kenspeckle.domain import SEVERAL, UNFINISHED, WITHIN, Claim, Job, JobKind, JobLost, JobState, Page
from kenspeckle.errors import Conflict, JobNotFound

JOB = select(
    jobs.c.row,
    jobs.c.job_id,
    jobs.c.kind,
    jobs.c.collection_id,
    jobs.c.created_at,
    jobs.c.parameters,
    jobs.c.state,
    jobs.c.done,
    jobs.c.total,
    jobs.c.error,
    jobs.c.result,
    jobs.c.finished_at,
    jobs.c.cancelling,
    jobs.c.attempts,
)
unfinished = jobs.c.state.in_([one.value for one in UNFINISHED])
_STAGING = (JobKind.UPGRADE.value, JobKind.VIDEO.value)
_RUNNING = jobs.c.state == JobState.RUNNING.value


class Jobs(Part):
    """Implements `ports.Jobs`."""

    def add_job(self, job: Job) -> None:
        same = and_(unfinished, jobs.c.kind == job.kind.value, jobs.c.collection_id == job.collection_id)
        with self.database.write() as connection:
            one_at_a_time(connection)
            other = None if job.kind in SEVERAL else connection.execute(select(jobs.c.job_id).where(same)).scalar()
            if other is not None:
                of = "" if job.collection_id is None else f" of collection '{job.collection_id}'"
                raise Conflict(
                    f"Job {other} ({job.kind.value}{of}) is not finished; wait for it or cancel it.", field="job"
                )
            insert_job(connection, job)

    def has_unfinished(self, kind: JobKind) -> bool:
        """Whether a job of this kind is queued or running."""
        with self.database.read() as connection:
            found = connection.execute(select(jobs.c.row).where(unfinished, jobs.c.kind == kind.value).limit(1))
            return found.scalar() is not None

    def job(self, job_id: str) -> Job:
        with self.database.read() as connection:
            return _one(connection, job_id)

    def jobs(
        self, collections: Sequence[str] | None, state: JobState | None, limit: int, cursor: str | None
    ) -> Page[Job]:
        bound = ("jobs", None if collections is None else sorted(collections), state)
        before = self.cursors.read(cursor, *bound)
        statement = JOB.order_by(jobs.c.row.desc()).limit(limit + 1)
        if before:
            statement = statement.where(jobs.c.row < before)
        if collections is not None:
            statement = statement.where(jobs.c.collection_id.in_(collections))
        if state is not None:
            statement = statement.where(jobs.c.state == state.value)
        with self.database.read() as connection:
            found = connection.execute(statement).all()
        return self.page(found, limit, job_of, bound)

    def take_job(self, kinds: Sequence[JobKind], owner: str, now: float, until: float, horizon: float) -> Job | None:
        ended = or_(jobs.c.lease_until <= now, jobs.c.lease_until > horizon)
        free = or_(jobs.c.state == JobState.QUEUED.value, and_(_RUNNING, ended))
        due = select(jobs.c.row).where(jobs.c.kind.in_([one.value for one in kinds]), free)
        with self.database.read() as connection:  # usually there is none, and reading takes no lock
            if connection.execute(due.limit(1)).first() is None:
                return None
        with self.database.write() as connection:
            row = connection.execute(due.order_by(jobs.c.row).limit(1).with_for_update(skip_locked=True)).scalar()
            if row is None:
                return None
            mine = {"state": JobState.RUNNING.value, "owner": owner, "lease_until": until}
            connection.execute(update(jobs).where(jobs.c.row == row).values(**mine, attempts=jobs.c.attempts + 1))
            return job_of(connection.execute(JOB.where(jobs.c.row == row)).one())

    def hold_job(self, job_id: str, owner: str, until: float, done: int, total: int) -> bool:
        with self.database.write() as connection:
            # Progress resets the count of processes that died while they worked on it.
            attempts = case((jobs.c.done < done, 1), else_=jobs.c.attempts)
            held = {"lease_until": until, "done": done, "total": total, "attempts": attempts}
            self._mine(connection, job_id, owner, held)
            return not connection.execute(select(jobs.c.cancelling).where(jobs.c.job_id == job_id)).scalar_one()

    def finish_job(
        self, job_id: str, owner: str, state: JobState, now: float, error: str, result: Mapping[str, object] | None
    ) -> None:
        values = {
            "state": state.value,
            "finished_at": now,
            "error": error,
            "result": None if result is None else orjson.dumps(result).decode(),
            "lease_until": 0.0,
        }
        with self.database.write() as connection:
            self._mine(connection, job_id, owner, values)

    def release_job(self, job_id: str, owner: str) -> None:
        given = {"state": JobState.QUEUED.value, "owner": "", "lease_until": 0.0, "attempts": 1}
        with self.database.write() as connection:
            connection.execute(update(jobs).where(_is_owned(job_id, owner)).values(**given))

    def cancel_job(self, job_id: str, now: float) -> Job:
        with self.database.write() as connection:
            found = _one(connection, job_id, to_write=True)
            if found.state is JobState.QUEUED and not found.attempts:
                ended = {"state": JobState.CANCELLED.value, "finished_at": now}
                connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**ended))
            elif found.state in UNFINISHED:
                connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(cancelling=True))
            return _one(connection, job_id)

    def end_staged(self, error: str) -> None:
        """End upgrades and jobs of videos that are unfinished: what they had staged is not there, as after a
        restore."""
        ended = {"state": JobState.FAILED.value, "error": error, "finished_at": self.database.now()}
        with self.database.write() as connection:
            connection.execute(update(jobs).where(unfinished, jobs.c.kind.in_(_STAGING)).values(**ended))

    def trim_jobs(self, before: float) -> int:
        with self.database.write() as connection:
            return connection.execute(delete(jobs).where(jobs.c.finished_at < before)).rowcount

    def _mine(self, connection: Connection, job_id: str, owner: str, values: dict[str, Any]) -> None:
        if not connection.execute(update(jobs).where(_is_owned(job_id, owner)).values(**values)).rowcount:
            raise JobLost(f"Job {job_id} was taken over by another process.")


def insert_job(connection: Connection, job: Job) -> None:
    """In the transaction of what belongs to it."""
    values = {
        "job_id": job.job_id,
        "kind": job.kind.value,
        "collection_id": job.collection_id,
        "created_at": job.created_at,
        "parameters": orjson.dumps(job.parameters).decode(),
        "state": job.state.value,
        "done": job.done,
        "total": job.total,
        "error": job.error,
        "cancelling": False,
        "attempts": 0,
        "owner": "",
        "lease_until": 0.0,
    }
    connection.execute(insert(jobs), values)


def check_claim(connection: Connection, claim: Claim) -> None:
    """In a transaction that stores what a job has done. Raises JobLost where it is another's by now, or has ended."""
    mine = select(jobs.c.row).where(_is_owned(claim.job_id, claim.owner)).with_for_update()
    if connection.execute(mine).first() is None:
        raise JobLost(f"Job {claim.job_id} was taken over by another process, or has ended.")


def end_jobs_of(connection: Connection, collection_id: str) -> None:
    """In the transaction that deletes a collection: nothing works on what it holds any more."""
    within = jobs.c.kind.in_([one.value for one in WITHIN])
    ended = {"state": JobState.FAILED.value, "error": "The collection was deleted.", "finished_at": time.time()}
    connection.execute(update(jobs).where(unfinished, within, jobs.c.collection_id == collection_id).values(**ended))


def _is_owned(job_id: str, owner: str) -> Any:
    return and_(jobs.c.job_id == job_id, jobs.c.owner == owner, _RUNNING)


def _one(connection: Connection, job_id: str, *, to_write: bool = False) -> Job:
    wanted = JOB.where(jobs.c.job_id == job_id)
    found = connection.execute(wanted.with_for_update() if to_write else wanted).first()
    if found is None:
        raise JobNotFound.of_id(job_id)
    return job_of(found)


def job_of(columns: Any) -> Job:
    result = columns.result
    return Job(
        job_id=columns.job_id,
        kind=JobKind(columns.kind),
        collection_id=columns.collection_id,
        created_at=columns.created_at,
        parameters=orjson.loads(columns.parameters),
        state=JobState(columns.state),
        done=columns.done,
        total=columns.total,
        error=columns.error,
        result=None if result is None else orjson.loads(result),
        finished_at=columns.finished_at,
        cancelling=bool(columns.cancelling),
        attempts=columns.attempts,
    )
