"""The runner: work under a lease, cancelled, given back, taken over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from kenspeckle.domain import Job, JobKind, JobState
from kenspeckle.errors import InvalidValue, StorageUnavailable
from kenspeckle.usecases.jobs.runner import (
    LEASE_SECONDS,
    MOST_ATTEMPTS,
    Cancelled,
    GivenBack,
    Handler,
    JobFailed,
    JobRunner,
    Progress,
)
from tests.fakes.jobs import FakeJobs


@contextmanager
def running(jobs: FakeJobs, handler: Handler, **more: object) -> Iterator[JobRunner]:
    runner = JobRunner(jobs, {JobKind.UPGRADE: handler}, **more)  # type: ignore[arg-type]  # options of the runner
    runner.start()
    try:
        yield runner
    finally:
        runner.close()


def submit(jobs: FakeJobs, number: int = 1) -> None:
    jobs.add_job(Job(f"job-{number}", JobKind.UPGRADE, f"c{number}", 1.0))


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def ended(jobs: FakeJobs, number: int = 1) -> Job:
    until(lambda: jobs.job(f"job-{number}").finished_at is not None)
    return jobs.job(f"job-{number}")


def three_steps(job: Job, progress: Progress) -> Mapping[str, object]:
    for done in range(4):
        progress.step(done, 3)
    return {"steps": 3}


def test_work_is_done_and_told() -> None:
    jobs = FakeJobs()
    submit(jobs)
    with running(jobs, three_steps):
        job = ended(jobs)
    assert (job.state, job.done, job.total, job.result) == (JobState.SUCCEEDED, 3, 3, {"steps": 3})


@pytest.mark.parametrize(
    ("error", "message"),
    [(InvalidValue("The pack is not there."), "The pack is not there."), (RuntimeError("secret"), "unexpectedly")],
)
def test_a_failure_is_told_but_not_its_inside(error: Exception, message: str) -> None:
    def fails(job: Job, progress: Progress) -> Mapping[str, object]:
        raise error

    jobs = FakeJobs()
    submit(jobs)
    with running(jobs, fails):
        job = ended(jobs)
    assert job.state is JobState.FAILED
    assert message in job.error
    assert "secret" not in job.error


def test_a_cancelled_job_ends_at_its_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kenspeckle.usecases.jobs.runner.HOLD_SECONDS", 0.0)
    begun = threading.Event()

    def endless(job: Job, progress: Progress) -> Mapping[str, object]:
        while True:
            begun.set()
            progress.step(1, 2)
            time.sleep(0.001)

    jobs = FakeJobs()
    submit(jobs)
    with running(jobs, endless):
        assert begun.wait(10)
        jobs.cancel_job("job-1", 5.0)
        assert ended(jobs).state is JobState.CANCELLED


def test_closing_gives_work_back_and_the_next_process_finishes_it() -> None:
    begun = threading.Event()

    def endless(job: Job, progress: Progress) -> Mapping[str, object]:
        while True:
            begun.set()
            progress.step(1, 2)
            time.sleep(0.001)

    jobs = FakeJobs()
    submit(jobs)
    with running(jobs, endless):
        assert begun.wait(10)
    assert jobs.job("job-1").state is JobState.QUEUED
    with running(jobs, three_steps):
        assert ended(jobs).state is JobState.SUCCEEDED


@pytest.mark.parametrize("how", ["lost", "uncertain"])
def test_a_job_outlives_a_catalog_that_goes_away(how: str) -> None:
    """It is not failed: whoever takes it on once its lease has ended goes on from what its steps have stored."""
    jobs = FakeJobs()
    submit(jobs)
    begun = threading.Event()

    def cut_off(job: Job, progress: Progress) -> Mapping[str, object]:
        progress.step(1, 3)
        begun.set()
        error = StorageUnavailable("PostgreSQL does not answer; it may be starting again.")
        setattr(error, how, True)
        raise error

    with running(jobs, cut_off) as runner:
        assert begun.wait(10)
        until(lambda: runner.running == 0)
    assert (jobs.job("job-1").state, jobs.job("job-1").error) == (JobState.RUNNING, "")
    with running(jobs, three_steps, now=lambda: time.time() + LEASE_SECONDS + 1):
        assert ended(jobs).state is JobState.SUCCEEDED


def test_a_job_that_was_taken_over_is_left_alone() -> None:
    held = threading.Event()

    def waits(job: Job, progress: Progress) -> Mapping[str, object]:
        held.set()
        until(lambda: jobs.job("job-1").attempts == 2)
        return {"by": "the first"}

    jobs = FakeJobs()
    submit(jobs)
    with running(jobs, waits):
        assert held.wait(10)
        assert jobs.take_job([JobKind.UPGRADE], "other", time.time() + 100, time.time() + 200, time.time() + 300)
    assert jobs.job("job-1").state is JobState.RUNNING
    assert jobs.job("job-1").result is None


def test_a_job_that_kills_processes_is_ended() -> None:
    jobs = FakeJobs()
    submit(jobs)
    for _ in range(MOST_ATTEMPTS):
        jobs.take_job([JobKind.UPGRADE], "dead", 1.0, 0.0, 2.0)
    with running(jobs, three_steps):
        job = ended(jobs)
    assert job.state is JobState.FAILED
    assert "died" in job.error


def test_a_job_that_was_cancelled_while_its_process_died_is_cleaned_up_by_the_next() -> None:
    undone: list[str] = []

    def careful(job: Job, progress: Progress) -> Mapping[str, object]:
        try:
            progress.step(0, 1)
        except Cancelled:
            undone.append(job.job_id)
            raise
        return {}

    jobs = FakeJobs()
    submit(jobs)
    jobs.take_job([JobKind.UPGRADE], "dead", 1.0, 0.0, 2.0)
    jobs.cancel_job("job-1", 3.0)
    with running(jobs, careful):
        assert ended(jobs).state is JobState.CANCELLED
    assert undone == ["job-1"]


def test_what_is_given_back_is_not_cleaned_up() -> None:
    begun, raised = threading.Event(), list[BaseException]()

    def endless(job: Job, progress: Progress) -> Mapping[str, object]:
        try:
            while True:
                progress.step(1, 2)
                begun.set()
                time.sleep(0.001)
        except BaseException as error:
            raised.append(error)
            raise

    jobs = FakeJobs()
    submit(jobs)
    with running(jobs, endless):
        assert begun.wait(10)
    assert [type(one) for one in raised] == [GivenBack]


def test_a_failure_may_have_a_result() -> None:
    def fails(job: Job, progress: Progress) -> Mapping[str, object]:
        raise JobFailed("Two faces have no photograph.", {"face_ids": ["face-1", "face-2"]})

    jobs = FakeJobs()
    submit(jobs)
    with running(jobs, fails):
        job = ended(jobs)
    assert (job.state, job.error) == (JobState.FAILED, "Two faces have no photograph.")
    assert job.result == {"face_ids": ["face-1", "face-2"]}


def test_a_command_leaves_its_job_to_a_process_that_serves() -> None:
    jobs = FakeJobs()
    submit(jobs)
    never = JobRunner(jobs, {JobKind.UPGRADE: lambda job, progress: {"by": "command"}})
    with running(jobs, lambda job, progress: {"by": "server"}):
        assert never.run_one("job-1", patience=10).result == {"by": "server"}


def test_so_many_at_once_and_no_more() -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def counted(job: Job, progress: Progress) -> Mapping[str, object]:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return {}

    jobs = FakeJobs()
    for number in range(6):
        submit(jobs, number)
    with running(jobs, counted, most=2):
        for number in range(6):
            ended(jobs, number)
    assert most == 2


def test_requests_go_first_between_steps() -> None:
    asked: list[int] = []
    jobs = FakeJobs()
    submit(jobs)
    with running(jobs, three_steps, give_way=lambda: asked.append(1)):
        ended(jobs)
    assert len(asked) == 4


def test_a_command_runs_its_job_by_itself() -> None:
    jobs = FakeJobs()
    submit(jobs)
    seen: list[JobState] = []
    runner = JobRunner(jobs, {JobKind.UPGRADE: three_steps})
    assert runner.run_one("job-1", lambda job: seen.append(job.state), patience=0).state is JobState.SUCCEEDED
    assert seen[0] is JobState.QUEUED
