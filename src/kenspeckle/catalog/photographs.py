"""Photographs that a collection knows, and thumbnails of faces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select

from kenspeckle.catalog import rows
from kenspeckle.catalog.base import Part, chunks, collection_row, find_referenced, no_face
from kenspeckle.catalog.database import each
from kenspeckle.catalog.tables import faces, images, removals, thumbnails
from kenspeckle.domain import Image
from kenspeckle.encryption.cipher import THUMBNAIL
from kenspeckle.errors import ImageNotFound

_NEWEST = (
    select(*rows.IMAGE)
    .where(images.c.collection_row == bindparam("collection_row"))
    .order_by(images.c.row.desc())
    .limit(1)
)
_BY_KEY = _NEWEST.where(images.c.key == bindparam("name"))
_BY_ID = _NEWEST.where(images.c.image_id == bindparam("name"))
_THUMBNAIL = (
    select(thumbnails.c.jpeg)
    .select_from(faces)
    .outerjoin(thumbnails, thumbnails.c.face_row == faces.c.row)
    .where(faces.c.collection_row == bindparam("collection_row"), faces.c.face_id == bindparam("face_id"))
)
_NOTED = select(removals.c.digest).where(removals.c.digest.in_(bindparam("some", expanding=True)))
_NOTE = insert(removals)
_REMOVALS = select(removals.c.digest).order_by(removals.c.digest).limit(bindparam("most"))
_REMOVED = delete(removals).where(removals.c.digest.in_(bindparam("some", expanding=True)))


class Photographs(Part):
    """Photographs that a collection knows, and thumbnails of faces."""

    def image(self, collection_id: str, key: str) -> Image:
        return self._image(_BY_KEY, collection_id, key, f"No photograph is stored under the key '{key}'.")

    def image_of(self, collection_id: str, image_id: str) -> Image:
        return self._image(_BY_ID, collection_id, image_id, f"There is no photograph '{image_id}'.")

    def _image(self, statement: Select[Any], collection_id: str, name: str, otherwise: str) -> Image:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = connection.execute(statement, {"collection_row": row, "name": name}).first()
        if found is None:
            raise ImageNotFound(otherwise)
        return rows.image(collection_id, found, self.collection_keys.of(row))

    def thumbnail(self, collection_id: str, face_id: str) -> bytes | None:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = connection.execute(_THUMBNAIL, {"collection_row": row, "face_id": face_id}).first()
        if found is None:
            raise no_face(face_id)
        return None if found.jpeg is None else self.collection_keys.of(row).open(bytes(found.jpeg), THUMBNAIL, face_id)

    def photograph_name(self, collection_id: str, digest: str) -> str:
        return self.content(collection_id).name(digest)

    def seal_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes:
        return self.content(collection_id).seal_photograph(digest, data)

    def open_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes:
        return self.content(collection_id).open_photograph(digest, data)

    def lock(self, names: Iterable[str]) -> AbstractContextManager[None]:
        return self.database.lock(names)

    def digests(self, among: Iterable[str]) -> set[str]:
        with self.database.read() as connection:
            return find_referenced(connection, list(among))

    def removals(self, limit: int) -> tuple[str, ...]:
        return tuple(one for (one,) in self.database.rows(_REMOVALS, {"most": limit}))

    def forget_removals(self, digests: Sequence[str]) -> None:
        with self.database.write() as connection:
            for some in chunks(digests):
                connection.execute(_REMOVED, {"some": some})


def note_removals(connection: Connection, digests: Sequence[str]) -> None:
    """In the transaction that deletes the last reference to these photographs: put them on the list of removals."""
    for some in chunks(digests):
        known = set(connection.execute(_NOTED, {"some": some}).scalars())
        each(connection, _NOTE, [{"digest": one} for one in some if one not in known])
