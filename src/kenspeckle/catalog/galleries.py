"""Collections and their tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, exists, func, insert, select, update

from kenspeckle.catalog.log import hold, record
from kenspeckle.catalog.part import Part, chunks, collection_row, no_collection
from kenspeckle.catalog.tables import changes, collections, faces, images, service, tags, thumbnails, users
from kenspeckle.domain import Collection, Page
from kenspeckle.errors import AlreadyExists, Conflict, QuotaExceeded

_COLLECTION = select(
    collections.c.row,
    collections.c.collection_id,
    collections.c.pack,
    collections.c.contract,
    collections.c.created_at,
    collections.c.revision,
    collections.c.face_count,
    collections.c.user_count,
)
_ONE = _COLLECTION.where(collections.c.collection_id == bindparam("collection_id"))
_PAGE = _COLLECTION.where(collections.c.row > bindparam("after")).order_by(collections.c.row).limit(bindparam("most"))
_TAGS = select(tags.c.collection_row, tags.c.key, tags.c.value)
_COUNTS = select(
    func.count(),
    func.coalesce(func.sum(collections.c.face_count), 0),
    func.coalesce(func.sum(collections.c.user_count), 0),
    func.coalesce(func.sum(collections.c.image_count), 0),
).select_from(collections)


class Galleries(Part):
    """Collections and their tags."""

    def create_collection(self, collection: Collection) -> None:
        taken = AlreadyExists(f"A collection named '{collection.collection_id}' exists.", field="collection_id")
        try:
            with self.database.write() as connection:
                if connection.execute(_ONE, {"collection_id": collection.collection_id}).first() is not None:
                    raise taken
                floor = connection.execute(select(service.c.floor)).scalar_one()
                values = {
                    "collection_id": collection.collection_id,
                    "pack": collection.pack,
                    "contract": collection.contract,
                    "created_at": collection.created_at,
                    "revision": floor,
                    "log_floor": floor,
                    **dict.fromkeys(("face_count", "user_count", "image_count", "log_count"), 0),
                }
                made = connection.execute(insert(collections), values).inserted_primary_key
                _add_tags(connection, made[0] if made else 0, collection.tags)
        except Conflict as error:
            raise taken from error

    def collection(self, collection_id: str) -> Collection:
        with self.database.read() as connection:
            found = connection.execute(_ONE, {"collection_id": collection_id}).first()
            if found is None:
                raise no_collection(collection_id)
            return _collection(found, _tags(connection, [found.row]).get(found.row, {}))

    def collections(self, limit: int, cursor: str | None) -> Page[Collection]:
        bound = ("collections",)
        after = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            found = connection.execute(_PAGE, {"after": after, "most": limit + 1}).all()
            tagged = _tags(connection, [one.row for one in found[:limit]])
        return self.page(found, limit, lambda one: _collection(one, tagged.get(one.row, {})), bound)

    def delete_collection(self, collection_id: str) -> tuple[str, ...]:
        with self.database.write() as connection:
            held = hold(connection, collection_id)
            gone = _only_here(connection, held.row)
            of_faces = select(faces.c.row).where(faces.c.collection_row == held.row)
            connection.execute(delete(thumbnails).where(thumbnails.c.face_row.in_(of_faces)))
            for table in (faces, images, users, tags, changes):
                connection.execute(delete(table).where(table.c.collection_row == held.row))
            connection.execute(delete(collections).where(collections.c.row == held.row))
            # A namesake made later begins above every revision that an index may hold of this one.
            above = held.revision + 1
            floor = case((service.c.floor < above, above), else_=service.c.floor)
            connection.execute(update(service).values(floor=floor))
        return gone

    def tags(self, collection_id: str) -> Mapping[str, str]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            return _tags(connection, [row]).get(row, {})

    def set_tags(self, collection_id: str, tags: Mapping[str, str], limit: int) -> None:
        with self.database.write() as connection:
            held = hold(connection, collection_id)
            together = {**_tags(connection, [held.row]).get(held.row, {}), **tags}
            if len(together) > limit:
                raise QuotaExceeded(f"A collection takes at most {limit} tags.", field="tags")
            _remove_tags(connection, held.row, list(tags))
            _add_tags(connection, held.row, tags)
            record(connection, held, self.log_limit)

    def remove_tags(self, collection_id: str, keys: Sequence[str]) -> None:
        with self.database.write() as connection:
            held = hold(connection, collection_id)
            _remove_tags(connection, held.row, keys)
            record(connection, held, self.log_limit)

    def counts(self) -> Mapping[str, int]:
        with self.database.read() as connection:
            found = connection.execute(_COUNTS).one()
        return dict(zip(("collections", "faces", "users", "images"), map(int, found), strict=True))


def _collection(found: Any, tagged: Mapping[str, str]) -> Collection:
    _, collection_id, pack, contract, created_at, revision, face_count, user_count = found
    return Collection(collection_id, pack, contract, created_at, revision, face_count, user_count, tagged)


def _tags(connection: Connection, rows: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for some in chunks(rows):
        for row, key, value in connection.execute(_TAGS.where(tags.c.collection_row.in_(some))):
            found.setdefault(row, {})[key] = value
    return found


def _add_tags(connection: Connection, row: int, added: Mapping[str, str]) -> None:
    if added:
        entries = [{"collection_row": row, "key": key, "value": value} for key, value in added.items()]
        connection.execute(insert(tags), entries)


def _remove_tags(connection: Connection, row: int, keys: Sequence[str]) -> None:
    for some in chunks(keys):
        connection.execute(delete(tags).where(tags.c.collection_row == row, tags.c.key.in_(some)))


def _only_here(connection: Connection, row: int) -> tuple[str, ...]:
    """Digests of the collection's photographs that no other collection keeps."""
    other = images.alias("other")
    elsewhere = exists().where(other.c.digest == images.c.digest, other.c.collection_row != row, other.c.kept)
    found = select(images.c.digest).distinct().where(images.c.collection_row == row, ~elsewhere)
    return tuple(connection.execute(found.order_by(images.c.digest)).scalars())
