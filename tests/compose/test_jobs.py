"""Jobs of a served catalog: they run beside requests, are seen over REST, and are given back by a shutdown."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import Job, JobKind, JobState
from kenspeckle.domain import operations as ops
from kenspeckle.settings import load
from kenspeckle.usecases.jobs.queue import wait
from kenspeckle.usecases.jobs.runner import Handler, Progress
from tests.rekognition.served import running


@contextmanager
def built(folder: Path, handler: Handler, **more: object) -> Iterator[Service]:
    """A service whose long work of kind `sync` is the handler."""
    service = build(load({"data_dir": folder, "host": "127.0.0.1", "pack": "sface", **more}, environ={}))
    assert isinstance(service, Service)
    service.local.long_work[JobKind.SYNC] = handler
    try:
        yield service
    finally:
        service.close()


def two_steps(job: Job, progress: Progress) -> Mapping[str, object]:
    for done in range(3):
        progress.step(done, 2)
    return {"photographs": 2}


def test_a_server_works_on_jobs_and_tells_of_them(tmp_path: Path) -> None:
    with built(tmp_path, two_steps) as service, running(service.serve()) as url, httpx.Client(base_url=url) as http:
        job = service.local.context.jobs.submit(JobKind.SYNC, "kenspeckle")
        ended = wait(service.recognizer, job.job_id, 30)
        assert (ended.state, ended.result) == (JobState.SUCCEEDED, {"photographs": 2})
        shown = http.get(f"/v1/jobs/{job.job_id}").json()
        assert shown["job_id"] == job.job_id
        assert (shown["kind"], shown["state"], shown["done"], shown["total"]) == ("sync", "succeeded", 2, 2)
        assert http.get("/v1/jobs?state=succeeded").json() == {"jobs": [shown]}
        assert http.get("/v1/jobs?state=failed").json() == {"jobs": []}
        assert http.delete(f"/v1/jobs/{job.job_id}").json() == shown, "what has ended stays"
        gone = http.get("/v1/jobs/job-none")
        assert (gone.status_code, gone.json()["code"]) == (404, "job_not_found")
        assert "jobs" in http.get("/v1/info").json()["offered"]
        numbers = http.get("/metrics").text
        assert 'kenspeckle_jobs_ended_total{kind="sync",state="succeeded"} 1.0' in numbers
        assert "kenspeckle_jobs_running 0.0" in numbers
        trail = [(row.operation, row.who) for row in service.catalog.audit_rows()]
        assert ("EndJob", "service") in trail
        assert trail[-1][0] == "CancelJob"


def test_a_shutdown_gives_a_job_back_and_a_command_finishes_it(tmp_path: Path) -> None:
    begun, attempts = threading.Event(), list[int]()

    def endless(job: Job, progress: Progress) -> Mapping[str, object]:
        while True:
            progress.step(1, 2)
            begun.set()

    with built(tmp_path, endless) as service:
        service.serve()
        job = service.local.context.jobs.submit(JobKind.SYNC, "kenspeckle")
        assert begun.wait(30)
    with built(tmp_path, two_steps) as service:
        assert service.recognizer.handle(ops.GetJob(job_id=job.job_id)).state is JobState.QUEUED
        ended = service.finish(job.job_id, lambda job: attempts.append(job.attempts))
    assert (ended.state, ended.result) == (JobState.SUCCEEDED, {"photographs": 2})
    assert attempts[0] == 1


def test_a_process_with_no_jobs_leaves_them_to_others(tmp_path: Path) -> None:
    with built(tmp_path, two_steps, jobs=0) as service:
        others = set(threading.enumerate())  # of servers that other tests share
        service.serve()
        assert "jobs" not in {thread.name for thread in set(threading.enumerate()) - others}
