"""The queue of jobs: submitted, seen by whom they concern, cancelled, waited for; each start is in the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import JobKind, JobState, Key, Principal, Scope
from kenspeckle.errors import Conflict, JobNotFound
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.jobs.queue import JobQueue
from kenspeckle.usecases.jobs.runner import JobRunner

EVERYTHING = Principal(None)


def granted(*collections: str) -> Principal:
    return Principal(Key("key-1", "desk", "api", frozenset({Scope.READ}), frozenset(collections), 1.0))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqlCatalog]:
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'kenspeckle.db'}")) as catalog:
        yield catalog


@pytest.fixture
def queue(catalog: SqlCatalog) -> Iterator[JobQueue]:
    with closing(Recorder(catalog, b"k" * 32)) as recorder:
        recorder.begin()
        yield JobQueue(catalog, recorder)


def test_a_job_is_submitted_once_and_recorded(queue: JobQueue, catalog: SqlCatalog) -> None:
    nudged: list[bool] = []
    queue.nudge = lambda: nudged.append(True)
    job = queue.submit(JobKind.UPGRADE, "people", {"pack": "sface"})
    assert queue.show(EVERYTHING, job.job_id) == job
    assert nudged == [True]
    with pytest.raises(Conflict, match=job.job_id):
        queue.submit(JobKind.UPGRADE, "people")
    assert queue.cancel(EVERYTHING, job.job_id).state is JobState.CANCELLED
    assert [row.operation for row in catalog.audit_rows()][-2:] == ["StartJob", "CancelJob"]


def test_a_key_sees_the_jobs_of_its_collections_alone(queue: JobQueue) -> None:
    mine, other = queue.submit(JobKind.UPGRADE, "mine"), queue.submit(JobKind.UPGRADE, "other")
    whole = queue.submit(JobKind.COPY, None)
    assert [one.job_id for one in queue.list(EVERYTHING).items] == [whole.job_id, other.job_id, mine.job_id]
    assert [one.job_id for one in queue.list(granted("mine")).items] == [mine.job_id]
    assert queue.show(granted("mine"), mine.job_id) == mine
    for hidden in (other.job_id, whole.job_id, "job-none"):
        for ask in (queue.show, queue.cancel):
            with pytest.raises(JobNotFound) as refused:
                ask(granted("mine"), hidden)
            assert refused.value.message == JobNotFound.named(hidden).message
    assert queue.show(EVERYTHING, other.job_id).state is JobState.QUEUED


def test_waiting_ends_with_the_job_or_the_time(queue: JobQueue, catalog: SqlCatalog) -> None:
    job = queue.submit(JobKind.UPGRADE, "people")
    assert queue.wait(EVERYTHING, job.job_id, 0.0).state is JobState.QUEUED
    JobRunner(catalog, {JobKind.UPGRADE: lambda job, progress: {"faces": 3}}).run_one(job.job_id)
    seen: list[JobState] = []
    ended = queue.wait(EVERYTHING, job.job_id, tell=lambda job: seen.append(job.state))
    assert (ended.state, ended.result, seen) == (JobState.SUCCEEDED, {"faces": 3}, [JobState.SUCCEEDED])
