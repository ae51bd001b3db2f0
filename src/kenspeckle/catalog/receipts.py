"""Receipts of erasure: kept until some time after nothing is left of what they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, insert, select, update

from kenspeckle.catalog.base import Part
from kenspeckle.catalog.database import each, fetch
from kenspeckle.catalog.outbox import post
from kenspeckle.catalog.tables import receipts
from kenspeckle.domain import Erasure, KeptReceipt, Receipt, WebhookMessage
from kenspeckle.errors import ReceiptNotFound

TRIMMED = 1000
"""Receipts that one transaction deletes."""

_RECEIPT = select(
    receipts.c.receipt_id,
    receipts.c.collection_id,
    receipts.c.erased,
    receipts.c.created_at,
    receipts.c.completed_at,
    receipts.c.content,
    receipts.c.public_key,
    receipts.c.signature,
)
_ONE = _RECEIPT.where(receipts.c.receipt_id == bindparam("receipt_id"))
_PENDING = _RECEIPT.where(receipts.c.completed_at.is_(None)).order_by(receipts.c.row).limit(bindparam("most"))
_ADD = insert(receipts)
_OLD = (
    select(receipts.c.row)
    .where(receipts.c.completed_at < bindparam("before"))
    .order_by(receipts.c.completed_at)
    .limit(TRIMMED)
)


class Receipts(Part):
    """Implements `ports.ReceiptStore`."""

    def add_receipt(self, kept: KeptReceipt, messages: Sequence[WebhookMessage] = ()) -> None:
        with self.database.write() as connection:
            each(connection, _ADD, [_columns(kept)])
            post(connection, messages)

    def receipt(self, receipt_id: str) -> KeptReceipt:
        found = self.database.rows(_ONE, {"receipt_id": receipt_id})
        if not found:
            raise ReceiptNotFound.of_id(receipt_id)
        return _read_kept(found[0])

    def pending_receipts(self, limit: int) -> tuple[KeptReceipt, ...]:
        return tuple(map(_read_kept, self.database.rows(_PENDING, {"most": limit})))

    def complete_receipt(self, kept: KeptReceipt, messages: Sequence[WebhookMessage]) -> bool:
        pending = update(receipts).where(receipts.c.receipt_id == kept.receipt_id, receipts.c.completed_at.is_(None))
        with self.database.write() as connection:
            if not connection.execute(pending.values(**_columns(kept))).rowcount:
                return False
            post(connection, messages)
        return True

    def remains(self) -> tuple[str, ...]:
        return self.database.remains()

    def trim_receipts(self, before: float) -> int:
        with self.database.write() as connection:
            some = [row for (row,) in fetch(connection, _OLD, {"before": before})]
            if some:
                connection.execute(delete(receipts).where(receipts.c.row.in_(some)))
        return len(some)


def _columns(kept: KeptReceipt) -> dict[str, Any]:
    return {
        "receipt_id": kept.receipt_id,
        "collection_id": kept.collection_id,
        "erased": kept.what.value,
        "created_at": kept.created_at,
        "completed_at": kept.completed_at,
        "content": orjson.dumps(kept.receipt.content).decode(),
        "public_key": kept.receipt.public_key,
        "signature": kept.receipt.signature,
    }


def _read_kept(columns: Sequence[Any]) -> KeptReceipt:
    receipt_id, collection_id, erased, created_at, completed_at, content, public_key, signature = columns
    receipt = Receipt(orjson.loads(content), public_key, signature)
    return KeptReceipt(receipt_id, collection_id, Erasure(erased), created_at, completed_at, receipt)
