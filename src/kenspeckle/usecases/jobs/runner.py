"""Runs jobs beside requests: takes them on under a lease, holds it while they work, ends them.

A job's work is done in steps that may be repeated: whoever dies over a job leaves it to the next process, which takes
it on once the lease has ended and goes on from what the steps have stored.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from kenspeckle.domain import Job, JobKind, JobLost, JobState
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Jobs
from kenspeckle.usecases.audit import actor

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
"""How long a job that nobody reports on stays with a process that may have died."""

HOLD_SECONDS = 5.0
"""How often a lease is renewed at least."""

LOOK_SECONDS = 1.0
"""How often a runner looks for jobs that other processes have queued."""

MOST_ATTEMPTS = 5
"""A job that so many processes have died over is not taken on again."""

KEEP_SECONDS = 30 * 86400.0
"""How long finished jobs are listed."""


class Cancelled(Exception):
    """The job is to end: somebody has cancelled it, or this process closes."""


class Progress:
    """What a handler reports to. `step` is called between the steps of its work."""

    def __init__(self, job: Job, hold: Callable[[int, int], bool], give_way: Callable[[], None]) -> None:
        self.done, self.total = job.done, job.total
        self._hold = hold
        self._give_way = give_way
        self._held = time.monotonic()
        self.closing = False

    def step(self, done: int, total: int) -> None:
        """`done` of `total` steps are done and stored. Lets requests go first.

        Raises Cancelled where the job is to end, JobLost where another process has taken it over."""
        self.done, self.total = done, total
        if self.closing:
            raise Cancelled
        if time.monotonic() - self._held >= HOLD_SECONDS / 5:
            self.hold()
        self._give_way()

    def hold(self) -> None:
        """Renew the lease and report how far it is. Raises as `step`."""
        self._held = time.monotonic()
        if not self._hold(self.done, self.total):
            raise Cancelled


Handler: TypeAlias = Callable[[Job, Progress], Mapping[str, object]]
"""The work of a kind of job; what it answers is the job's result, JSON-ready. It may be called again for a job that
another process began. Where it is cancelled it undoes what it has stored, unless that is of use by itself: it catches
`Cancelled`, cleans up, and raises it again."""


class JobRunner:
    """Runs up to `most` jobs at once in threads of this process. `give_way` is called between steps, and waits while
    requests want the machine. `start` and `close` as every runner."""

    def __init__(
        self,
        jobs: Jobs,
        handlers: Mapping[JobKind, Handler],
        *,
        most: int = 1,
        give_way: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._jobs = jobs
        self._handlers = handlers
        self._most = most
        self._give_way = give_way
        self._now = now
        self._owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._wake = threading.Event()
        self._closing = False
        self._running: dict[str, tuple[threading.Thread, Progress]] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look for jobs, in a thread."""
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """There is a new job: look now."""
        self._wake.set()

    def close(self) -> None:
        """Give back what runs, at its next step; another process goes on with it."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        for thread, progress in list(self._running.values()):
            progress.closing = True
            thread.join()

    def run_one(self, job_id: str, tell: Callable[[Job], None] = lambda job: None) -> Job:
        """Run jobs in this thread until that one has ended, for a command on a folder that nobody serves.

        Raises JobNotFound."""
        while True:
            job = self._jobs.job(job_id)
            tell(job)
            if job.finished_at is not None:
                return job
            taken = self._take()
            if taken is None:
                time.sleep(LOOK_SECONDS)
                continue
            thread = self._begin(taken)
            while thread.is_alive():
                thread.join(LOOK_SECONDS / 5)
                tell(self._jobs.job(job_id))

    def _run(self) -> None:
        actor.acting(actor.Actor(actor.SERVICE))
        trimmed = 0.0
        while not self._closing:
            try:
                while len(self._running) < self._most and (job := self._take()) is not None:
                    self._begin(job)
                if time.monotonic() - trimmed > 3600:
                    trimmed = time.monotonic()
                    self._jobs.trim_jobs(self._now() - KEEP_SECONDS)
            except KenspeckleError as error:
                log.error("jobs: %s", error.message)
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()

    def _take(self) -> Job | None:
        now = self._now()
        return self._jobs.take_job(list(self._handlers), self._owner, now, now + LEASE_SECONDS, now + 2 * LEASE_SECONDS)

    def _begin(self, job: Job) -> threading.Thread:
        progress = Progress(job, lambda done, total: self._hold(job, done, total), self._give_way)
        thread = threading.Thread(target=self._work, args=(job, progress), name=job.job_id, daemon=True)
        self._running[job.job_id] = (thread, progress)
        thread.start()
        return thread

    def _hold(self, job: Job, done: int, total: int) -> bool:
        return self._jobs.hold_job(job.job_id, self._owner, self._now() + LEASE_SECONDS, done, total)

    def _work(self, job: Job, progress: Progress) -> None:
        actor.acting(actor.Actor(actor.SERVICE))
        stop = threading.Event()
        holder = threading.Thread(target=self._keep, args=(progress, stop), name=f"{job.job_id} lease", daemon=True)
        holder.start()
        try:
            state, error, result = self._outcome(job, progress)
            stop.set()
            holder.join()
            if state is None:
                self._jobs.release_job(job.job_id, self._owner)
                return
            self._hold(job, progress.done, progress.total)
            self._jobs.finish_job(job.job_id, self._owner, state, self._now(), error, result)
            log.info("job %s (%s) %s", job.job_id, job.kind.value, state.value)
        except JobLost:
            log.warning("job %s was taken over by another process", job.job_id)
        except KenspeckleError as failed:
            # Its lease ends by itself, and the next process goes on with it.
            log.error("job %s can't be ended now: %s", job.job_id, failed.message)
        finally:
            stop.set()
            self._running.pop(job.job_id, None)
            self._wake.set()

    def _outcome(self, job: Job, progress: Progress) -> tuple[JobState | None, str, Mapping[str, object] | None]:
        """How the job ended; None as the state where it is to be given back."""
        if job.attempts > MOST_ATTEMPTS:
            return JobState.FAILED, f"{MOST_ATTEMPTS} processes have died over this job; the log has more.", None
        try:
            if job.cancelling:
                progress.hold()  # raises Cancelled, in front of the handler that cleans up
            return JobState.SUCCEEDED, "", self._handlers[job.kind](job, progress)
        except Cancelled:
            return (None if progress.closing else JobState.CANCELLED), "", None
        except JobLost:
            raise
        except KenspeckleError as error:
            return JobState.FAILED, error.message, None
        except Exception:
            log.exception("job %s failed", job.job_id)
            return JobState.FAILED, "The job failed unexpectedly; the server's log has the reason.", None

    def _keep(self, progress: Progress, stop: threading.Event) -> None:
        """Hold the lease through a step that takes long."""
        while not stop.wait(HOLD_SECONDS):
            try:
                progress.hold()
            except Cancelled:
                continue  # the next step raises it in the thread that works
            except JobLost:
                progress.closing = True
                return
            except KenspeckleError as error:
                log.warning("the lease of a job could not be renewed: %s", error.message)
