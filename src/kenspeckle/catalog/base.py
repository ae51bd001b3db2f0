"""What the catalog's parts share: the database, page tokens, and errors for things that do not exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, select

from kenspeckle.catalog.collection_keys import CollectionKeys
from kenspeckle.catalog.cursors import Cursors
from kenspeckle.catalog.database import Database, fetch
from kenspeckle.catalog.tables import collections, faces, images, service, users
from kenspeckle.domain import Page
from kenspeckle.encryption.cipher import Content
from kenspeckle.errors import CollectionNotFound, FaceNotFound, PersonNotFound, UserNotFound

T = TypeVar("T")

CHUNK = 1000
"""Values in one IN list; databases bound them."""

_ROW = select(collections.c.row).where(collections.c.collection_id == bindparam("collection_id"))
_FOUND_FACES = (
    select(faces.c.face_id, faces.c.row, faces.c.user_row, faces.c.image_row, users.c.user_id)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .where(
        faces.c.collection_row == bindparam("collection_row"), faces.c.face_id.in_(bindparam("some", expanding=True))
    )
)
_REFERENCED = (
    select(images.c.digest)
    .join(collections, collections.c.row == images.c.collection_row)
    .where(
        images.c.digest.in_(bindparam("some", expanding=True)), images.c.kept, collections.c.collection_id.is_not(None)
    )
)
_ONE_AT_A_TIME = select(service.c.row).with_for_update()
_USER_ROW = select(users.c.row).where(
    users.c.collection_row == bindparam("collection_row"), users.c.user_id == bindparam("user_id")
)


class Part:
    """Base of the catalog's parts."""

    def __init__(self, database: Database, cursors: Cursors, log_limit: int, collection_keys: CollectionKeys) -> None:
        self.database = database
        self.cursors = cursors
        self.log_limit = log_limit
        self.collection_keys = collection_keys

    def content(self, collection_id: str) -> Content:
        """How the collection's data is stored. Raises CollectionNotFound, StorageUnavailable."""
        found = self.database.rows(_ROW, {"collection_id": collection_id})
        if not found:
            raise no_collection(collection_id)
        return self.collection_keys.of(found[0][0])

    def page(self, found: Sequence[Any], limit: int, make: Callable[[Any], T], bound: tuple[object, ...]) -> Page[T]:
        """A page made of rows (number first), of which one more than `limit` was selected."""
        items = tuple(make(one) for one in found[:limit])
        more = len(found) > limit
        return Page(items, self.cursors.make(found[limit - 1][0], *bound) if more else None)


def collection_row(connection: Connection, collection_id: str) -> int:
    """The collection's number, for reading. Raises CollectionNotFound."""
    found = fetch(connection, _ROW, {"collection_id": collection_id})
    if not found:
        raise no_collection(collection_id)
    return int(found[0][0])


def one_at_a_time(connection: Connection) -> None:
    """Let this transaction wait for all others that asked for the same, until its end. For what may exist once, or so
    many times, and is rare."""
    connection.execute(_ONE_AT_A_TIME)


def user_row(connection: Connection, collection_row: int, user_id: str) -> int:
    """The user's number. Raises UserNotFound."""
    row: int | None = connection.execute(_USER_ROW, {"collection_row": collection_row, "user_id": user_id}).scalar()
    if row is None:
        raise no_user(user_id)
    return row


def find_faces(connection: Connection, collection_row: int, face_ids: Sequence[str]) -> dict[str, Any]:
    """Those of the faces that the collection has, by face id: rows of face_id, row, user_row, image_row, user_id."""
    found: dict[str, Any] = {}
    for some in chunks(face_ids):
        chosen = connection.execute(_FOUND_FACES, {"collection_row": collection_row, "some": some})
        found.update((one.face_id, one) for one in chosen)
    return found


def no_collection(collection_id: str) -> CollectionNotFound:
    return CollectionNotFound(f"There is no collection named '{collection_id}'.", field="collection_id")


def no_face(face_id: str) -> FaceNotFound:
    return FaceNotFound(f"There is no face '{face_id}' in this collection.", field="face_id")


def no_user(user_id: str) -> UserNotFound:
    return UserNotFound(f"There is no user '{user_id}' in this collection.", field="user_id")


def no_person(person_id: str) -> PersonNotFound:
    return PersonNotFound(f"There is no person '{person_id[:128]}' in this collection.", field="person_id")


def no_group(group_id: str) -> PersonNotFound:
    return PersonNotFound(f"There is no group '{group_id[:128]}' in this collection.", field="group_id")


def chunks(values: Sequence[T]) -> list[Sequence[T]]:
    """The values in pieces that fit an IN list."""
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]


def find_referenced(connection: Connection, digests: Sequence[str]) -> set[str]:
    """Those of the names that a photograph in any collection still needs."""
    found: set[str] = set()
    for some in chunks(digests):
        found.update(connection.execute(_REFERENCED, {"some": some}).scalars())
    return found
