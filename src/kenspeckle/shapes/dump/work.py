"""Jobs, and what became of the lines of a manifest, as JSON."""

from __future__ import annotations

from kenspeckle.domain import (
    Job,
    LineResult,
    Page,
)
from kenspeckle.moments import iso
from kenspeckle.shapes.dump.faces import Json


def job(one: Job) -> Json:
    """A job, as `/v1/jobs` answers it; times are ISO 8601 in UTC."""
    return {
        "job_id": one.job_id,
        "kind": one.kind.value,
        "collection_id": one.collection_id,
        "state": one.state.value,
        "done": one.done,
        "total": one.total,
        "error": one.error or None,
        "result": None if one.result is None else dict(one.result),
        "cancelling": one.cancelling,
        "created_at": iso(one.created_at, "milliseconds"),
        "finished_at": iso(one.finished_at, "milliseconds"),
        **({"tag": one.parameters["tag"]} if one.parameters.get("tag") else {}),
    }


def jobs(page: Page[Job]) -> Json:
    """A page of jobs."""
    answer: Json = {"jobs": [job(one) for one in page.items]}
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def line_result(one: LineResult) -> Json:
    """What became of a line of a manifest."""
    return {
        "line": one.number,
        "status": one.status.value,
        "image_id": one.image_id,
        "identity": one.identity,
        "face_ids": list(one.face_ids),
        "code": one.code,
        "reason": one.reason,
    }


def index_results(page: Page[LineResult]) -> Json:
    """A page of what became of the lines of a manifest."""
    answer: Json = {"results": [line_result(one) for one in page.items]}
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer
