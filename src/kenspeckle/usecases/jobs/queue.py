"""The queue of jobs: use cases submit to it; clients list, show, cancel and await the jobs that they may see."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence

from kenspeckle.domain import UNFINISHED, Job, JobKind, Page, validation
from kenspeckle.domain.operations import CancelJob, GetJob, Handlers, ListJobs
from kenspeckle.errors import JobNotFound
from kenspeckle.ports import Jobs, Recognizer
from kenspeckle.usecases.audit.recorder import Recorder

POLL_SECONDS = 0.2


class JobQueue:
    """Jobs of one catalog. `nudge` wakes this process's runner."""

    def __init__(
        self, jobs: Jobs, nudge: Callable[[], None] = lambda: None, now: Callable[[], float] = time.time
    ) -> None:
        self._jobs = jobs
        self.nudge = nudge
        self.served = False
        """Whether this process runs jobs beside requests."""
        self._now = now

    def handlers(self) -> Handlers:
        return dict([ListJobs.by(self.list_jobs), GetJob.by(self.get_job), CancelJob.by(self.cancel_job)])

    def submit(self, kind: JobKind, collection_id: str | None, parameters: Mapping[str, object] | None = None) -> Job:
        """Queue a job. Raises Conflict where one of that kind and collection is unfinished."""
        job = Job(f"job-{secrets.token_hex(8)}", kind, collection_id, self._now(), parameters or {})
        self.add(job)
        return job

    def add(self, job: Job) -> None:
        """Queue this job. Raises as `submit`."""
        self._jobs.add_job(job)
        self.nudge()

    def job(self, job_id: str) -> Job:
        """Raises JobNotFound."""
        return self._jobs.job(job_id)

    def list_jobs(self, operation: ListJobs) -> Page[Job]:
        """Raises InvalidCursor."""
        most = validation.count(operation.limit, validation.MAX_PAGE, "limit")
        return self._jobs.jobs(operation.only, operation.state, most, operation.cursor)

    def get_job(self, operation: GetJob) -> Job:
        """Raises JobNotFound."""
        return self._look_up(operation.job_id, operation.only)

    def cancel_job(self, operation: CancelJob) -> Job:
        """Raises JobNotFound."""
        self._look_up(operation.job_id, operation.only)
        job = self._jobs.cancel_job(operation.job_id, self._now())
        self.nudge()
        return job

    def _look_up(self, job_id: str, only: Sequence[str] | None) -> Job:
        job = self._jobs.job(job_id)
        if only is not None and job.collection_id not in only:
            raise JobNotFound.of_id(job_id)
        return job


def wait(
    recognizer: Recognizer,
    job_id: str,
    seconds: float = float("inf"),
    tell: Callable[[Job], None] = lambda job: None,
) -> Job:
    """The job once it has ended, or as it is after `seconds`. `tell` is told of it each time it is looked at.

    Raises JobNotFound."""
    until = time.monotonic() + seconds
    while True:
        job = recognizer.handle(GetJob(job_id=job_id))
        tell(job)
        if job.state not in UNFINISHED or time.monotonic() >= until:
            return job
        time.sleep(POLL_SECONDS)


def make_recorder(recorder: Recorder) -> Callable[[Job], None]:
    """A function that writes the end of a job into the audit trail."""

    def record(job: Job) -> None:
        counted = {name: value for name, value in (job.result or {}).items() if isinstance(value, int | str)}
        facts = {"job": job.job_id, "kind": job.kind.value, "state": job.state.value, **counted}
        recorder.record(recorder.entry("EndJob", job.collection_id, facts=facts))

    return record
