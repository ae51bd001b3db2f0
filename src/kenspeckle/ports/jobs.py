"""Long work in the catalog: queued, taken on under a lease, reported, ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kenspeckle.domain import Job, JobKind, JobState, Page


class Jobs(Protocol):
    """Jobs of one catalog, which any process may take on. Every method is one transaction; when it returns, it is on
    disk. Times are epoch seconds.

    Raises StorageFull and StorageUnavailable from any method."""

    def add_job(self, job: Job) -> None:
        """Raises Conflict where a job of that kind and collection is unfinished."""
        ...

    def job(self, job_id: str) -> Job:
        """Raises JobNotFound."""
        ...

    def jobs(
        self, collections: Sequence[str] | None, state: JobState | None, limit: int, cursor: str | None
    ) -> Page[Job]:
        """Newest first, those of these collections alone (None: all jobs). Raises InvalidCursor."""
        ...

    def take_job(self, kinds: Sequence[JobKind], owner: str, now: float, until: float, horizon: float) -> Job | None:
        """Take on the oldest job that is queued, or whose lease ended before `now`; it is `owner`'s up to `until`.

        A lease that ends after `horizon` was given by a clock that was wrong, and counts as ended. None: there is
        none."""
        ...

    def hold_job(self, job_id: str, owner: str, until: float, done: int, total: int) -> bool:
        """Report progress and hold the job up to `until`. False where somebody has asked to cancel it. Where it has
        come further, `attempts` begin anew.

        Raises JobLost where it is not `owner`'s any more."""
        ...

    def finish_job(
        self, job_id: str, owner: str, state: JobState, now: float, error: str, result: Mapping[str, object] | None
    ) -> None:
        """End a job. Raises JobLost where it is not `owner`'s any more."""
        ...

    def release_job(self, job_id: str, owner: str) -> None:
        """Give a job back that is not finished, for another process to take on at once. Nothing where it is not
        `owner`'s any more."""
        ...

    def cancel_job(self, job_id: str, now: float) -> Job:
        """End a job that nobody has begun. One that runs, or was given back, is marked for whoever works on it next: it
        may have stored what is to be removed. Nothing more where it is finished.

        Raises JobNotFound."""
        ...

    def trim_jobs(self, before: float) -> int:
        """Forget jobs that finished before that time; how many."""
        ...
