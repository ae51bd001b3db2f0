"""The queue of jobs as edges use it: submit, list, show, wait, cancel; each key sees those of its collections."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping

from kenspeckle.domain import UNFINISHED, Job, JobKind, JobState, Page, Principal
from kenspeckle.errors import JobNotFound
from kenspeckle.ports import Jobs
from kenspeckle.usecases.audit.recorder import Recorder

POLL_SECONDS = 0.2


class JobQueue:
    """Jobs of one catalog; starts and cancellations are in the audit trail. `nudge` wakes this process's runner."""

    def __init__(
        self,
        jobs: Jobs,
        recorder: Recorder,
        nudge: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._jobs = jobs
        self._recorder = recorder
        self.nudge = nudge
        self._now = now

    def submit(self, kind: JobKind, collection_id: str | None, parameters: Mapping[str, object] | None = None) -> Job:
        """Queue a job. Raises Conflict where one of that kind and collection is unfinished."""
        job = Job(f"job-{secrets.token_hex(8)}", kind, collection_id, self._now(), parameters or {})
        self._jobs.add_job(job)
        self._record("StartJob", job)
        self.nudge()
        return job

    def list(
        self, principal: Principal, state: JobState | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Job]:
        """Newest first, those that the principal may see."""
        key = principal.key
        granted = sorted(key.collections) if key is not None and key.collections else None
        return self._jobs.jobs(granted, state, limit, cursor)

    def show(self, principal: Principal, job_id: str) -> Job:
        """Raises JobNotFound, also for a job that the principal may not see."""
        job = self._jobs.job(job_id)
        key = principal.key
        if key is not None and key.collections and job.collection_id not in key.collections:
            raise JobNotFound.named(job_id)
        return job

    def cancel(self, principal: Principal, job_id: str) -> Job:
        """End a queued job at once, a running one at its next step. Raises JobNotFound."""
        self.show(principal, job_id)
        job = self._jobs.cancel_job(job_id, self._now())
        self._record("CancelJob", job)
        return job

    def wait(
        self,
        principal: Principal,
        job_id: str,
        seconds: float = float("inf"),
        tell: Callable[[Job], None] = lambda job: None,
    ) -> Job:
        """The job once it has ended, or as it is after `seconds`. `tell` is told of it each time it is looked at."""
        until = time.monotonic() + seconds
        while True:
            job = self.show(principal, job_id)
            tell(job)
            if job.state not in UNFINISHED or time.monotonic() >= until:
                return job
            time.sleep(POLL_SECONDS)

    def _record(self, operation: str, job: Job) -> None:
        facts = {"job": job.job_id, "kind": job.kind.value, "state": job.state.value}
        self._recorder.record(self._recorder.entry(operation, job.collection_id, facts=facts))
