"""Endpoints and deliveries as every edge prints them, JSON-ready; no secrets, no contents."""

from __future__ import annotations

from datetime import UTC, datetime

from kenspeckle.domain import Delivery, DeliveryState, Webhook


def webhook(one: Webhook) -> dict[str, object]:
    """An endpoint."""
    state = "disabled" if one.disabled_at is not None else "failing" if one.failing_since is not None else "enabled"
    return {
        "id": one.webhook_id,
        "url": one.url,
        "description": one.description,
        "events": sorted(one.events),
        "collections": sorted(one.collections),
        "state": state,
        "reason": one.disabled_reason or None,
        "created_at": moment(one.created_at),
        "disabled_at": moment(one.disabled_at),
        "failing_since": moment(one.failing_since),
        "old_secret_until": moment(one.old_until),
    }


def delivery(one: Delivery) -> dict[str, object]:
    """A message to an endpoint."""
    return {
        "message_id": one.message_id,
        "event": one.event.value,
        "collection": one.collection_id or None,
        "state": one.state.value,
        "attempts": one.attempts,
        "created_at": moment(one.created_at),
        "last_attempt_at": moment(one.last_at),
        "next_attempt_at": moment(one.due_at) if one.state is DeliveryState.PENDING else None,
        "status": one.status,
        "error": one.error or None,
        "milliseconds": None if one.seconds is None else round(1000 * one.seconds),
        "can_retry": one.kept,
    }


def moment(at: float | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
