"""Jobs in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kenspeckle.domain import SEVERAL, UNFINISHED, Job, JobKind, JobLost, JobState, Page
from kenspeckle.errors import Conflict, InvalidCursor, JobNotFound


@dataclass
class _Row:
    job: Job
    owner: str = ""
    lease: float = 0.0


class FakeJobs:
    """`ports.Jobs` in memory."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Row] = {}
        self._guard = threading.RLock()

    def add_job(self, job: Job) -> None:
        with self._guard:
            for one in self._jobs.values():
                same = (one.job.kind, one.job.collection_id) == (job.kind, job.collection_id)
                if same and job.kind not in SEVERAL and one.job.state in UNFINISHED:
                    raise Conflict(f"Job {one.job.job_id} is not finished.")
            self._jobs[job.job_id] = _Row(job)

    def job(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            raise JobNotFound(f"There is no job '{job_id}'.")
        return self._jobs[job_id].job

    def jobs(
        self, collections: Sequence[str] | None, state: JobState | None, limit: int, cursor: str | None
    ) -> Page[Job]:
        found = [
            one.job
            for one in reversed(self._jobs.values())
            if (collections is None or one.job.collection_id in collections) and state in (None, one.job.state)
        ]
        if cursor is not None and not cursor.isdecimal():
            raise InvalidCursor("This page token was not handed out for this list.")
        start = int(cursor or 0)
        more = len(found) > start + limit
        return Page(tuple(found[start : start + limit]), str(start + limit) if more else None)

    def take_job(self, kinds: Sequence[JobKind], owner: str, now: float, until: float, horizon: float) -> Job | None:
        with self._guard:
            for one in self._jobs.values():
                ended = one.job.state is JobState.RUNNING and (one.lease <= now or one.lease > horizon)
                if one.job.kind in kinds and (one.job.state is JobState.QUEUED or ended):
                    one.job = replace(one.job, state=JobState.RUNNING, attempts=one.job.attempts + 1)
                    one.owner, one.lease = owner, until
                    return one.job
        return None

    def hold_job(self, job_id: str, owner: str, until: float, done: int, total: int) -> bool:
        with self._guard:
            one = self._mine(job_id, owner)
            attempts = 1 if one.job.done < done else one.job.attempts
            one.lease, one.job = until, replace(one.job, done=done, total=total, attempts=attempts)
            return not one.job.cancelling

    def finish_job(
        self, job_id: str, owner: str, state: JobState, now: float, error: str, result: Mapping[str, object] | None
    ) -> None:
        with self._guard:
            one = self._mine(job_id, owner)
            one.job = replace(one.job, state=state, finished_at=now, error=error, result=result)

    def release_job(self, job_id: str, owner: str) -> None:
        with self._guard:
            one = self._jobs.get(job_id)
            if one is not None and one.owner == owner and one.job.state is JobState.RUNNING:
                one.job, one.owner = replace(one.job, state=JobState.QUEUED, attempts=1), ""

    def cancel_job(self, job_id: str, now: float) -> Job:
        with self._guard:
            self.job(job_id)
            one = self._jobs[job_id]
            if one.job.state is JobState.QUEUED and not one.job.attempts:
                one.job = replace(one.job, state=JobState.CANCELLED, finished_at=now)
            elif one.job.state in UNFINISHED:
                one.job = replace(one.job, cancelling=True)
            return one.job

    def trim_jobs(self, before: float) -> int:
        with self._guard:
            old = [name for name, one in self._jobs.items() if (one.job.finished_at or before) < before]
            for name in old:
                del self._jobs[name]
            return len(old)

    def _mine(self, job_id: str, owner: str) -> _Row:
        one = self._jobs.get(job_id)
        if one is None or one.owner != owner or one.job.state is not JobState.RUNNING:
            raise JobLost(f"Job {job_id} was taken over by another process.")
        return one
