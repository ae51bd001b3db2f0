"""Runs jobs beside requests: takes them on under a lease, holds it while they work, ends them.

A job's work is done in steps that may be repeated: the job of a process that died is taken over by another one,
once the lease has ended, which goes on from what the steps have stored.
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
from kenspeckle.errors import KenspeckleError, StorageUnavailable
from kenspeckle.ports import Jobs
from kenspeckle.usecases.audit import actor

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
"""How long a job stays with a process that no longer reports on it and may have died."""

HOLD_SECONDS = 5.0
"""How often a lease is renewed at least."""

LOOK_SECONDS = 1.0
"""How often a runner looks for jobs that other processes have queued."""

MOST_ATTEMPTS = 8
"""A job is not taken on again after so many processes have died in turn without completing a step of it. More than die
over a photograph of a manifest until it is refused."""

PATIENCE_SECONDS = 2 * LOOK_SECONDS
"""How long a command leaves its job to a process that serves the same catalog."""

KEEP_SECONDS = 30 * 86400.0
"""How long finished jobs are listed."""


class Cancelled(Exception):
    """Somebody has cancelled the job. Its handler undoes what it has stored, unless that is of use by itself."""


class GivenBack(Exception):
    """This process closes, or has lost the job: what was stored stays, and another process goes on from it."""


class Progress:
    """What a handler reports to. `step` is called between the steps of its work; the first one before anything is
    done. `owner` is who holds the lease, for steps that may only be stored as long as it is held."""

    def __init__(self, job: Job, owner: str, hold: Callable[[int, int], bool], give_way: Callable[[], None]) -> None:
        self.owner = owner
        self.done, self.total = job.done, job.total
        self._hold = hold
        self._give_way = give_way
        self._held = time.monotonic()
        self._cancelled = job.cancelling
        self.closing = False

    def step(self, done: int, total: int) -> None:
        """`done` of `total` steps are done and stored. Lets requests go first.

        Raises Cancelled, GivenBack, and JobLost where another process has taken the job over."""
        self.done, self.total = done, total
        if self.closing:
            raise GivenBack
        if self._cancelled:
            raise Cancelled
        if time.monotonic() - self._held >= HOLD_SECONDS / 5:
            self.hold()
        self._give_way()

    def hold(self) -> None:
        """Renew the lease and report how far it is. Raises as `step`."""
        self._held = time.monotonic()
        if not self._hold(self.done, self.total):
            self._cancelled = True
            raise Cancelled


Handler: TypeAlias = Callable[[Job, Progress], Mapping[str, object]]
"""The work of a kind of job; what it answers is the job's result, JSON-ready. It may be called again for a job that
another process began. It catches `Cancelled`, cleans up and raises it again; it lets `GivenBack` and `JobLost` pass."""


class JobFailed(Exception):
    """Raised by a handler whose job has failed, with a result that says more."""

    def __init__(self, message: str, result: Mapping[str, object]) -> None:
        super().__init__(message)
        self.message = message
        self.result = result


class JobRunner:
    """Runs up to `most` jobs at once in threads of this process. `give_way` is called between steps, and waits while
    requests want the machine. `record` and `tell` are told of each job that has ended. `start` and `close` as every
    runner."""

    def __init__(
        self,
        jobs: Jobs,
        handlers: Mapping[JobKind, Handler],
        *,
        most: int = 1,
        give_way: Callable[[], None] = lambda: None,
        record: Callable[[Job], None] = lambda job: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._jobs = jobs
        self._handlers = handlers
        self._most = most
        self._give_way = give_way
        self._record = record
        self.tell: Callable[[Job], None] = lambda job: None
        self._now = now
        self._owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._wake = threading.Event()
        self._closing = False
        self._running: dict[str, tuple[threading.Thread, Progress]] = {}
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> int:
        """Jobs that run in this process now."""
        return len(self._running)

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

    def run_one(
        self,
        job_id: str,
        tell: Callable[[Job], None] = lambda job: None,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> Job:
        """The job once it has ended, for commands: for `patience` seconds another process, one that serves, may take it
        on; then jobs are run here until it has ended.

        Raises JobNotFound."""
        until = time.monotonic() + patience
        while True:
            job = self._jobs.job(job_id)
            tell(job)
            if job.finished_at is not None:
                return job
            if time.monotonic() < until:
                time.sleep(LOOK_SECONDS / 5)
                continue
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
            except Exception:
                log.exception("jobs can't be looked for; it is tried again")
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()

    def _take(self) -> Job | None:
        now = self._now()
        return self._jobs.take_job(list(self._handlers), self._owner, now, now + LEASE_SECONDS, now + 2 * LEASE_SECONDS)

    def _begin(self, job: Job) -> threading.Thread:
        progress = Progress(job, self._owner, lambda done, total: self._hold(job, done, total), self._give_way)
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
            ended = self._jobs.job(job.job_id)
            self.tell(ended)
            self._record(ended)
        except JobLost:
            log.warning("job %s was taken over by another process", job.job_id)
        except KenspeckleError as failed:
            # Its lease ends by itself, and the next process goes on with it.
            log.error("job %s can't go on or be ended now: %s", job.job_id, failed.message)
        finally:
            stop.set()
            self._running.pop(job.job_id, None)
            self._wake.set()

    def _outcome(self, job: Job, progress: Progress) -> tuple[JobState | None, str, Mapping[str, object] | None]:
        """How the job ended; None as the state where it is to be given back. Raises StorageUnavailable where the
        catalog went away beneath it, which is no failure of the job."""
        if job.attempts > MOST_ATTEMPTS:
            return JobState.FAILED, f"{MOST_ATTEMPTS} processes have died during this job; the log has more.", None
        try:
            return JobState.SUCCEEDED, "", self._handlers[job.kind](job, progress)
        except Cancelled:
            return JobState.CANCELLED, "", None
        except GivenBack:
            return None, "", None
        except JobLost:
            raise
        except JobFailed as failed:
            return JobState.FAILED, failed.message, failed.result
        except KenspeckleError as error:
            if isinstance(error, StorageUnavailable) and (error.lost or error.uncertain):
                raise
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
                continue  # it is noted: the next step raises it in the thread that works
            except JobLost:
                progress.closing = True
                return
            except KenspeckleError as error:
                log.warning("the lease of a job could not be renewed: %s", error.message)
