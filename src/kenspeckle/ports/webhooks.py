"""Endpoints of webhooks, the outbox of messages to them, and the transport of a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from kenspeckle.domain import Claimed, Delivery, DeliveryState, Page, Secrets, Sent, Webhook, WebhookMessage

Tell: TypeAlias = Callable[[Sequence[str]], Sequence[WebhookMessage]]
"""Called inside a transaction; makes the messages that report the deletion of these faces."""


class Webhooks(Protocol):
    """Endpoints and the outbox in the catalog. Every method is one transaction; when it returns, it is on disk.

    Raises StorageFull and StorageUnavailable from any method; WebhookNotFound where the endpoint is not there."""

    def add_webhook(self, webhook: Webhook, secrets: Secrets, most: int) -> None:
        """Raises QuotaExceeded where there would be more than `most`."""
        ...

    def webhooks(self) -> tuple[Webhook, ...]:
        """All of them, oldest first."""
        ...

    def webhook(self, webhook_id: str) -> tuple[Webhook, Secrets]: ...

    def change_webhook(self, webhook: Webhook) -> None:
        """Change its address, description, events and collections; nothing else."""
        ...

    def change_secrets(self, webhook_id: str, before: bytes, secrets: Secrets, old_until: float | None) -> None:
        """Raises Conflict where the present encrypted secret is no longer `before`."""
        ...

    def enable_webhook(self, webhook_id: str) -> None:
        """It receives messages again; earlier failures are forgotten."""
        ...

    def disable_webhook(self, webhook_id: str, now: float, reason: str) -> bool:
        """False where it is disabled already."""
        ...

    def note_health(self, webhook_id: str, failing_since: float | None) -> None:
        """None: it accepted a message. Where it fails already, the earlier time stays. A deleted endpoint is
        ignored."""
        ...

    def remove_webhook(self, webhook_id: str) -> None:
        """Deletes its messages and delivery log too."""
        ...

    def post(self, messages: Sequence[WebhookMessage]) -> None:
        """Put messages into the outbox. Those to deleted or disabled endpoints are dropped; one that names a deleted
        face is logged as erased, without its content."""
        ...

    def claim(self, webhook_id: str, now: float, until: float, horizon: float, limit: int) -> list[Claimed]:
        """Claim at most `limit` messages that are due, oldest first. No other process gets them before `until`, unless
        they are settled. One that is due later than `horizon` was postponed by a wrong clock, and counts as due."""
        ...

    def settle(self, claimed: Claimed, sent: Sent, now: float, state: DeliveryState, due_at: float) -> bool:
        """Record the result of an attempt. A delivered message loses its content. False where another process has
        claimed it meanwhile, or it was deleted; then nothing is recorded."""
        ...

    def log_delivery(self, message: WebhookMessage, sent: Sent, now: float) -> Delivery:
        """Record a test message with its only attempt."""
        ...

    def deliveries(
        self, webhook_id: str, state: DeliveryState | None, limit: int, cursor: str | None
    ) -> Page[Delivery]:
        """The log, newest first. Raises InvalidCursor."""
        ...

    def retry(self, webhook_id: str, message_id: str | None, now: float) -> int:
        """Make failed messages (or this one, whatever its state) due now, with all attempts before them; returns their
        number. Messages without content stay as they are."""
        ...

    def backlog(self) -> Mapping[str, int]:
        """Pending messages by endpoint."""
        ...

    def trim_deliveries(self, before: float) -> int:
        """Forget some messages older than this, whatever their state; how many, 0 where there are no more."""
        ...

    def hold_deliveries(self, reason: str) -> int:
        """Mark all pending messages as failed with this reason, with their content; returns their number."""
        ...


class Transport(Protocol):
    """Sends a message to a URL."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """Raises nothing because of the receiver; returns within its deadline."""
        ...

    async def close(self) -> None: ...
