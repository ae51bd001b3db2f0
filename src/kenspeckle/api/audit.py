"""`/v1/audit`: the audit trail over HTTP, newest rows first. Needs the scope admin."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api.edge import answer
from kenspeckle.api.route import ADMIN, route
from kenspeckle.domain.audit import describe
from kenspeckle.ports import AuditQuery
from kenspeckle.usecases.audit import verification
from kenspeckle.usecases.audit.accesses import NAMES
from kenspeckle.usecases.audit.recorder import Recorder

_EXAMPLE: dict[str, JsonValue] = {
    "number": 42,
    "at": 1769860800.25,
    "operation": "SearchFacesByImage",
    "outcome": "ok",
    "who": "key-4xk2mwq7c3ta",
    "name": "front desk",
    "request_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "address": "192.0.2.7",
    "collection": "visitors",
    "face_count": 1,
    "faces": ["7c9e6679-7425-40de-944b-e07fc1f90ae7"],
    "facts": {"searched": 1},
    "hash": "9f" * 32,
    "seal": "5a" * 32,
}


class AuditRowAnswer(BaseModel):
    """One row. `at` is in seconds since the epoch; `hash` and `seal` are hexadecimal."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    number: int
    at: float
    operation: str
    outcome: str = Field(description="ok, or the code of an error.")
    who: str = Field(description="Id of the key, or open, cli, nobody, service.")
    name: str = Field(description="Name of the key, or the system's user of a command.")
    request_id: str
    address: str
    collection: str | None
    face_count: int
    faces: list[str] = Field(description="Face ids concerned, not all of them where there are many.")
    facts: dict[str, JsonValue]
    hash: str
    seal: str


class AuditAnswer(BaseModel):
    """Rows, newest first."""

    rows: list[AuditRowAnswer]
    before: int | None = Field(description="Send this as `before` for older rows; null where there are none.")
    operations: list[str] = Field(description="Names of operations that this server records, by alphabet.")


class AuditParameters(BaseModel):
    """Filters of rows; `collection` is a filter here, and needs no right for that collection."""

    since: Annotated[
        str | None, Field(description="An age (12h, 30d) or an ISO date or time in UTC.", max_length=64)
    ] = None
    key: Annotated[str | None, Field(description="Id of a key, or open, cli, nobody.", max_length=255)] = None
    collection: Annotated[str | None, Field(description="Only this collection.", max_length=255)] = None
    operation: Annotated[str | None, Field(description="As rows name it: IndexFaces.", max_length=255)] = None
    outcome: Annotated[
        str | None,
        Field(description="ok, the code of an error, or failed: every outcome but ok.", max_length=255),
    ] = None
    before: Annotated[int | None, Field(description="Only rows older than this one.", ge=1, le=1 << 62)] = None
    limit: Annotated[int, Field(description="Rows at most.", ge=1, le=1000)] = 100


class Audit:
    """The trail, read only."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    @route(
        "GET",
        "/v1/audit",
        tag="audit",
        right=ADMIN,
        answer=AuditAnswer,
        example=lambda: {"rows": [_EXAMPLE], "before": None, "operations": ["IndexFaces", "SearchFacesByImage"]},
        recognizes=False,
    )
    async def show_audit(self, request: Request, query: Annotated[AuditParameters, Query()]) -> Response:
        """Rows of the audit trail, newest first. Reading it is recorded too."""
        begin = verification.moment(query.since, time.time()) if query.since is not None else None
        asked = AuditQuery(begin, query.key, query.collection, query.operation, query.before, query.outcome)

        def read() -> dict[str, Any]:
            rows = verification.read_rows(self._recorder, asked, query.limit)
            more = rows[-1].number if len(rows) == query.limit else None
            return {"rows": [describe(row) for row in rows], "before": more, "operations": NAMES}

        return answer(await run_in_threadpool(read))
