"""Indexing by a manifest of the recognizer without eyes: every line of a job is done at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kenspeckle.domain import Job, JobKind, LineResult, LineStatus, Page
from kenspeckle.domain import operations as ops
from kenspeckle.usecases.indexing.manifest import check
from kenspeckle.usecases.jobs.queue import JobQueue

RESULTS = (
    LineResult(1, LineStatus.INDEXED, "6d1b1a9f-0a3f-4f9e-9d5e-1d5f3c0a7b12", "ada", ("face-1",)),
    LineResult(2, LineStatus.FAILED, code="unsupported_image", reason="The bytes are no image."),
)


class FakeIndexing:
    """The manifests of `ports.Recognizer`, in memory."""

    queue: JobQueue

    def of_indexing(self) -> list[tuple[Any, Any]]:
        return [
            ops.StartIndexing.by(self.start_indexing),
            ops.ListIndexResults.by(self.list_index_results),
        ]

    def start_indexing(self, operation: ops.StartIndexing) -> Job:
        check(Path(operation.path).read_bytes().splitlines(keepends=True), lambda *_: None)
        return self.queue.submit(JobKind.INDEX, operation.collection_id)

    def list_index_results(self, operation: ops.ListIndexResults) -> Page[LineResult]:
        self.queue.get_job(ops.GetJob(job_id=operation.job_id, only=operation.only))
        return Page(RESULTS, "more")
