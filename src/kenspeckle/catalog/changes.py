"""Revisions and the change log: how a write to a collection is recorded, and what an index reads of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, delete, func, insert, select, update

from kenspeckle.catalog import rows
from kenspeckle.catalog.base import Part, no_collection
from kenspeckle.catalog.database import each, fetch
from kenspeckle.catalog.tables import changes, collections, faces, images, members, people, users
from kenspeckle.domain import Vector
from kenspeckle.domain.people import PersonRef
from kenspeckle.encryption.cipher import KINDS, Content
from kenspeckle.errors import OTHER_PACK, PackMismatch
from kenspeckle.ports import Change, Stored

BATCH = 10_000
"""Templates a batch of a snapshot: 5 MB at 128-D."""

MOST_STORED = 4096
"""Rows that one statement looks up: as many as a search may answer."""

_HOLD = (
    select(collections.c.row, collections.c.revision, collections.c.log_count, collections.c.contract)
    .where(collections.c.collection_id == bindparam("collection_id"))
    .with_for_update()
)
_ENTER = insert(changes)
_WROTE = (
    update(collections)
    .where(collections.c.row == bindparam("locked"))
    .values(
        revision=bindparam("to_revision"),
        face_count=collections.c.face_count + bindparam("faces"),
        user_count=collections.c.user_count + bindparam("users"),
        image_count=collections.c.image_count + bindparam("images"),
        log_count=collections.c.log_count + bindparam("entries"),
    )
)
_OLDEST = (
    select(changes.c.revision)
    .where(changes.c.collection_row == bindparam("locked"))
    .order_by(changes.c.revision)
    .offset(bindparam("before"))
    .limit(1)
)
_FORGET = delete(changes).where(
    changes.c.collection_row == bindparam("locked"), changes.c.revision <= bindparam("to_floor")
)
_TRIMMED = (
    update(collections)
    .where(collections.c.row == bindparam("locked"))
    .values(log_floor=bindparam("to_floor"), log_count=collections.c.log_count - bindparam("entries"))
)
_REVISION = select(collections.c.revision).where(collections.c.collection_id == bindparam("collection_id"))
_STATE = select(collections.c.row, collections.c.revision, collections.c.log_floor).where(
    collections.c.collection_id == bindparam("collection_id")
)

_net = (
    select(changes.c.kind, changes.c.row, func.max(changes.c.revision).label("revision"))
    .where(changes.c.collection_row == bindparam("collection_row"), changes.c.revision > bindparam("since"))
    .group_by(changes.c.kind, changes.c.row)
    .limit(bindparam("most"))
    .subquery()
)
_NET = (
    select(
        _net.c.revision,
        _net.c.kind,
        _net.c.row,
        func.coalesce(faces.c.template, users.c.template),
        func.coalesce(faces.c.face_id, users.c.user_id),
    )
    .outerjoin(faces, and_(_net.c.kind == "face", faces.c.row == _net.c.row))
    .outerjoin(users, and_(_net.c.kind == "user", users.c.row == _net.c.row))
    .order_by(_net.c.revision, _net.c.kind, _net.c.row)
)
_BATCH = {
    kind: select(table.c.row, table.c.template, name)
    .where(table.c.collection_row == bindparam("collection_row"), table.c.row > bindparam("after"))
    .where(table.c.template.is_not(None))
    .order_by(table.c.row)
    .limit(bindparam("most"))
    for kind, table, name in (("face", faces, faces.c.face_id), ("user", users, users.c.user_id))
}


@dataclass(frozen=True, slots=True)
class LockedCollection:
    """A collection that this transaction alone may write to."""

    row: int
    revision: int
    log_count: int
    contract: str


def lock_collection(connection: Connection, collection_id: str) -> LockedCollection:
    """Lock the collection until the transaction ends. Raises CollectionNotFound."""
    found = fetch(connection, _HOLD, {"collection_id": collection_id})
    if not found:
        raise no_collection(collection_id)
    return LockedCollection(*found[0])


def check_contract(locked: LockedCollection, contract: str | None) -> None:
    """See that templates of `contract` belong there. Raises PackMismatch."""
    if contract not in (None, locked.contract):
        raise PackMismatch(OTHER_PACK, field="collection")


def record(
    connection: Connection,
    locked: LockedCollection,
    limit: int,
    changed: Sequence[tuple[str, int]] = (),
    *,
    faces: int = 0,
    users: int = 0,
    images: int = 0,
) -> None:
    """Raise the revision once, count what was added and removed, and log the (kind, row) that changed for an index.

    The log keeps whole revisions, the newest, of at most `limit` entries together."""
    revision = locked.revision + 1
    entries = [{"collection_row": locked.row, "revision": revision, "kind": kind, "row": row} for kind, row in changed]
    each(connection, _ENTER, entries)
    counts = {"faces": faces, "users": users, "images": images, "entries": len(changed)}
    each(connection, _WROTE, [{"locked": locked.row, "to_revision": revision, **counts}])
    excess = locked.log_count + len(changed) - limit
    if excess > 0:
        _trim(connection, locked.row, excess)


def renew(connection: Connection, locked: LockedCollection) -> None:
    """Raise the revision and begin the log there: an index that holds an earlier one reads all anew."""
    revision = locked.revision + 1
    begun = {"revision": revision, "log_floor": revision, "log_count": 0}
    connection.execute(delete(changes).where(changes.c.collection_row == locked.row))
    connection.execute(update(collections).where(collections.c.row == locked.row).values(**begun))


def _trim(connection: Connection, collection_row: int, excess: int) -> None:
    floor = fetch(connection, _OLDEST, {"locked": collection_row, "before": excess - 1})[0][0]
    gone = connection.execute(_FORGET, {"locked": collection_row, "to_floor": floor})
    each(connection, _TRIMMED, [{"locked": collection_row, "to_floor": floor, "entries": gone.rowcount}])


@lru_cache(maxsize=64)
def _select_stored(kind: str, count: int) -> Select[Any]:
    """Finds up to `count` rows; one statement for each of a few sizes, so that none is made anew for a search."""
    table = faces if kind == "face" else users
    found = (
        select(
            *rows.FACE,
            people.c.person_id,
            people.c.name,
            collections.c.contract,
            faces.c.collection_row,
            faces.c.template,
        )
        .join(images, images.c.row == faces.c.image_row)
        .outerjoin(users, users.c.row == faces.c.user_row)
        .outerjoin(members, members.c.face_row == faces.c.row)
        .outerjoin(people, and_(people.c.row == members.c.person_row, people.c.kind == "person"))
        if kind == "face"
        else select(*rows.USER, collections.c.contract, users.c.collection_row, users.c.template).where(
            users.c.template.is_not(None)
        )
    )
    # `+ 0`: each row is looked up by its number alone, not in the collection's order first.
    return found.join(collections, collections.c.row == table.c.collection_row + 0).where(
        collections.c.collection_id == bindparam("collection_id"),
        table.c.row.in_([bindparam(f"row{number}") for number in range(count)]),
    )


class Log(Part):
    """What an index needs of the catalog to follow it."""

    def revision(self, collection_id: str) -> int:
        found = self.database.rows(_REVISION, {"collection_id": collection_id})
        if not found:
            raise no_collection(collection_id)
        return int(found[0][0])

    def changes(self, collection_id: str, since: int, limit: int) -> list[Change] | None:
        with self.database.read() as connection:
            row, found = net_changes(connection, collection_id, since, limit)
        return None if found is None else decrypt_changes(found, self.collection_keys.of(row))

    def snapshot(self, collection_id: str, kind: str) -> tuple[int, Iterable[tuple[list[int], Vector]]]:
        batches = self._batches(collection_id, kind)
        revision, _ = next(batches)
        return revision, (batch for _, batch in batches)

    def _batches(self, collection_id: str, kind: str) -> Iterator[tuple[int, tuple[list[int], Vector]]]:
        """(revision, batch), the first batch empty: by then the transaction has begun and sees one state."""
        with self.database.read() as connection:
            collection_row, revision, _ = state(connection, collection_id)
            yield revision, ([], rows.stack(()))
            content = self.collection_keys.of(collection_row, connection)
            values = {"collection_row": collection_row}
            for batch in template_batches(connection, _BATCH[kind], values, content, KINDS[kind]):
                yield revision, batch

    def read_stored(
        self, collection_id: str, kind: str, rows: Sequence[int], *, contract: str | None = None
    ) -> list[Stored]:
        found: list[Stored] = []
        for start in range(0, len(rows), MOST_STORED):
            found.extend(self._some_stored(collection_id, kind, sorted(rows[start : start + MOST_STORED]), contract))
        if not found:
            self.revision(collection_id)
        return found

    def _some_stored(self, collection_id: str, kind: str, wanted: Sequence[int], contract: str | None) -> list[Stored]:
        size = next(size for size in (4, 16, 64, 256, 1024, MOST_STORED) if size >= len(wanted))
        parameters: dict[str, object] = {f"row{number}": -1 for number in range(size)}
        parameters.update((f"row{number}", int(row)) for number, row in enumerate(wanted))
        parameters["collection_id"] = collection_id
        found = self.database.rows(_select_stored(kind, size), parameters)
        if not found:
            return []
        if contract not in (None, found[0][-3]):
            raise PackMismatch(OTHER_PACK, field="collection")
        content = self.collection_keys.of(found[0][-2])
        if kind == "face":
            return [
                Stored(
                    one[0],
                    _decrypt(content, kind, one[-1], one[1]),
                    face=rows.face(collection_id, one),
                    person=PersonRef(one[-5], one[-4]) if one[-5] is not None else None,
                )
                for one in found
            ]
        return [
            Stored(one[0], _decrypt(content, kind, one[-1], one[1]), user=rows.user(collection_id, one))
            for one in found
        ]


def state(connection: Connection, collection_id: str) -> tuple[int, int, int]:
    """Row, revision, and the revision from which on the log is complete. Raises CollectionNotFound."""
    found = fetch(connection, _STATE, {"collection_id": collection_id})
    if not found:
        raise no_collection(collection_id)
    row, revision, floor = found[0]
    return row, revision, floor


def net_changes(
    connection: Connection, collection_id: str, since: int, limit: int
) -> tuple[int, Sequence[Sequence[Any]] | None]:
    """The collection's row, and its changes since a revision for `decrypt_changes`; None where the log does not reach
    back so far, or has more than `limit`. Raises CollectionNotFound."""
    row, revision, floor = state(connection, collection_id)
    # A collection deleted and made anew begins above every revision of its namesake, with floor at its beginning, and
    # so does not reach back to it.
    if not floor <= since <= revision:
        return row, None
    found = fetch(connection, _NET, {"collection_row": row, "since": since, "most": limit + 1})
    return row, None if len(found) > limit else found


def decrypt_changes(found: Sequence[Sequence[Any]], content: Content) -> list[Change]:
    """What `net_changes` found, with its templates decrypted."""
    return [
        Change(at, kind, one, None if template is None else _decrypt(content, kind, template, name))
        for at, kind, one, template, name in found
    ]


def template_batches(
    connection: Connection, statement: Select[Any], values: Mapping[str, object], content: Content, of: str
) -> Iterator[tuple[list[int], Vector]]:
    """Rows and templates that a statement finds, BATCH at a time. It selects row, template and name, in the order of
    rows, those after the row `after` and at most `most`; `of` is the kind of what is encrypted."""
    asked = {**values, "after": 0, "most": BATCH}
    while found := fetch(connection, statement, asked):
        numbers, templates, names = zip(*found, strict=True)
        asked["after"] = numbers[-1]
        if content.encrypts:
            templates = tuple(map(content.open, templates, repeat(of), names))
        yield list(numbers), rows.stack(templates)


def _decrypt(content: Content, kind: str, template: bytes, name: str) -> Vector:
    return rows.vector(content.open(template, KINDS[kind], name), f"the {kind} {name}")
