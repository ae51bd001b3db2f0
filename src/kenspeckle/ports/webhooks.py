"""Endpoints of webhooks, the outbox of messages to them, and who carries a message out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from kenspeckle.domain import Claimed, Delivery, DeliveryState, Letter, Page, Secrets, Sent, Webhook

Tell: TypeAlias = Callable[[Sequence[str]], Sequence[Letter]]
"""Asked inside a transaction for the letters that tell of these faces having been deleted."""


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
        """Give it the address, description, events and collections that are named here; nothing else."""
        ...

    def change_secrets(self, webhook_id: str, before: bytes, secrets: Secrets, old_until: float | None) -> None:
        """Raises Conflict where the present secret is not `before`, as it was sealed, any more."""
        ...

    def enable_webhook(self, webhook_id: str) -> None:
        """From here on it is told again; nothing is held against it."""
        ...

    def disable_webhook(self, webhook_id: str, now: float, reason: str) -> bool:
        """False where it is disabled already."""
        ...

    def note_health(self, webhook_id: str, failing_since: float | None) -> None:
        """None: it took a message. Where it fails already, the time stays. An endpoint that is gone is fine."""
        ...

    def remove_webhook(self, webhook_id: str) -> None:
        """Its messages and log go with it."""
        ...

    def post(self, letters: Sequence[Letter]) -> None:
        """Put letters into the outbox. Those to endpoints that are gone or disabled are dropped; one that names a face
        which is not there any more is logged as erased, without its content."""
        ...

    def claim(self, webhook_id: str, now: float, until: float, horizon: float, limit: int) -> list[Claimed]:
        """Take on some messages that are due, oldest first. Nobody else gets them before `until`, unless they are
        settled. One that is due later than `horizon` was put off by a clock that was wrong, and is due."""
        ...

    def settle(self, claimed: Claimed, sent: Sent, now: float, state: DeliveryState, due_at: float) -> bool:
        """Note how the attempt went. What was delivered loses its content. False where somebody else has claimed it
        meanwhile, or it is gone; then nothing is noted."""
        ...

    def log_delivery(self, letter: Letter, sent: Sent, now: float) -> Delivery:
        """Note a message that was sent by hand, with the one attempt it had."""
        ...

    def deliveries(
        self, webhook_id: str, state: DeliveryState | None, limit: int, cursor: str | None
    ) -> Page[Delivery]:
        """The log, newest first. Raises InvalidCursor."""
        ...

    def retry(self, webhook_id: str, message_id: str | None, now: float) -> int:
        """Make what failed (or this message, whatever its state) due now, with all attempts before it; how many.
        What has no content any more stays as it is."""
        ...

    def backlog(self) -> Mapping[str, int]:
        """Pending messages by endpoint."""
        ...

    def trim_deliveries(self, before: float) -> int:
        """Forget some messages older than this, whatever their state; how many, 0 where there are no more."""
        ...

    def hold_deliveries(self, reason: str) -> int:
        """Have everything that is pending fail with this reason, its content kept; how many."""
        ...


class Transport(Protocol):
    """Carries a message to an address."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """Never raises for what the other side does; takes no longer than its deadline."""
        ...

    async def close(self) -> None: ...
