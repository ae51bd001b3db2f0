"""Jobs, over the fake and the SQL catalog alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Job, JobKind, JobLost, JobState
from kenspeckle.errors import Conflict, InvalidCursor, JobNotFound
from kenspeckle.ports import Jobs
from tests.fakes.jobs import FakeJobs

KINDS = [JobKind.UPGRADE, JobKind.PURGE]


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jobs]:
    if request.param == "fake":
        yield FakeJobs()
        return
    with ExitStack() as stack:
        server = request.getfixturevalue("postgres") if request.param == "postgres" else None
        url = stack.enter_context(server.database()) if server else f"sqlite:///{tmp_path / 'kenspeckle.db'}"
        yield stack.enter_context(closing(SqlCatalog.open(url)))


def job(number: int, kind: JobKind = JobKind.UPGRADE, collection: str | None = "people") -> Job:
    return Job(f"job-{number}", kind, collection, 1000.0 + number, {"pack": "sface"})


def take(jobs: Jobs, owner: str = "a", now: float = 2000.0) -> Job | None:
    return jobs.take_job(KINDS, owner, now, now + 30, now + 60)


def test_a_job_is_taken_once_oldest_first(jobs: Jobs) -> None:
    jobs.add_job(job(1))
    jobs.add_job(job(2, JobKind.PURGE))
    first, second = take(jobs), take(jobs, "b")
    assert first is not None
    assert second is not None
    assert (first.job_id, first.state, first.parameters) == ("job-1", JobState.RUNNING, {"pack": "sface"})
    assert second.job_id == "job-2"
    assert take(jobs, "c") is None


def test_kinds_that_a_process_can_not_do_are_left_to_others(jobs: Jobs) -> None:
    jobs.add_job(job(1, JobKind.VIDEO))
    assert take(jobs) is None


def test_a_lease_that_has_ended_is_taken_over(jobs: Jobs) -> None:
    jobs.add_job(job(1))
    assert take(jobs, "a", 2000.0) is not None
    assert take(jobs, "b", 2029.0) is None
    again = take(jobs, "b", 2031.0)
    assert again is not None
    assert again.attempts == 2
    with pytest.raises(JobLost):
        jobs.hold_job("job-1", "a", 3000.0, 1, 2)
    with pytest.raises(JobLost):
        jobs.finish_job("job-1", "a", JobState.SUCCEEDED, 2032.0, "", {})
    assert jobs.hold_job("job-1", "b", 2061.0, 1, 2)


def test_a_lease_of_a_clock_that_was_wrong_holds_nobody_up(jobs: Jobs) -> None:
    jobs.add_job(job(1))
    assert take(jobs, "a", 9_000_000.0) is not None
    assert take(jobs, "b", 2000.0) is not None


def test_progress_and_the_end(jobs: Jobs) -> None:
    jobs.add_job(job(1))
    take(jobs)
    assert jobs.hold_job("job-1", "a", 2060.0, 3, 10)
    assert (jobs.job("job-1").done, jobs.job("job-1").total) == (3, 10)
    jobs.finish_job("job-1", "a", JobState.SUCCEEDED, 2001.0, "", {"faces": 10})
    ended = jobs.job("job-1")
    assert (ended.state, ended.finished_at, ended.result) == (JobState.SUCCEEDED, 2001.0, {"faces": 10})
    assert take(jobs, "b", 9000.0) is None


def test_two_of_a_kind_and_collection_at_once_are_refused(jobs: Jobs) -> None:
    jobs.add_job(job(1))
    with pytest.raises(Conflict, match="job-1"):
        jobs.add_job(job(2))
    jobs.add_job(job(3, collection="others"))
    jobs.add_job(job(4, JobKind.COPY, None))
    with pytest.raises(Conflict):
        jobs.add_job(job(5, JobKind.COPY, None))
    jobs.cancel_job("job-1", 2000.0)
    jobs.add_job(job(6))


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(jobs: Jobs) -> None:
    jobs.add_job(job(1))
    assert jobs.cancel_job("job-1", 2000.0).state is JobState.CANCELLED
    assert take(jobs) is None
    jobs.add_job(job(2))
    take(jobs)
    asked = jobs.cancel_job("job-2", 2001.0)
    assert (asked.state, asked.cancelling) == (JobState.RUNNING, True)
    assert not jobs.hold_job("job-2", "a", 2060.0, 1, 2)
    jobs.finish_job("job-2", "a", JobState.CANCELLED, 2002.0, "", None)
    assert jobs.cancel_job("job-2", 2003.0).finished_at == 2002.0


def test_a_job_that_is_given_back_is_free_at_once(jobs: Jobs) -> None:
    jobs.add_job(job(1))
    take(jobs)
    jobs.release_job("job-1", "b")
    assert take(jobs, "b") is None
    jobs.release_job("job-1", "a")
    assert take(jobs, "b") is not None


def test_a_job_that_was_begun_and_given_back_is_cancelled_by_whoever_takes_it(jobs: Jobs) -> None:
    """It may have stored what has to be removed."""
    jobs.add_job(job(1))
    take(jobs)
    jobs.release_job("job-1", "a")
    asked = jobs.cancel_job("job-1", 2001.0)
    assert (asked.state, asked.cancelling) == (JobState.QUEUED, True)
    taken = take(jobs, "b")
    assert taken is not None
    assert (taken.job_id, taken.cancelling) == ("job-1", True)


def test_attempts_are_those_without_a_step(jobs: Jobs) -> None:
    jobs.add_job(job(1))
    for number in range(4):
        assert take(jobs, f"owner-{number}", 2000.0 + 100 * number) is not None
    assert jobs.job("job-1").attempts == 4
    assert jobs.hold_job("job-1", "owner-3", 2400.0, 0, 9)
    assert jobs.job("job-1").attempts == 4
    assert jobs.hold_job("job-1", "owner-3", 2400.0, 1, 9)
    assert jobs.job("job-1").attempts == 1
    for number in range(9):
        jobs.release_job("job-1", f"owner-{3 + number}")
        taken = take(jobs, f"owner-{4 + number}", 3000.0)
        assert taken is not None
        assert taken.attempts == 2


def test_lists_have_pages_and_only_what_is_granted(jobs: Jobs) -> None:
    for number in range(5):
        jobs.add_job(job(number, collection=f"c{number}"))
    jobs.add_job(job(9, collection=None))
    first = jobs.jobs(None, None, 4, None)
    rest = jobs.jobs(None, None, 4, first.cursor)
    assert [one.job_id for one in (*first.items, *rest.items)] == ["job-9", "job-4", "job-3", "job-2", "job-1", "job-0"]
    assert rest.cursor is None
    assert [one.job_id for one in jobs.jobs(["c1", "c3"], None, 9, None).items] == ["job-3", "job-1"]
    assert jobs.jobs([], None, 9, None).items == ()
    assert jobs.jobs(None, JobState.RUNNING, 9, None).items == ()
    with pytest.raises(InvalidCursor):
        jobs.jobs(None, None, 4, "no cursor")


def test_a_job_that_is_not_there(jobs: Jobs) -> None:
    with pytest.raises(JobNotFound):
        jobs.job("job-1")
    with pytest.raises(JobNotFound):
        jobs.cancel_job("job-1", 1.0)


def test_old_finished_jobs_are_forgotten(jobs: Jobs) -> None:
    jobs.add_job(job(1))
    jobs.add_job(job(2, JobKind.PURGE))
    jobs.cancel_job("job-1", 2000.0)
    assert jobs.trim_jobs(2000.0) == 0
    assert jobs.trim_jobs(2001.0) == 1
    assert [one.job_id for one in jobs.jobs(None, None, 9, None).items] == ["job-2"]
