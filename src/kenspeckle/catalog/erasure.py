"""Erasure: deletes faces, also those of users, and their remains in the database's files; retention and faces by
age."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from kenspeckle.catalog import membership, rows
from kenspeckle.catalog.base import Part, chunks, collection_row, find_faces, user_row
from kenspeckle.catalog.changes import lock_collection, record
from kenspeckle.catalog.database import fetch
from kenspeckle.catalog.faces import remove_faces
from kenspeckle.catalog.outbox import drop_deleted_faces
from kenspeckle.catalog.tables import collections, faces, images, users
from kenspeckle.catalog.users import set_template
from kenspeckle.domain import Rewritten, Vector
from kenspeckle.encryption.cipher import FACE, Content
from kenspeckle.ports import ErasedFaces, Tell

_FACE_IDS = select(faces.c.face_id).join(images, images.c.row == faces.c.image_row)
_OF_KEY = (
    _FACE_IDS.where(images.c.collection_row == bindparam("collection_row"), images.c.key == bindparam("name"))
    .order_by(faces.c.row + 0)  # not the collection's order, which would be walked as a whole
    .limit(bindparam("most"))
)
_AGED = (
    _FACE_IDS.where(images.c.collection_row == bindparam("collection_row"), images.c.created_at < bindparam("before"))
    .order_by(images.c.created_at)
    .limit(bindparam("most"))
)
_MEMBERS = select(faces.c.face_id, faces.c.template).where(faces.c.user_row == bindparam("user")).order_by(faces.c.row)
_NAMES = select(users.c.row, users.c.user_id, users.c.template).where(
    users.c.row.in_(bindparam("some", expanding=True))
)
_RETAIN = update(collections).where(collections.c.row == bindparam("locked")).values(retention_days=bindparam("days"))


class Erasing(Part):
    """The part of `ports.Catalog` that erases."""

    def erase_faces(
        self,
        collection_id: str,
        face_ids: Sequence[str],
        combine: Callable[[Sequence[Vector]], Vector],
        *,
        user_id: str | None = None,
        tell: Tell | None = None,
    ) -> ErasedFaces:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            leaving = None if user_id is None else user_row(connection, locked.row, user_id)
            asked = list(dict.fromkeys(face_ids))
            if leaving is not None:
                asked += [one for one, _ in fetch(connection, _MEMBERS, {"user": leaving}) if one not in set(asked)]
            found = find_faces(connection, locked.row, asked)
            numbers = [one.row for one in found.values()]
            owners = {one.user_row for one in found.values() if one.user_row is not None}
            image_rows = {one.image_row for one in found.values()}
            emptied, digests = remove_faces(connection, locked.row, numbers, image_rows)
            changed = [("face", number) for number in numbers]
            names = []
            content = self.collection_keys.of(locked.row, connection)
            for some in chunks(sorted(owners | ({leaving} if leaving is not None else set()))):
                for user in connection.execute(_NAMES, {"some": some}).all():
                    names.append(user.user_id)
                    if user.template is not None:
                        changed.append(("user", user.row))
                    if user.row == leaving:
                        _delete_user(connection, locked.row, user.row)
                    else:
                        _combine_again(connection, user, combine, content)
            if changed or leaving is not None:
                record(
                    connection,
                    locked,
                    self.log_limit,
                    changed,
                    faces=-len(numbers),
                    images=-emptied,
                    users=0 if leaving is None else -1,
                )
            gone = tuple(one for one in asked if one in found)
            drop_deleted_faces(connection, collection_id, gone, tell)
        return ErasedFaces(gone, tuple(names), digests)

    def faces_of_key(self, collection_id: str, key: str, limit: int) -> tuple[str, ...]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            return tuple(
                one for (one,) in fetch(connection, _OF_KEY, {"collection_row": row, "name": key, "most": limit})
            )

    def find_aged(self, collection_id: str, before: float, limit: int) -> tuple[str, ...]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            return tuple(
                one for (one,) in fetch(connection, _AGED, {"collection_row": row, "before": before, "most": limit})
            )

    def set_retention(self, collection_id: str, days: int | None) -> None:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            connection.execute(_RETAIN, {"locked": locked.row, "days": days})
            record(connection, locked, self.log_limit)

    def now(self) -> float:
        """Seconds since the epoch, by the clock that all processes on this catalog share."""
        return self.database.now()

    def estimate_now(self) -> float:
        """As `now`, for event loops: nothing is waited for."""
        return self.database.estimate_now()

    def duty(self, name: str) -> AbstractContextManager[bool]:
        return self.database.duty(name)

    def scrub(self, *, thorough: bool = False) -> bool:
        return self.database.scrub(thorough=thorough)

    def rewrite(self, progress: Callable[[int, int], None]) -> Rewritten:
        """Rewrite what deletions have left in the database's files, however long that takes. Raises StorageFull,
        StorageUnavailable."""
        return self.database.rewrite(progress)


def _delete_user(connection: Connection, row: int, number: int) -> None:
    """Delete a user of the collection `row`, and its person where nothing else is left of it."""
    orphaned = membership.release_user(connection, number)
    membership.tidy(connection, row, orphaned, erased=True)
    connection.execute(delete(users).where(users.c.row == number))


def _combine_again(
    connection: Connection, user: Any, combine: Callable[[Sequence[Vector]], Vector], content: Content
) -> None:
    """Make the user's template anew of the faces that it still has; none where it has none."""
    members = fetch(connection, _MEMBERS, {"user": user.row})
    left = [rows.vector(content.open(template, FACE, face_id), f"the face {face_id}") for face_id, template in members]
    set_template(connection, user, len(left), combine(left) if left else None, content)
