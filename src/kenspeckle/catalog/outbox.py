"""The outbox of webhooks: messages are stored in the transaction of what they report, claimed, settled, and emptied
when a face in them is erased."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Connection, Executable, and_, bindparam, delete, func, insert, or_, select, update

from kenspeckle.catalog.base import Part, chunks
from kenspeckle.catalog.database import each, fetch
from kenspeckle.catalog.tables import collections, deliveries, delivery_faces, faces, webhooks
from kenspeckle.catalog.webhooks import no_webhook
from kenspeckle.domain import Claimed, Delivery, DeliveryState, Event, Page, Sent, WebhookMessage
from kenspeckle.ports import Tell

_Ask: TypeAlias = Callable[[Executable, Mapping[str, object]], Sequence[Sequence[Any]]]

TRIMMED = 1000
"""Messages that one transaction deletes."""

_TO = select(webhooks.c.row).where(webhooks.c.webhook_id == bindparam("webhook_id"), webhooks.c.disabled_at.is_(None))
_ROW = select(webhooks.c.row).where(webhooks.c.webhook_id == bindparam("webhook_id"))
_THERE = (
    select(faces.c.row)
    .join(collections, collections.c.row == faces.c.collection_row)
    .where(collections.c.collection_id == bindparam("collection_id"), faces.c.face_id == bindparam("face_id"))
)
# A deletion that is under way is waited for, and one that begins waits: none misses a message that names its face.
_THERE_STILL = _THERE.with_for_update(read=True, of=(faces, collections))
_ADD = insert(deliveries).returning(deliveries.c.row)
_NAME = insert(delivery_faces).returning(delivery_faces.c.delivery_row)
_DELIVERY = select(
    deliveries.c.row,
    webhooks.c.webhook_id,
    deliveries.c.message_id,
    deliveries.c.event,
    deliveries.c.collection_id,
    deliveries.c.created_at,
    deliveries.c.state,
    deliveries.c.attempts,
    deliveries.c.due_at,
    deliveries.c.last_at,
    deliveries.c.status,
    deliveries.c.error,
    deliveries.c.seconds,
    deliveries.c.payload.is_not(None),
).join(webhooks, webhooks.c.row == deliveries.c.webhook_row)
_DUE = (
    _DELIVERY.add_columns(deliveries.c.payload)
    .where(
        webhooks.c.webhook_id == bindparam("webhook_id"),
        webhooks.c.disabled_at.is_(None),
        deliveries.c.state == DeliveryState.PENDING.value,
        or_(deliveries.c.due_at <= bindparam("now"), deliveries.c.due_at > bindparam("horizon")),
    )
    .order_by(deliveries.c.due_at, deliveries.c.row)
    .limit(bindparam("most"))
)
_CLAIMABLE = _DUE.with_for_update(of=deliveries, skip_locked=True)
_CLAIM = (
    update(deliveries)
    .where(deliveries.c.row == bindparam("number"))
    .values(due_at=bindparam("until"), attempts=deliveries.c.attempts + 1)
)
_FORGET = delete(delivery_faces).where(delivery_faces.c.delivery_row.in_(bindparam("some", expanding=True)))
_NAMING = select(delivery_faces.c.delivery_row).where(delivery_faces.c.face_id.in_(bindparam("some", expanding=True)))
_PENDING = deliveries.c.state == DeliveryState.PENDING.value
_WITHOUT = {"state": DeliveryState.ERASED.value, "payload": None, "error": "A face that it names was erased."}
_BACKLOG = (
    select(webhooks.c.webhook_id, func.count())
    .join(deliveries, deliveries.c.webhook_row == webhooks.c.row)
    .where(_PENDING)
    .group_by(webhooks.c.webhook_id)
)


class Outbox(Part):
    """The part of `ports.Webhooks` that keeps messages."""

    def post(self, messages: Sequence[WebhookMessage]) -> None:
        with self.database.write_quickly() as quick:
            _post(quick.fetch, messages, seen=True)

    def claim(self, webhook_id: str, now: float, until: float, horizon: float, limit: int) -> list[Claimed]:
        asked = {"webhook_id": webhook_id, "now": now, "horizon": horizon, "most": limit}
        if not self.database.rows(_DUE, asked):  # usually nothing is due, and reading takes no lock
            return []
        with self.database.write() as connection:
            found = fetch(connection, _CLAIMABLE, asked)
            each(connection, _CLAIM, [{"number": one[0], "until": until} for one in found])
        return [Claimed(_delivery([*one[:7], one[7] + 1, *one[8:]]), one[-1] or "") for one in found]

    def settle(self, claimed: Claimed, sent: Sent, now: float, state: DeliveryState, due_at: float) -> bool:
        one = claimed.delivery
        values = {"state": state.value, "due_at": due_at, **_outcome(sent, now)}
        if state is DeliveryState.DELIVERED:
            values["payload"] = None
        mine = and_(deliveries.c.row == one.row, deliveries.c.attempts == one.attempts, _PENDING)
        with self.database.write() as connection:
            if not connection.execute(update(deliveries).where(mine).values(**values)).rowcount:
                return False
            if state is DeliveryState.DELIVERED:
                connection.execute(_FORGET, {"some": [one.row]})
        return True

    def log_delivery(self, message: WebhookMessage, sent: Sent, now: float) -> Delivery:
        state = DeliveryState.DELIVERED if sent.arrived else DeliveryState.FAILED
        with self.database.write() as connection:
            to = fetch(connection, _ROW, {"webhook_id": message.webhook_id})
            if not to:
                raise no_webhook(message.webhook_id)
            values = {**_columns(message, int(to[0][0])), "state": state.value, "attempts": 1, "payload": None}
            row = int(fetch(connection, _ADD, values | _outcome(sent, now))[0][0])
            return _delivery(connection.execute(_DELIVERY.where(deliveries.c.row == row)).one())

    def deliveries(
        self, webhook_id: str, state: DeliveryState | None, limit: int, cursor: str | None
    ) -> Page[Delivery]:
        bound = ("deliveries", webhook_id, state)
        before = self.cursors.read(cursor, *bound)
        statement = _DELIVERY.where(webhooks.c.webhook_id == webhook_id).order_by(deliveries.c.row.desc())
        if before:
            statement = statement.where(deliveries.c.row < before)
        if state is not None:
            statement = statement.where(deliveries.c.state == state.value)
        with self.database.read() as connection:
            if not fetch(connection, _ROW, {"webhook_id": webhook_id}):
                raise no_webhook(webhook_id)
            found = connection.execute(statement.limit(limit + 1)).all()
        return self.page(found, limit, _delivery, bound)

    def retry(self, webhook_id: str, message_id: str | None, now: float) -> int:
        with self.database.write() as connection:
            to = fetch(connection, _ROW, {"webhook_id": webhook_id})
            if not to:
                raise no_webhook(webhook_id)
            which = [deliveries.c.webhook_row == to[0][0], deliveries.c.payload.is_not(None)]
            if message_id is None:
                which.append(deliveries.c.state == DeliveryState.FAILED.value)
            else:
                which.append(deliveries.c.message_id == message_id)
            again = {"state": DeliveryState.PENDING.value, "due_at": now, "attempts": 0}
            return connection.execute(update(deliveries).where(*which).values(**again)).rowcount

    def backlog(self) -> Mapping[str, int]:
        return {webhook_id: int(count) for webhook_id, count in self.database.rows(_BACKLOG, {})}

    def trim_deliveries(self, before: float) -> int:
        old = select(deliveries.c.row).where(deliveries.c.created_at < before).order_by(deliveries.c.created_at)
        with self.database.write() as connection:
            some = connection.execute(old.limit(TRIMMED)).scalars().all()
            if some:
                connection.execute(_FORGET, {"some": some})
                connection.execute(delete(deliveries).where(deliveries.c.row.in_(some)))
        return len(some)

    def hold_deliveries(self, reason: str) -> int:
        with self.database.write() as connection:
            given_up = {"state": DeliveryState.FAILED.value, "error": reason}
            return connection.execute(update(deliveries).where(_PENDING).values(**given_up)).rowcount


def post(connection: Connection, messages: Sequence[WebhookMessage]) -> None:
    """Put messages into the outbox in the transaction of what they report."""
    _post(partial(fetch, connection), messages)


def _post(ask: _Ask, messages: Sequence[WebhookMessage], *, seen: bool = False) -> None:
    """`seen`: another transaction saw their faces; one may have been deleted since."""
    known: dict[tuple[str, str], bool] = {}

    def there(collection_id: str, face_id: str) -> bool:
        if (face := (collection_id, face_id)) not in known:
            known[face] = bool(ask(_THERE_STILL, {"collection_id": collection_id, "face_id": face_id}))
        return known[face]

    for message in messages:
        to = ask(_TO, {"webhook_id": message.webhook_id})
        if not to:
            continue
        values = {
            **_columns(message, int(to[0][0])),
            "state": DeliveryState.PENDING.value,
            "attempts": 0,
            "payload": message.payload,
            "last_at": None,
            "status": None,
            "error": "",
            "seconds": None,
        }
        if seen and not all(there(message.collection_id, one) for one in message.face_ids):
            ask(_ADD, values | _WITHOUT)
            continue
        row = int(ask(_ADD, values)[0][0])
        for one in dict.fromkeys(message.face_ids):
            ask(_NAME, {"delivery_row": row, "face_id": one})


def forget_faces(connection: Connection, collection_id: str, face_ids: Sequence[str]) -> None:
    """Empty every message that names one of these faces; pending ones are never sent."""
    for some in chunks(face_ids):
        rows = connection.execute(_NAMING, {"some": some}).scalars().all()
        if rows:
            _empty(connection, and_(deliveries.c.collection_id == collection_id, deliveries.c.row.in_(rows)))


def drop_deleted_faces(connection: Connection, collection_id: str, face_ids: Sequence[str], tell: Tell | None) -> None:
    """Faces have been deleted: no message names them any more, and then `tell` says what tells of it."""
    if face_ids:
        forget_faces(connection, collection_id, face_ids)
        post(connection, tell(face_ids) if tell is not None else ())


def forget_collection(connection: Connection, collection_id: str) -> None:
    """Empty every message of a collection, except those that report a deletion."""
    others = deliveries.c.event.not_in([Event.DELETED.value, Event.COMPLETED.value])
    _empty(connection, and_(deliveries.c.collection_id == collection_id, others))


def _empty(connection: Connection, which: Any) -> None:
    kept = update(deliveries).where(which, deliveries.c.payload.is_not(None))
    emptied = connection.execute(kept.values(payload=None).returning(deliveries.c.row)).scalars().all()
    for some in chunks(emptied):
        connection.execute(_FORGET, {"some": some})
        connection.execute(update(deliveries).where(deliveries.c.row.in_(some), _PENDING).values(**_WITHOUT))


def _columns(message: WebhookMessage, to: int) -> dict[str, Any]:
    return {
        "webhook_row": to,
        "message_id": message.message_id,
        "event": message.event.value,
        "collection_id": message.collection_id,
        "created_at": message.created_at,
        "due_at": message.created_at,
    }


def _outcome(sent: Sent, now: float) -> dict[str, Any]:
    return {"last_at": now, "status": sent.status, "error": sent.error, "seconds": sent.seconds}


def _delivery(columns: Sequence[Any]) -> Delivery:
    row, webhook_id, message_id, event, collection_id, created_at, state, attempts, due_at = columns[:9]
    last_at, status, error, seconds, kept = columns[9:14]
    return Delivery(
        row,
        webhook_id,
        message_id,
        Event(event),
        collection_id,
        created_at,
        DeliveryState(state),
        attempts,
        due_at,
        last_at,
        status,
        error,
        seconds,
        bool(kept),
    )
