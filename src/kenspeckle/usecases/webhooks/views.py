"""Endpoints and deliveries as JSON for every edge; no secrets, no contents."""

from __future__ import annotations

from kenspeckle import moments
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
        "created_at": moments.iso(one.created_at, "milliseconds"),
        "disabled_at": moments.iso(one.disabled_at, "milliseconds"),
        "failing_since": moments.iso(one.failing_since, "milliseconds"),
        "old_secret_until": moments.iso(one.old_until, "milliseconds"),
    }


def delivery(one: Delivery) -> dict[str, object]:
    """A message to an endpoint."""
    return {
        "message_id": one.message_id,
        "event": one.event.value,
        "collection": one.collection_id or None,
        "state": one.state.value,
        "attempts": one.attempts,
        "created_at": moments.iso(one.created_at, "milliseconds"),
        "last_attempt_at": moments.iso(one.last_at, "milliseconds"),
        "next_attempt_at": moments.iso(one.due_at, "milliseconds") if one.state is DeliveryState.PENDING else None,
        "status": one.status,
        "error": one.error or None,
        "milliseconds": None if one.seconds is None else round(1000 * one.seconds),
        "can_retry": one.kept,
    }
