"""Receipts of erasure in the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kenspeckle.domain import KeptReceipt, WebhookMessage


class ReceiptStore(Protocol):
    """Keeps receipts. Every method is one transaction; when it returns, it is on disk. Times are epoch seconds.

    Raises StorageFull and StorageUnavailable from any method."""

    def add_receipt(self, kept: KeptReceipt, messages: Sequence[WebhookMessage] = ()) -> None:
        """Keep a receipt; `messages` are put into the outbox in the same transaction."""
        ...

    def receipt(self, receipt_id: str) -> KeptReceipt:
        """Raises ReceiptNotFound."""
        ...

    def pending_receipts(self, limit: int) -> tuple[KeptReceipt, ...]:
        """The oldest of those that are not complete."""
        ...

    def complete_receipt(self, kept: KeptReceipt, messages: Sequence[WebhookMessage]) -> bool:
        """Store the complete form of a pending receipt, and `messages` with it. False where it is complete already, or
        not kept any more: then nothing is stored."""
        ...

    def remains(self) -> tuple[str, ...]:
        """Where the database still holds what was deleted, and until when, beyond what `Catalog.scrub` overwrites: a
        phrase for each place. Empty where `scrub` overwrites all of it."""
        ...

    def trim_receipts(self, before: float) -> int:
        """Forget receipts that were complete before that time; how many."""
        ...
