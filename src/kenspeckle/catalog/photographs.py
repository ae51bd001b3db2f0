"""Photographs that a collection knows, and thumbnails of faces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, bindparam, select

from kenspeckle.catalog import rows
from kenspeckle.catalog.part import Part, collection_row, no_face, referenced
from kenspeckle.catalog.tables import faces, images, thumbnails
from kenspeckle.domain import Image
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
        return rows.image(collection_id, found)

    def thumbnail(self, collection_id: str, face_id: str) -> bytes | None:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = connection.execute(_THUMBNAIL, {"collection_row": row, "face_id": face_id}).first()
        if found is None:
            raise no_face(face_id)
        return None if found.jpeg is None else bytes(found.jpeg)

    def digests(self, among: Iterable[str]) -> set[str]:
        with self.database.read() as connection:
            return referenced(connection, list(among))
