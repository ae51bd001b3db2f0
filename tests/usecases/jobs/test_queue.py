"""The queue of jobs: submitted, seen by whom they concern, cancelled, waited for; their ends are in the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Job, JobKind, JobState
from kenspeckle.domain.operations import CancelJob, GetJob, ListJobs, dispatch
from kenspeckle.errors import Conflict, InvalidValue, JobNotFound
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.jobs.queue import JobQueue, make_recorder, wait
from kenspeckle.usecases.jobs.runner import JobRunner
from tests.fakes import drawn


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqlCatalog]:
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'kenspeckle.db'}")) as catalog:
        yield catalog


@pytest.fixture
def queue(catalog: SqlCatalog) -> JobQueue:
    return JobQueue(catalog)


def test_a_job_is_submitted_once(queue: JobQueue) -> None:
    nudged: list[bool] = []
    queue.nudge = lambda: nudged.append(True)
    job = queue.submit(JobKind.UPGRADE, "people", {"pack": "sface"})
    assert queue.get_job(GetJob(job_id=job.job_id)) == job
    assert nudged == [True]
    with pytest.raises(Conflict, match=job.job_id):
        queue.submit(JobKind.UPGRADE, "people")
    assert queue.cancel_job(CancelJob(job_id=job.job_id)).state is JobState.CANCELLED


def test_only_the_jobs_of_the_collections_named_are_seen(queue: JobQueue) -> None:
    mine, other = queue.submit(JobKind.UPGRADE, "mine"), queue.submit(JobKind.UPGRADE, "other")
    whole = queue.submit(JobKind.COPY, None)
    handlers = queue.handlers()
    every = dispatch(handlers, ListJobs())
    assert [one.job_id for one in every.items] == [whole.job_id, other.job_id, mine.job_id]
    assert [one.job_id for one in dispatch(handlers, ListJobs(only=("mine",))).items] == [mine.job_id]
    assert dispatch(handlers, GetJob(job_id=mine.job_id, only=("mine",))) == mine
    for hidden in (other.job_id, whole.job_id, "job-none"):
        for ask in (GetJob(job_id=hidden, only=("mine",)), CancelJob(job_id=hidden, only=("mine",))):
            with pytest.raises(JobNotFound) as refused:
                dispatch(handlers, ask)
            assert refused.value.message == JobNotFound.of_id(hidden).message
    assert queue.get_job(GetJob(job_id=other.job_id)).state is JobState.QUEUED
    with pytest.raises(InvalidValue, match="limit"):
        dispatch(handlers, ListJobs(limit=0))


def test_waiting_ends_with_the_job_or_the_time() -> None:
    with closing(drawn.recognizer()) as recognizer:
        queue = recognizer.context.jobs
        job = queue.submit(JobKind.UPGRADE, "people")
        assert wait(recognizer, job.job_id, 0.0).state is JobState.QUEUED
        queue.cancel_job(CancelJob(job_id=job.job_id))
        seen: list[JobState] = []
        ended = wait(recognizer, job.job_id, tell=lambda job: seen.append(job.state))
        assert (ended.state, seen) == (JobState.CANCELLED, [JobState.CANCELLED])


def test_the_end_of_a_job_is_recorded_with_its_counts(catalog: SqlCatalog, queue: JobQueue) -> None:
    with closing(Recorder(catalog, b"k" * 32)) as recorder:
        recorder.begin()
        told: list[Job] = []
        handlers = {JobKind.UPGRADE: lambda job, progress: {"faces": 3, "face_ids": ["face-1"]}}
        runner = JobRunner(catalog, handlers, record=make_recorder(recorder))
        runner.tell = told.append
        job = queue.submit(JobKind.UPGRADE, "people")
        runner.run_one(job.job_id, patience=0)
    row = list(catalog.audit_rows())[-1]
    assert (row.operation, row.collection_id, row.who) == ("EndJob", "people", "service")
    assert orjson.loads(row.facts) == {"job": job.job_id, "kind": "upgrade", "state": "succeeded", "faces": 3}
    assert [one.state for one in told] == [JobState.SUCCEEDED]
