"""Reads a whole collection as of one moment, for export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from kenspeckle.catalog import rows
from kenspeckle.catalog.base import no_collection
from kenspeckle.catalog.collection_keys import CollectionKeys
from kenspeckle.catalog.database import Database
from kenspeckle.catalog.saved_people import read_people
from kenspeckle.catalog.tables import collections, faces, images, tags, thumbnails, users
from kenspeckle.domain import Collection, FaceRecord, User
from kenspeckle.encryption.cipher import FACE, THUMBNAIL, Content
from kenspeckle.ports import Dump, DumpedFace

BATCH = 2000
"""Faces that are read at once: a few megabytes."""

_COLLECTION = select(
    collections.c.row,
    collections.c.pack,
    collections.c.contract,
    collections.c.created_at,
    collections.c.revision,
    collections.c.retention_days,
).where(collections.c.collection_id == bindparam("collection_id"))
_TAGS = select(tags.c.key, tags.c.value).where(tags.c.collection_row == bindparam("collection_row"))
_IMAGE_COUNT = (
    select(func.count(func.distinct(images.c.digest)))
    .select_from(images)
    .where(images.c.collection_row == bindparam("collection_row"), images.c.kept)
)
# Rows are counted here, because stored counters may be wrong, and an export with a wrong header is refused.
_FACE_COUNT, _USER_COUNT = (
    select(func.count()).select_from(table).where(table.c.collection_row == bindparam("collection_row"))
    for table in (faces, users)
)
_USERS = (
    select(*rows.USER)
    .where(users.c.collection_row == bindparam("collection_row"), users.c.row > bindparam("after"))
    .order_by(users.c.row)
    .limit(BATCH)
)
# As they were stored, and so by photograph.
_FACES = (
    select(*rows.FACE, *rows.IMAGE, faces.c.attributes, faces.c.detail, faces.c.template, thumbnails.c.jpeg)
    .select_from(faces)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .outerjoin(thumbnails, thumbnails.c.face_row == faces.c.row)
    .where(faces.c.collection_row == bindparam("collection_row"), faces.c.row > bindparam("after"))
    .order_by(faces.c.row)
    .limit(BATCH)
)
_IMAGE_AT = len(rows.FACE)


class SqlDumps:
    """Implements `ports.Dumps`."""

    def __init__(self, database: Database, collection_keys: CollectionKeys) -> None:
        self._database = database
        self._collection_keys = collection_keys

    @contextmanager
    def dump(self, collection_id: str) -> Iterator[Dump]:
        with self._database.read() as connection:
            found = connection.execute(_COLLECTION, {"collection_id": collection_id}).first()
            if found is None:
                raise no_collection(collection_id)
            here = {"collection_row": found.row}
            tagged = {one.key: one.value for one in connection.execute(_TAGS, here)}
            row, pack, contract, created_at, revision, retention_days = found
            face_count, user_count, image_count = (
                int(connection.execute(count, here).scalar_one()) for count in (_FACE_COUNT, _USER_COUNT, _IMAGE_COUNT)
            )
            yield Dump(
                Collection(
                    collection_id,
                    pack,
                    contract,
                    created_at,
                    revision,
                    face_count,
                    user_count,
                    tagged,
                    retention_days,
                ),
                image_count,
                _users(connection, row, collection_id),
                _faces(connection, row, collection_id, self._collection_keys.of(row)),
                read_people(connection, row),
            )


def _users(connection: Connection, collection_row: int, collection_id: str) -> Iterator[User]:
    for one in _read_pages(connection, _USERS, collection_row):
        yield rows.user(collection_id, one)


def _faces(connection: Connection, collection_row: int, collection_id: str, content: Content) -> Iterator[DumpedFace]:
    for one in _read_pages(connection, _FACES, collection_row):
        face = rows.face(collection_id, one)
        attributes, detail, template, jpeg = one[-4:]
        record = FaceRecord(face, rows.detail(face, detail, attributes, content))
        image = rows.image(collection_id, one[_IMAGE_AT:], content)
        thumbnail = None if jpeg is None else content.open(bytes(jpeg), THUMBNAIL, face.face_id)
        vector = rows.vector(content.open(template, FACE, face.face_id), f"the face {face.face_id}")
        yield DumpedFace(image, record, vector, thumbnail)


def _read_pages(connection: Connection, statement: Any, collection_row: int) -> Iterator[Any]:
    """Rows of a statement whose first column is the row number."""
    after = 0
    while found := connection.execute(statement, {"collection_row": collection_row, "after": after}).all():
        after = found[-1][0]
        yield from found
