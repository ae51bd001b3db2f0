"""Makes the messages to endpoints that report what was indexed, matched and deleted. Never pixels or
templates."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from kenspeckle import moments
from kenspeckle.domain import (
    AppearanceSearch,
    Event,
    FaceMatch,
    Image,
    Job,
    KeptReceipt,
    Webhook,
    WebhookMessage,
    display_name,
)
from kenspeckle.domain.audit_anchor import AuditAnchor, to_line
from kenspeckle.domain.operations import SearchAppearance
from kenspeckle.ports import NewFace, Tell, Webhooks
from kenspeckle.usecases.audit import actor

TRUST_SECONDS = 0.5
"""Seconds for which the list of endpoints is cached."""

MOST_FACES = 100
"""Most faces that one message names; it has a count of all. Of deletions, several messages name all faces."""


class Announcer:
    """Makes messages for the endpoints that subscribe to an event. Without a `store` there are none."""

    def __init__(
        self,
        store: Webhooks | None = None,
        *,
        now: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._now = now
        self._ticks = ticks
        self._known: tuple[Webhook, ...] = ()
        self._until = 0.0
        self.nudge: Callable[[], None] = lambda: None
        """Called once messages are on disk, for a dispatcher of this process."""

    def forget(self) -> None:
        """Read the list of endpoints again for the next event."""
        self._until = 0.0

    def announce_indexed(self, image: Image, identity: str | None, faces: Sequence[NewFace]) -> list[WebhookMessage]:
        """For `Catalog.add_faces`."""
        if not (listeners := self._listeners(Event.INDEXED, image.collection_id)):
            return []
        named = [one.face_id for one in faces[:MOST_FACES]]
        data = {
            "external_image_id": identity,
            "name": display_name(identity) if identity else None,
            "image_id": image.image_id,
            "face_count": len(faces),
            "face_ids": named,
        }
        return self._messages(listeners, Event.INDEXED, image.collection_id, data, named)

    def announce_matched(self, collection_id: str, searches: Sequence[Sequence[FaceMatch]]) -> None:
        """Put messages for a search that found somebody into the outbox; `searches` are the matches of each face."""
        if not (listeners := self._listeners(Event.MATCHED, collection_id)) or self._store is None:
            return
        found = [(number, one) for number, matches in enumerate(searches) for one in matches]
        if not found:
            return
        found.sort(key=lambda pair: -pair[1].similarity)
        best = found[:MOST_FACES]
        matches = [_match(number, one) for number, one in best]
        data = {"searched_faces": len(searches), "match_count": len(found), "matches": matches}
        named = [one.face.face_id for _, one in best]
        self._store.post(self._messages(listeners, Event.MATCHED, collection_id, data, named))
        self.nudge()

    def video_ended(self, job: Job) -> None:
        """Put messages for a job of a video that has ended into the outbox. They name nobody."""
        if not (listeners := self._listeners(Event.VIDEO, job.collection_id or "")) or self._store is None:
            return
        counted = {name: (job.result or {}).get(name) for name in ("people", "known", "milliseconds", "complete")}
        data = {"job_id": job.job_id, "state": job.state.value, "tag": job.parameters.get("tag"),
                "error": job.error or None, **counted}  # fmt: skip
        self._store.post(self._messages(listeners, Event.VIDEO, job.collection_id or "", data, ()))
        self.nudge()

    def announce_appeared(self, operation: SearchAppearance, found: AppearanceSearch) -> None:
        """Put messages for an appearance before a camera into the outbox, of somebody unknown too."""
        collection_id = operation.collection_id
        if not (listeners := self._listeners(Event.APPEARED, collection_id)) or self._store is None:
            return
        best = found.matches[:MOST_FACES]
        data = {
            "camera": operation.camera,
            "from": moments.iso(operation.first_at, "milliseconds"),
            "to": moments.iso(operation.last_at, "milliseconds"),
            "ended": operation.ended,
            "frames": operation.frames,
            "name": (best[0].name or None) if best else None,
            "match_count": len(found.matches),
            "matches": [_match(0, one) for one in best],
        }
        named = [one.face.face_id for one in best]
        self._store.post(self._messages(listeners, Event.APPEARED, collection_id, data, named))
        self.nudge()

    def announce_deleted(self, collection_id: str) -> Tell | None:
        """For operations that delete faces of the collection; None where no endpoint subscribes to that."""
        if not (listeners := self._listeners(Event.DELETED, collection_id)):
            return None

        def tell(face_ids: Sequence[str]) -> list[WebhookMessage]:
            return [
                message
                for start in range(0, len(face_ids), MOST_FACES)
                for message in self._announce_deleted(listeners, collection_id, face_ids[start : start + MOST_FACES])
            ]

        return tell

    def collection_deleted(self, collection_id: str) -> list[WebhookMessage]:
        """For `Catalog.delete_collection`."""
        listeners = self._listeners(Event.DELETED, collection_id)
        return self._announce_deleted(listeners, collection_id, None) if listeners else []

    def erasure_completed(self, kept: KeptReceipt) -> list[WebhookMessage]:
        """For `ReceiptStore`: nothing is left of what the receipt names."""
        if not (listeners := self._listeners(Event.COMPLETED, kept.collection_id)):
            return []
        content = kept.receipt.content
        data = {
            "receipt_id": kept.receipt_id,
            "erased": kept.what.value,
            "face_count": content["face_count"],
            "image_count": content["image_count"],
            "completed_at": content["completed_at"],
            "request_id": content["request_id"] or None,
        }
        return self._messages(listeners, Event.COMPLETED, kept.collection_id, data, ())

    def announce_anchored(self, anchor: AuditAnchor) -> None:
        """Put messages with the newest row of the audit trail into the outbox."""
        if self._store is None or not (listeners := self._listeners(Event.ANCHORED, "")):
            return
        data = {"anchor": f"{anchor.number}:{anchor.hash.hex()}", "sealed": to_line(anchor).decode().rstrip()}
        self._store.post(self._messages(listeners, Event.ANCHORED, "", data, ()))
        self.nudge()

    def test(self, webhook: Webhook) -> WebhookMessage:
        """A test message without an event."""
        data = {"description": "A message to see whether messages arrive. Nothing has happened."}
        return self._messages([webhook], Event.TEST, "", data, ())[0]

    def _announce_deleted(
        self, listeners: Sequence[Webhook], collection_id: str, face_ids: Sequence[str] | None
    ) -> list[WebhookMessage]:
        data = {"whole_collection": face_ids is None, "face_ids": list(face_ids or ())}
        # The faces are deleted already; the messages' content is deleted once they have arrived.
        return self._messages(listeners, Event.DELETED, collection_id, data, ())

    def _listeners(self, event: Event, collection_id: str) -> list[Webhook]:
        if self._store is None:
            return []
        if (ticks := self._ticks()) >= self._until:
            self._known, self._until = self._store.webhooks(), ticks + TRUST_SECONDS
        return [one for one in self._known if one.wants(event, collection_id)]

    def _messages(
        self,
        listeners: Sequence[Webhook],
        event: Event,
        collection_id: str,
        data: dict[str, Any],
        face_ids: Sequence[str],
    ) -> list[WebhookMessage]:
        now = self._now()
        moment = moments.iso(now, "milliseconds")
        about = {"collection": collection_id or None, "request_id": actor.current().request_id or None}
        body = {"type": event.value, "timestamp": moment, "data": {**about, **data}}
        payload, message_id = orjson.dumps(body).decode(), f"msg_{secrets.token_urlsafe(16)}"
        return [
            WebhookMessage(one.webhook_id, message_id, event, collection_id, payload, tuple(face_ids), now)
            for one in listeners
        ]


def _match(number: int, match: FaceMatch) -> dict[str, Any]:
    face = match.face
    return {
        "face_id": face.face_id,
        "external_image_id": face.external_image_id,
        "name": match.name or None,
        "similarity": round(float(match.similarity), 2),
        "searched_face": number,
    }
