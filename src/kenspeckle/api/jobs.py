"""Handlers of jobs (long work). A key sees the jobs of its collections."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import AliasChoices, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.queries import CollectionId, PageQuery
from kenspeckle.api.route import HERE, LISTED, JsonBody, route
from kenspeckle.api.schemas import Shape
from kenspeckle.domain import JobKind, JobState
from kenspeckle.domain import operations as ops
from kenspeckle.serving import bodies
from kenspeckle.shapes import dump

EXAMPLE: dict[str, JsonValue] = {
    "job_id": "job-5f1d0c9a7e2b4c68",
    "kind": "upgrade",
    "collection_id": "visitors",
    "state": "running",
    "done": 1200,
    "total": 5000,
    "error": None,
    "result": None,
    "cancelling": False,
    "created_at": "2026-01-31T12:00:00.000Z",
    "finished_at": None,
}

_JobId = Annotated[str, Path(description="Id of the job.", max_length=64)]
_UNKNOWN = ("job_not_found", "not_offered")


class JobAnswer(Shape):
    """A job. Times are ISO 8601 in UTC."""

    job_id: str
    kind: JobKind
    collection_id: str | None = Field(description="What it works on; null for the service as a whole.")
    state: JobState = Field(description="succeeded, failed and cancelled are final.")
    done: int = Field(description="Steps that are done.")
    total: int = Field(description="Steps in all; 0 where that is not known yet.")
    error: str | None = Field(description="Why it failed.")
    result: dict[str, JsonValue] | None = Field(description="Its result; the members depend on its kind.")
    cancelling: bool = Field(description="Cancellation was requested; it ends at its next step.")
    created_at: str
    finished_at: str | None
    tag: str | None = Field(default=None, description="Of a video: the word that its request gave.")


class JobList(Shape):
    jobs: list[JobAnswer]
    NextToken: str | None = None


class JobsQuery(PageQuery):
    state: Annotated[JobState | None, Field(description="Only jobs in this state.")] = None


class Upgrade(Shape):
    pack: str = Field(
        min_length=1,
        max_length=255,
        validation_alias=AliasChoices("pack", "Pack"),
        description="Model pack that is to describe the faces.",
    )


class Sync(Shape):
    rebuild: bool = Field(default=False, description="Build it anew; the old one is used meanwhile.")


class Jobs:
    """What is listed and found is limited to the collections of the key."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "GET",
        "/v1/jobs",
        tag="jobs",
        right=ops.ListJobs.right,
        answer=JobList,
        example=lambda: {"jobs": [EXAMPLE]},
        codes=(*LISTED, "not_offered"),
    )
    async def list_jobs(self, request: Request, query: Annotated[JobsQuery, Query()]) -> Response:
        """Jobs, newest first, up to 30 days after their end. A key that is limited to collections sees only theirs."""
        only = request.state.principal.only
        page = await self.edge.handle(
            ops.ListJobs(state=query.state, limit=query.limit, cursor=query.cursor, only=only)
        )
        return answer(dump.jobs(page))

    @route(
        "GET",
        "/v1/jobs/{job_id}",
        tag="jobs",
        right=ops.GetJob.right,
        answer=JobAnswer,
        example=lambda: EXAMPLE,
        codes=_UNKNOWN,
    )
    async def get_job(self, request: Request, job_id: _JobId) -> Response:
        """One job, with its progress and result."""
        found = await self.edge.handle(ops.GetJob(job_id=job_id, only=request.state.principal.only))
        return answer(dump.job(found))

    @route(
        "POST",
        "/v1/collections/{collection_id}/upgrade",
        tag="jobs",
        right=ops.UpgradeCollection.right,
        body=JsonBody(Upgrade, {"pack": "sface"}),
        answer=JobAnswer,
        example=lambda: {**EXAMPLE, "state": "queued", "done": 0, "total": 0},
        status=202,
        codes=(*HERE, "conflict", "model_missing", "storage_full", "not_offered"),
    )
    async def upgrade_collection(self, request: Request, collection_id: CollectionId) -> Response:
        """Bring a collection to another model pack: a job describes every face anew, from its photograph, else from its
        thumbnail. Ids, names, users and boxes stay. Searches answer by the old pack until all faces are described; 409
        where the collection is of the pack already, or some faces have neither photograph nor thumbnail."""
        wanted = await bodies.json(request, Upgrade)
        started = await self.edge.handle(
            ops.UpgradeCollection(collection_id=request.state.collection, pack=wanted.pack)
        )
        return answer(dump.job(started), 202)

    @route(
        "POST",
        "/v1/collections/{collection_id}/sync",
        tag="jobs",
        right=ops.SyncCollection.right,
        body=JsonBody(Sync, {"rebuild": False}),
        answer=JobAnswer,
        example=lambda: {**EXAMPLE, "kind": "sync", "state": "queued", "done": 0, "total": 0},
        status=202,
        codes=(*HERE, "conflict", "storage_full", "not_offered"),
    )
    async def sync_collection(self, request: Request, collection_id: CollectionId) -> Response:
        """Build the index of a large collection at INDEX_URL, or compare it with the catalog, by counts and digests,
        and repair it. The service does both by itself; this does it now. 409 where the collection is searched in
        process, with the reason."""
        wanted = await bodies.json(request, Sync)
        started = await self.edge.handle(
            ops.SyncCollection(collection_id=request.state.collection, rebuild=wanted.rebuild)
        )
        return answer(dump.job(started), 202)

    @route(
        "DELETE",
        "/v1/jobs/{job_id}",
        tag="jobs",
        right=ops.CancelJob.right,
        answer=JobAnswer,
        example=lambda: {**EXAMPLE, "cancelling": True},
        codes=(*_UNKNOWN, "storage_full"),
    )
    async def cancel_job(self, request: Request, job_id: _JobId) -> Response:
        """Cancel a job. A running job ends at its next step and undoes what it has done; a finished one is not
        changed."""
        found = await self.edge.handle(ops.CancelJob(job_id=job_id, only=request.state.principal.only))
        return answer(dump.job(found))
