"""Operations on jobs that index: begin one by a manifest, read what became of its lines."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import islice

from kenspeckle.domain import Job, JobKind, LineResult, Page, validation
from kenspeckle.domain.operations import GetJob, Handlers, ListIndexResults, StartIndexing
from kenspeckle.errors import Conflict, JobNotFound, NotOffered
from kenspeckle.ports import Buckets, Manifests
from kenspeckle.usecases.indexing.manifest import LONGEST, check, slices
from kenspeckle.usecases.recognition.context import Context

SLICE = 32
"""Photographs of a slice, which is stored in one transaction."""

WRITTEN = 200
"""Slices of one transaction that stores a manifest."""


class IndexOperations:
    """What a recognizer does with manifests."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict([StartIndexing.by(self.start_indexing), ListIndexResults.by(self.list_index_results)])

    def start_indexing(self, operation: StartIndexing) -> Job:
        """Raises CollectionNotFound, PackMismatch, InvalidValue, Conflict where the collection has such a job."""
        context, manifests, buckets = self.context, *self._parts
        collection = context.catalog.collection(validation.collection_id(operation.collection_id))
        context.engines.pack_of(collection)
        asked: dict[str, object] = {}
        if operation.max_faces is not None:
            asked["max_faces"] = validation.count(operation.max_faces, validation.MAX_MATCHES, "max_faces")
        if operation.quality is not None:
            asked["quality"] = operation.quality.value
        if operation.attributes is not None:
            asked["attributes"] = sorted(one.value for one in operation.attributes)
        if (other := manifests.has_index_job(collection.collection_id)) is not None:
            raise Conflict(f"Job {other.job_id} indexes into this collection; wait for it or cancel it.", field="job")

        def allow(bucket: str, name: str, folder: bool) -> None:
            buckets.allow(bucket, name, operation.only, folder=folder)

        count = check(_lines(operation.path), allow)
        job_id = f"job-{secrets.token_hex(8)}"
        try:
            first, source = 0, slices(_lines(operation.path), SLICE)
            while some := list(islice(source, WRITTEN)):
                manifests.add_slices(job_id, collection.collection_id, first, some)
                first += len(some)
            job = Job(job_id, JobKind.INDEX, collection.collection_id, context.now(), asked, total=count)
            context.jobs.add(job)
        except BaseException:
            manifests.drop_slices(job_id)
            raise
        return job

    def list_index_results(self, operation: ListIndexResults) -> Page[LineResult]:
        """Raises JobNotFound, InvalidCursor."""
        job = self.context.jobs.get_job(GetJob(job_id=operation.job_id, only=operation.only))
        if job.kind is not JobKind.INDEX:
            raise JobNotFound.of_id(operation.job_id)
        most = validation.count(min(operation.limit, validation.MAX_PAGE), validation.MAX_PAGE, "limit")
        return self._parts[0].index_results(job.job_id, max(1, most // SLICE), operation.cursor)

    def sweep(self) -> None:
        """Forget lines of jobs that ended, and what requests have left that died."""
        if self.context.manifests is not None:
            self.context.manifests.sweep_slices()

    @property
    def _parts(self) -> tuple[Manifests, Buckets]:
        if self.context.manifests is None or self.context.buckets is None:
            raise NotOffered("Indexing by a manifest is not offered here.")
        return self.context.manifests, self.context.buckets


def _lines(path: str) -> Iterator[bytes]:
    """Lines of a file, one that is too long cut behind the limit."""
    with open(path, "rb") as file:  # noqa: PTH123 - a path of the edge's making
        while line := file.readline(LONGEST + 2):
            yield line
            while len(line) > LONGEST and not line.endswith(b"\n") and (line := file.readline(LONGEST + 2)):
                pass
