"""Webhooks: endpoints, events, messages and their deliveries."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Event(StrEnum):
    """Events that endpoints receive; the `type` of a message."""

    INDEXED = "faces.indexed"
    MATCHED = "faces.matched"
    DELETED = "faces.deleted"
    COMPLETED = "erasure.completed"
    VIDEO = "video.ended"
    APPEARED = "camera.appearance"
    ANCHORED = "audit.anchored"
    """Of the whole service, so only for endpoints of all collections."""
    TEST = "webhook.test"
    """Sent on request only, to one endpoint."""


EVENTS = frozenset(Event) - {Event.TEST}
"""Events that an endpoint can subscribe to."""

USUAL_EVENTS = EVENTS - {Event.ANCHORED}
"""Events of an endpoint that names none."""


class DeliveryState(StrEnum):
    """`pending` is to be sent, or sent again; `erased` is never sent, because a face that it names was erased."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint. Empty `collections` are all of them. `failing_since` is the first failure since its last success;
    `old_until` the time up to which messages are signed with the secret before the present one too."""

    webhook_id: str
    url: str
    description: str
    events: frozenset[Event]
    collections: frozenset[str]
    created_at: float
    disabled_at: float | None = None
    disabled_reason: str = ""
    failing_since: float | None = None
    old_until: float | None = None

    def wants(self, event: Event, collection_id: str) -> bool:
        """Whether it receives this event of this collection."""
        return (
            self.disabled_at is None
            and event in self.events
            and (not self.collections or collection_id in self.collections)
        )


@dataclass(frozen=True, slots=True)
class Secrets:
    """Encrypted secrets of an endpoint: the present one, and the one before."""

    present: bytes
    old: bytes | None = None


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message to one endpoint, to be stored in the transaction of what it reports. `payload` is the JSON that is
    sent."""

    webhook_id: str
    message_id: str
    event: Event
    collection_id: str
    payload: str
    face_ids: tuple[str, ...]
    created_at: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to one endpoint and the state of its delivery. `status` is that of the newest answer; `error` says why
    the newest attempt failed. `kept` says whether its content is still stored and can be sent again."""

    row: int
    webhook_id: str
    message_id: str
    event: Event
    collection_id: str
    created_at: float
    state: DeliveryState
    attempts: int
    due_at: float
    last_at: float | None = None
    status: int | None = None
    error: str = ""
    seconds: float | None = None
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process has claimed, with the message to send."""

    delivery: Delivery
    payload: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """Result of an attempt: `status` of the answer, None where there was none; `error` says why it failed."""

    status: int | None
    error: str
    seconds: float
    retry_after: float | None = None

    @property
    def arrived(self) -> bool:
        return not self.error
