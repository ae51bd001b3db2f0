"""Handlers of videos: who is in them, from when to when."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api import examples, schemas
from kenspeckle.api.edge import Edge, answer
from kenspeckle.api.jobs import EXAMPLE as JOB
from kenspeckle.api.jobs import JobAnswer
from kenspeckle.api.queries import Cursor, InCollection, MaxFaces, Threshold
from kenspeckle.api.queries import _upper as upper
from kenspeckle.api.route import BOUND, LISTED, route
from kenspeckle.api.schemas import Shape
from kenspeckle.domain import VideoSource, validation
from kenspeckle.domain import operations as ops
from kenspeckle.errors import InvalidValue, NotOffered, VideoTooLarge
from kenspeckle.ports import Incoming
from kenspeckle.serving import bodies
from kenspeckle.shapes import dump

_JobId = Annotated[str, Path(description="Id of the video's job.", max_length=64)]
_UNKNOWN = ("job_not_found", "not_offered")
BODY = {
    "required": True,
    "description": "The video, raw; or JSON that names an object of a configured bucket.",
    "content": {
        "video/*": {"schema": {"type": "string", "format": "binary"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {
            "schema": {"type": "object", "properties": {"Video": {"type": "object"}}},
            "example": {"Video": {"S3Object": {"Bucket": "videos", "Name": "entrance.mp4"}}},
        },
    },
}


class ObjectOfBucket(BaseModel):
    model_config = ConfigDict(extra="forbid")

    Bucket: str = Field(min_length=3, max_length=255)
    Name: str = Field(min_length=1, max_length=1024)
    Version: str | None = Field(default=None, min_length=1, max_length=1024)


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid")

    S3Object: ObjectOfBucket


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    Video: Named


class VideoQuery(InCollection):
    threshold: Threshold = None
    max_faces: MaxFaces = None
    tag: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1024,
            pattern=r"^[a-zA-Z0-9_.\-:+=\/]+$",
            description="A word of your own, which answers and webhooks repeat.",
        ),
    ] = None


class PagedQuery(BaseModel):
    limit: Annotated[int, Field(ge=1, le=validation.MAX_PAGE, description="Items on a page.")] = 1000
    cursor: Cursor = None


class FacesQuery(PagedQuery):
    sort_by: Annotated[
        Literal["TIMESTAMP", "INDEX"],
        BeforeValidator(upper),
        Field(description="By time, or by person."),
    ] = "TIMESTAMP"


class Metadata(Shape):
    Codec: str
    DurationMillis: int
    Format: str
    FrameRate: float
    FrameHeight: int
    FrameWidth: int
    ColorRange: str


class OfVideo(Shape):
    """What every answer about a video has."""

    JobId: str
    JobStatus: Literal["IN_PROGRESS", "SUCCEEDED", "FAILED"]
    StatusMessage: str | None = Field(default=None, description="Why it failed, or what is to be known of it.")
    JobTag: str | None = None
    Video: dict[str, JsonValue] | None = Field(default=None, description="The object of a bucket.")
    VideoMetadata: Metadata | None = None
    NextToken: str | None = None


class PersonDetail(Shape):
    Index: int = Field(description="Number of the person in this video.")
    BoundingBox: schemas.BoundingBox
    Face: schemas.FaceDetail


class PersonMatch(Shape):
    Timestamp: int = Field(description="Milliseconds from the start.")
    Person: PersonDetail
    FaceMatches: list[schemas.FaceMatch] | None = None


class FaceSearchAnswer(OfVideo):
    Persons: list[PersonMatch]


class AppearanceAnswer(Shape):
    index: int = Field(description="Number of the person in this video.")
    from_ms: int
    to_ms: int
    frames: int = Field(description="Sampled frames that show the face.")
    name: str | None = Field(description="Of the best match; null for somebody unknown.")
    external_image_id: str | None
    similarity: float | None
    FaceMatches: list[schemas.FaceMatch]


class AppearanceList(OfVideo):
    appearances: list[AppearanceAnswer]


def _about() -> dict[str, JsonValue]:
    return {
        "JobId": "job-5f1d0c9a7e2b4c68",
        "JobStatus": "SUCCEEDED",
        "VideoMetadata": {
            "Codec": "h264",
            "DurationMillis": 60000,
            "Format": "MP4",
            "FrameRate": 25.0,
            "FrameHeight": 720,
            "FrameWidth": 1280,
            "ColorRange": "LIMITED",
        },
    }


def _faces_example() -> dict[str, JsonValue]:
    found = dict(examples.search())["faces"]
    detail = dict(examples.detect())["FaceDetails"][0]
    person = {"Index": 0, "BoundingBox": detail["BoundingBox"], "Face": detail}
    return {**_about(), "Persons": [{"Timestamp": 200, "Person": person, "FaceMatches": found["FaceMatches"]}]}


def _appearances_example() -> dict[str, JsonValue]:
    matches = dict(examples.search())["faces"]["FaceMatches"]
    first = matches[0]
    one = {
        "index": 0,
        "from_ms": 200,
        "to_ms": 4800,
        "frames": 24,
        "name": "Keanu reeves",
        "external_image_id": first["Face"].get("ExternalImageId"),
        "similarity": first["Similarity"],
        "FaceMatches": matches,
    }
    return {**_about(), "appearances": [one]}


class Videos:
    """What is found is limited to the collections of the key."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    @route(
        "POST",
        "/v1/videos",
        tag="videos",
        right=ops.StartVideo.right,
        body=BODY,
        answer=JobAnswer,
        example=lambda: {**JOB, "kind": "video", "state": "queued", "done": 0, "total": 0},
        status=202,
        codes=(
            *BOUND,
            "video_too_large",
            "invalid_s3_object",
            "unsupported_image",
            "quota_exceeded",
            "request_timeout",
            "storage_full",
            "model_missing",
            "not_offered",
        ),
    )
    async def start_video(self, request: Request, query: Annotated[VideoQuery, Query()]) -> Response:
        """Find who is in a video, from when to when: a job.

        The body is the video itself, or JSON that names an object of a bucket that the operator configured. `GET
        /v1/videos/{job_id}` has the faces, `GET /v1/videos/{job_id}/appearances` the people, once the job has
        succeeded.
        """
        principal = request.state.principal
        asked = ops.StartVideo(
            collection_id=request.state.collection,
            source=VideoSource(),
            threshold=query.threshold,
            max_faces=query.max_faces,
            tag=query.tag,
            key_id=principal.key.key_id if principal.key else "",
            only=principal.only,
        )
        if self.edge.staged is None:
            raise NotOffered("Videos are not offered here; docs/video.md says what they need.")
        if bodies.media_type(request.headers) == "application/json":
            named = (await bodies.json(request, Body)).Video.S3Object
            source = VideoSource(bucket=named.Bucket, name=named.Name, version=named.Version)
            return answer(dump.job(await self.edge.handle(replace(asked, source=source))), 202)
        return await self._upload(request, asked)

    async def _upload(self, request: Request, asked: ops.StartVideo) -> Response:
        edge, key, most = self.edge, secrets.token_bytes(32), self.edge.settings.max_video_bytes
        assert edge.staged is not None
        if bodies.media_type(request.headers) == "multipart/form-data":
            raise InvalidValue(
                "This route takes the video itself as the body, not a form. With curl: --data-binary @video.mp4 or -T "
                "video.mp4 -X POST",
                field="body",
            )
        # Asked first: nothing is stored for a collection that does not exist.
        await edge.handle(ops.DescribeCollection(collection_id=asked.collection_id))
        incoming: Incoming = await edge.threads.call(edge.staged.begin, key)
        try:

            async def write(data: bytes) -> None:
                await edge.threads.call(incoming.write, data)

            if not await bodies.store_body(request, most, lambda: _too_large(most), write):
                raise InvalidValue(
                    "The body is empty. Send the video's bytes, for example with: curl -X POST -T video.mp4",
                    field="body",
                )
            await edge.threads.call(incoming.close)
            upload = VideoSource(upload=incoming.name)
            started = await edge.handle(replace(asked, source=upload, upload_key=key))
        except BaseException:
            await edge.threads.call(incoming.discard)
            raise
        return answer(dump.job(started), 202)

    @route(
        "GET",
        "/v1/videos/{job_id}",
        tag="videos",
        right=ops.GetVideo.right,
        answer=FaceSearchAnswer,
        example=_faces_example,
        codes=(*_UNKNOWN, *LISTED),
    )
    async def get_video(self, request: Request, job_id: _JobId, query: Annotated[FacesQuery, Query()]) -> Response:
        """Every face of a video's sampled frames with the person it belongs to, as GetFaceSearch of Rekognition answers
        it. Empty while the job is not finished; `JobStatus` says how it stands."""
        found = await self.edge.handle(
            ops.GetVideo(
                job_id=job_id,
                by_person=query.sort_by == "INDEX",
                limit=query.limit,
                cursor=query.cursor,
                only=request.state.principal.only,
            )
        )
        return answer(dump.face_search(found, people=True))

    @route(
        "GET",
        "/v1/videos/{job_id}/appearances",
        tag="videos",
        right=ops.ListAppearances.right,
        answer=AppearanceList,
        example=_appearances_example,
        codes=(*_UNKNOWN, *LISTED),
    )
    async def list_appearances(
        self, request: Request, job_id: _JobId, query: Annotated[PagedQuery, Query()]
    ) -> Response:
        """Who is in a video, from when to when, by time. Empty while the job is not finished."""
        found = await self.edge.handle(
            ops.ListAppearances(
                job_id=job_id, limit=query.limit, cursor=query.cursor, only=request.state.principal.only
            )
        )
        return answer(dump.appearances(found))

    @route(
        "DELETE",
        "/v1/videos/{job_id}",
        tag="videos",
        right=ops.EraseVideo.right,
        status=204,
        codes=(*_UNKNOWN, "conflict", "storage_full"),
    )
    async def erase_video(self, request: Request, job_id: _JobId) -> Response:
        """Erase the results of a video's job, which has to have ended; `DELETE /v1/jobs/{job_id}` cancels one."""
        await self.edge.handle(ops.EraseVideo(job_id=job_id, only=request.state.principal.only))
        return Response(status_code=204)


def _too_large(most: int) -> VideoTooLarge:
    return VideoTooLarge(
        f"The video is larger than {most} bytes. Send a shorter part, or compress it more; the operator sets the limit "
        "(KENSPECKLE_MAX_VIDEO_BYTES).",
        field="body",
    )
