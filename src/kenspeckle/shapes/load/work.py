"""Jobs, and what became of the lines of a manifest, from JSON."""

from __future__ import annotations

from kenspeckle.domain import (
    Job,
    JobKind,
    JobState,
    LineResult,
    LineStatus,
)
from kenspeckle.shapes.load.faces import Json, seconds


def job(shape: Json) -> Job:
    return Job(
        job_id=shape["job_id"],
        kind=JobKind(shape["kind"]),
        collection_id=shape.get("collection_id"),
        created_at=seconds(shape.get("created_at")),
        state=JobState(shape["state"]),
        done=int(shape.get("done", 0)),
        total=int(shape.get("total", 0)),
        error=shape.get("error") or "",
        result=shape.get("result"),
        finished_at=seconds(shape["finished_at"]) if shape.get("finished_at") else None,
        cancelling=bool(shape.get("cancelling", False)),
    )


def line_result(shape: Json) -> LineResult:
    return LineResult(
        number=int(shape["line"]),
        status=LineStatus(shape["status"]),
        image_id=shape.get("image_id"),
        identity=shape.get("identity"),
        face_ids=tuple(shape.get("face_ids") or ()),
        code=shape.get("code"),
        reason=shape.get("reason"),
    )
