"""Endpoints of webhooks; their secrets are encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, insert, select, update

from kenspeckle.catalog.base import Part, one_at_a_time
from kenspeckle.catalog.tables import deliveries, delivery_faces, webhooks
from kenspeckle.domain import Event, Secrets, Webhook
from kenspeckle.errors import Conflict, QuotaExceeded, WebhookNotFound

_WEBHOOK = select(
    webhooks.c.webhook_id,
    webhooks.c.url,
    webhooks.c.description,
    webhooks.c.events,
    webhooks.c.collections,
    webhooks.c.created_at,
    webhooks.c.disabled_at,
    webhooks.c.disabled_reason,
    webhooks.c.failing_since,
    webhooks.c.old_until,
)
_ALL = _WEBHOOK.order_by(webhooks.c.row)
_ONE = _WEBHOOK.add_columns(webhooks.c.secret, webhooks.c.old_secret).where(
    webhooks.c.webhook_id == bindparam("webhook_id")
)
_COUNT = select(func.count()).select_from(webhooks)


class Webhooks(Part):
    """The part of `ports.Webhooks` that keeps endpoints."""

    def add_webhook(self, webhook: Webhook, secrets: Secrets, most: int) -> None:
        with self.database.write() as connection:
            one_at_a_time(connection)
            if connection.execute(_COUNT).scalar_one() >= most:
                raise QuotaExceeded(f"There may be {most} webhooks; delete one that nobody needs.")
            connection.execute(
                insert(webhooks), {"webhook_id": webhook.webhook_id, **_columns(webhook), **_secret_columns(secrets)}
            )

    def webhooks(self) -> tuple[Webhook, ...]:
        return tuple(_webhook(one) for one in self.database.rows(_ALL, {}))

    def webhook(self, webhook_id: str) -> tuple[Webhook, Secrets]:
        found = self.database.rows(_ONE, {"webhook_id": webhook_id})
        if not found:
            raise no_webhook(webhook_id)
        present, old = found[0][-2:]
        return _webhook(found[0]), Secrets(bytes(present), None if old is None else bytes(old))

    def change_webhook(self, webhook: Webhook) -> None:
        changed = ("url", "description", "events", "collections")
        self._change(webhook.webhook_id, {name: _columns(webhook)[name] for name in changed})

    def change_secrets(self, webhook_id: str, before: bytes, secrets: Secrets, old_until: float | None) -> None:
        read = update(webhooks).where(webhooks.c.webhook_id == webhook_id, webhooks.c.secret == before)
        with self.database.write() as connection:
            if connection.execute(read.values(**_secret_columns(secrets), old_until=old_until)).rowcount:
                return
        self.webhook(webhook_id)
        raise Conflict(
            f"The secret of webhook '{webhook_id[:80]}' was changed by another request meanwhile; that one is valid.",
            field="webhook_id",
        )

    def enable_webhook(self, webhook_id: str) -> None:
        self._change(webhook_id, {"disabled_at": None, "disabled_reason": "", "failing_since": None})

    def disable_webhook(self, webhook_id: str, now: float, reason: str) -> bool:
        self.webhook(webhook_id)
        values = {"disabled_at": now, "disabled_reason": reason}
        with self.database.write() as connection:
            enabled = update(webhooks).where(webhooks.c.webhook_id == webhook_id, webhooks.c.disabled_at.is_(None))
            return connection.execute(enabled.values(**values)).rowcount > 0

    def note_health(self, webhook_id: str, failing_since: float | None) -> None:
        other = webhooks.c.failing_since.is_(None) if failing_since else webhooks.c.failing_since.is_not(None)
        with self.database.write() as connection:
            connection.execute(
                update(webhooks).where(webhooks.c.webhook_id == webhook_id, other).values(failing_since=failing_since)
            )

    def remove_webhook(self, webhook_id: str) -> None:
        row = select(webhooks.c.row).where(webhooks.c.webhook_id == webhook_id).scalar_subquery()
        theirs = select(deliveries.c.row).where(deliveries.c.webhook_row == row)
        with self.database.write() as connection:
            connection.execute(delete(delivery_faces).where(delivery_faces.c.delivery_row.in_(theirs)))
            connection.execute(delete(deliveries).where(deliveries.c.webhook_row == row))
            if not connection.execute(delete(webhooks).where(webhooks.c.webhook_id == webhook_id)).rowcount:
                raise no_webhook(webhook_id)

    def _change(self, webhook_id: str, values: dict[str, Any]) -> None:
        with self.database.write() as connection:
            if not connection.execute(
                update(webhooks).where(webhooks.c.webhook_id == webhook_id).values(**values)
            ).rowcount:
                raise no_webhook(webhook_id)


def no_webhook(webhook_id: str) -> WebhookNotFound:
    return WebhookNotFound(f"There is no webhook '{webhook_id[:80]}'.", field="webhook_id")


def _webhook(columns: Sequence[Any]) -> Webhook:
    webhook_id, url, description, events, collections, created_at, disabled_at, reason, failing, old = columns[:10]
    return Webhook(
        webhook_id,
        url,
        description,
        frozenset(Event(one) for one in orjson.loads(events)),
        frozenset(orjson.loads(collections)),
        created_at,
        disabled_at,
        reason,
        failing,
        old,
    )


def _columns(webhook: Webhook) -> dict[str, Any]:
    return {
        "url": webhook.url,
        "description": webhook.description,
        "events": orjson.dumps(sorted(webhook.events)).decode(),
        "collections": orjson.dumps(sorted(webhook.collections)).decode(),
        "created_at": webhook.created_at,
        "disabled_at": webhook.disabled_at,
        "disabled_reason": webhook.disabled_reason,
        "failing_since": webhook.failing_since,
        "old_until": webhook.old_until,
    }


def _secret_columns(secrets: Secrets) -> dict[str, Any]:
    return {"secret": secrets.present, "old_secret": secrets.old}
