"""Models of the requests and answers of `/v1/webhooks`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

WEBHOOK: dict[str, JsonValue] = {
    "id": "hook-4xk2mwq7c3ta",
    "url": "https://door.example.org/faces",
    "description": "front door",
    "events": ["faces.matched"],
    "collections": ["staff"],
    "state": "enabled",
    "reason": None,
    "created_at": "2026-01-31T12:00:00.000Z",
    "disabled_at": None,
    "failing_since": None,
    "old_secret_until": None,
}
SECRET = "whsec_" + "A" * 43 + "="
DELIVERY: dict[str, JsonValue] = {
    "message_id": "msg_2b7d0d1f3c559b2f6f0e6f",
    "event": "faces.matched",
    "collection": "staff",
    "state": "delivered",
    "attempts": 1,
    "created_at": "2026-01-31T12:00:00.000Z",
    "last_attempt_at": "2026-01-31T12:00:00.021Z",
    "next_attempt_at": None,
    "status": 204,
    "error": None,
    "milliseconds": 12,
    "can_retry": False,
}

_Events = Annotated[
    list[str],
    Field(
        description="Any of faces.indexed, faces.matched, faces.deleted, erasure.completed, video.ended, "
        "camera.appearance and audit.anchored; empty for all but the last.",
        max_length=16,
    ),
]
_Collections = Annotated[list[str], Field(description="Only of these; empty for all of them.", max_length=1000)]
_Description = Annotated[str, Field(description="What it is for.", max_length=256)]
_Url = Annotated[str, Field(description="Where messages are posted: https://host/path.", max_length=2048)]


class NewWebhook(BaseModel):
    """An endpoint and its events."""

    model_config = ConfigDict(extra="forbid")

    url: _Url
    events: _Events = []
    collections: _Collections = []
    description: _Description = ""


class WebhookChange(BaseModel):
    """Members that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    url: _Url | None = None
    events: _Events | None = None
    collections: _Collections | None = None
    description: _Description | None = None
    enabled: bool | None = Field(default=None, description="A disabled endpoint receives no messages.")


class Rotation(BaseModel):
    """How long the old secret signs too."""

    model_config = ConfigDict(extra="forbid")

    keep: str | None = Field(default=None, description="An age (12h, 7d), or 0; 24h unless set.", max_length=64)


class Retry(BaseModel):
    """Which messages are sent again."""

    model_config = ConfigDict(extra="forbid")

    message_id: str | None = Field(
        default=None, description="Only this message; without it all that failed.", max_length=64
    )


class WebhookAnswer(BaseModel):
    """An endpoint, without its secret. Times are ISO 8601 in UTC."""

    model_config = ConfigDict(json_schema_extra={"examples": [WEBHOOK]})

    id: str
    url: str
    description: str
    events: list[str]
    collections: list[str]
    state: str = Field(description="enabled, failing (messages wait for it) or disabled.")
    reason: str | None = Field(description="Why it is disabled.")
    created_at: str
    disabled_at: str | None
    failing_since: str | None
    old_secret_until: str | None = Field(description="Until when the previous secret signs too.")


class WebhookWithSecret(WebhookAnswer):
    """An endpoint with its secret, which no other answer contains."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**WEBHOOK, "secret": SECRET}]})

    secret: str = Field(description="whsec_ and base64, as libraries of Standard Webhooks take it.")


class WebhookList(BaseModel):
    """All endpoints, oldest first."""

    webhooks: list[WebhookAnswer]


class DeliveryAnswer(BaseModel):
    """The delivery of a message. Its content is not shown."""

    model_config = ConfigDict(json_schema_extra={"examples": [DELIVERY]})

    message_id: str = Field(description="The header webhook-id, the same at each attempt.")
    event: str
    collection: str | None
    state: str = Field(description="pending, delivered, failed or erased.")
    attempts: int
    created_at: str
    last_attempt_at: str | None
    next_attempt_at: str | None
    status: int | None = Field(description="Status of the newest answer; null where there was none.")
    error: str | None = Field(description="Why the newest attempt did not arrive.")
    milliseconds: int | None
    can_retry: bool = Field(description="Whether its content is still stored.")


class DeliveryList(BaseModel):
    """Deliveries, newest first."""

    deliveries: list[DeliveryAnswer]
    cursor: str | None = Field(description="Send this as `cursor` for older ones; null where there are none.")


class Retried(BaseModel):
    """How many messages are sent again."""

    messages: int
