"""Handlers of indexing by a manifest: a job that reads photographs from the operator's buckets."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.jobs import EXAMPLE as JOB
from kenspeckle.api.jobs import JobAnswer
from kenspeckle.api.queries import AttributesWanted, CollectionId, Cursor
from kenspeckle.api.queries import _upper as upper
from kenspeckle.api.route import BOUND, LISTED, route
from kenspeckle.api.schemas import Shape
from kenspeckle.domain import LineStatus, QualityFilter, validation
from kenspeckle.domain import operations as ops
from kenspeckle.errors import InvalidValue
from kenspeckle.serving import bodies
from kenspeckle.shapes import dump

MANIFEST_BYTES = 512 * 1024 * 1024
"""Of a manifest: some four million lines."""

BODY: dict[str, Any] = {
    "required": True,
    "description": "JSON Lines. `url` names an object of a bucket, `file` one of a folder that the operator configured "
    "as a bucket; `identity` is whose faces these are, without it they have no name; `metadata` are texts.",
    "content": {
        "application/jsonl": {
            "schema": {"type": "string"},
            "example": '{"url": "s3://photos/2026/ada.jpg", "identity": "Ada_King", "metadata": {"place": "Leith"}}\n'
            '{"file": "desk/grace.jpg", "identity": "Grace_Hopper"}\n',
        },
    },
}


class ManifestQuery(BaseModel):
    max_faces: Annotated[
        int | None,
        Field(ge=1, le=validation.MAX_MATCHES, description="Faces stored of a photograph at most; as for `/v1/index`."),
    ] = None
    quality: Annotated[
        QualityFilter | None,
        BeforeValidator(upper),
        Field(description="Faces below this bar are not stored; without it the server's setting, AUTO."),
    ] = None
    attributes: AttributesWanted = None


class ResultsQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=validation.MAX_PAGE, description="About how many lines a page has.")] = 1000
    cursor: Cursor = None


class LineAnswer(Shape):
    line: int = Field(description="Its number in the manifest, from 1.")
    status: LineStatus = Field(
        description="indexed; present, where it was stored before; no_face; failed; erased, where its faces were "
        "erased since."
    )
    image_id: str | None
    identity: str | None
    face_ids: list[str]
    code: str | None = Field(description="Of the error, where it failed.")
    reason: str | None = Field(description="Why nothing was stored.")


class LineList(Shape):
    results: list[LineAnswer]
    NextToken: str | None = None


def _results_example() -> dict[str, JsonValue]:
    face, image = "6d1b1a9f-0a3f-4f9e-9d5e-1d5f3c0a7b11", "6d1b1a9f-0a3f-4f9e-9d5e-1d5f3c0a7b12"
    nothing: dict[str, JsonValue] = {"image_id": None, "identity": None, "face_ids": [], "code": None, "reason": None}
    stored: dict[str, JsonValue] = {"image_id": image, "identity": "Ada_King", "face_ids": [face]}
    return {
        "results": [
            {**nothing, "line": 1, "status": "indexed", **stored},
            {**nothing, "line": 2, "status": "no_face", "reason": "No face found"},
        ]
    }


class Indexing:
    """What is found is limited to the collections of the key."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "POST",
        "/v1/collections/{collection_id}/index",
        tag="jobs",
        right=ops.StartIndexing.right,
        body=BODY,
        answer=JobAnswer,
        example=lambda: {**JOB, "kind": "index", "state": "queued", "done": 0, "total": 2},
        status=202,
        codes=(*BOUND, "conflict", "request_timeout", "storage_full", "model_missing", "not_offered"),
    )
    async def start_indexing(
        self, request: Request, collection_id: CollectionId, query: Annotated[ManifestQuery, Query()]
    ) -> Response:
        """Index the photographs that a manifest names: a job, which all processes that serve the catalog do together.

        Photographs are read from buckets and folders that the operator configured (`S3_BUCKETS`), and from no others. A
        manifest with a line that can't be used begins nothing, and the answer names the first such lines. `GET
        /v1/jobs/{job_id}/results` has what became of each line. What was stored before the job was cancelled stays.
        """
        edge = self.edge
        # Asked first: nothing is read for a collection that does not exist.
        await edge.handle(ops.DescribeCollection(collection_id=request.state.collection))
        with tempfile.NamedTemporaryFile(prefix="kenspeckle-manifest-") as file:

            async def write(data: bytes) -> None:
                await asyncio.to_thread(file.write, data)

            if not await bodies.store_body(request, MANIFEST_BYTES, _too_large, write):
                raise InvalidValue(
                    "The body is empty. Send JSON Lines, for example with: curl --data-binary @manifest.jsonl",
                    field="body",
                )
            await asyncio.to_thread(file.flush)
            started = await edge.handle(
                ops.StartIndexing(
                    collection_id=request.state.collection,
                    path=file.name,
                    max_faces=query.max_faces,
                    quality=query.quality,
                    attributes=query.attributes,
                    only=request.state.principal.only,
                )
            )
        return answer(dump.job(started), 202)

    @route(
        "GET",
        "/v1/jobs/{job_id}/results",
        tag="jobs",
        right=ops.ListIndexResults.right,
        answer=LineList,
        example=_results_example,
        codes=("job_not_found", "not_offered", *LISTED),
    )
    async def list_index_results(
        self,
        request: Request,
        job_id: Annotated[str, Path(description="Id of a job that indexes.", max_length=64)],
        query: Annotated[ResultsQuery, Query()],
    ) -> Response:
        """What became of each line of a manifest; of a job that is not finished, of those that are done. Faces that
        were erased since are named by no line."""
        found = await self.edge.handle(
            ops.ListIndexResults(
                job_id=job_id, limit=query.limit, cursor=query.cursor, only=request.state.principal.only
            )
        )
        return answer(dump.index_results(found))


def _too_large() -> InvalidValue:
    return InvalidValue(f"The manifest is larger than {MANIFEST_BYTES} bytes; send it in parts.", field="body")
