"""Collections and their tags."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, delete, exists, func, insert, select, update

from kenspeckle.catalog.base import CHUNK, Part, chunks, collection_row, find_referenced, no_collection
from kenspeckle.catalog.changes import lock_collection, record
from kenspeckle.catalog.database import serialize
from kenspeckle.catalog.jobs import end_jobs_of
from kenspeckle.catalog.outbox import forget_collection, post
from kenspeckle.catalog.photographs import note_removals
from kenspeckle.catalog.tables import (
    apart,
    changes,
    collection_keys,
    collections,
    dismissed,
    faceless,
    faces,
    identities,
    images,
    index_slices,
    members,
    people,
    service,
    staged,
    tags,
    thumbnails,
    undo,
    users,
    video_faces,
    video_matches,
    video_tracks,
    videos,
)
from kenspeckle.catalog.tokens import forget_answers
from kenspeckle.domain import Collection, Page, WebhookMessage
from kenspeckle.errors import AlreadyExists, Conflict, KenspeckleError, QuotaExceeded

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.002
"""Between the steps of a long removal, for other writers to get their turn."""

_COLLECTION = select(
    collections.c.row,
    collections.c.collection_id,
    collections.c.pack,
    collections.c.contract,
    collections.c.created_at,
    collections.c.revision,
    collections.c.face_count,
    collections.c.user_count,
    collections.c.retention_days,
)
# Asked at every request: one statement, a row for each tag, one at least where the collection exists.
_ONE = (
    _COLLECTION.add_columns(tags.c.key, tags.c.value)
    .select_from(collections)
    .outerjoin(tags, tags.c.collection_row == collections.c.row)
    .where(collections.c.collection_id == bindparam("collection_id"))
)
_PAGE = (
    _COLLECTION.where(collections.c.row > bindparam("after"), collections.c.collection_id.is_not(None))
    .order_by(collections.c.row)
    .limit(bindparam("most"))
)
_TAGS = select(tags.c.collection_row, tags.c.key, tags.c.value)
_COUNTS = select(
    func.count(collections.c.collection_id),
    func.coalesce(func.sum(collections.c.face_count), 0),
    func.coalesce(func.sum(collections.c.user_count), 0),
    func.coalesce(func.sum(collections.c.image_count), 0),
)
_GONE = select(collections.c.row).where(collections.c.collection_id.is_(None)).limit(1)
_DIGESTS = select(images.c.digest).where(images.c.row.in_(bindparam("some", expanding=True)))
# Children before parents.
_REMOVE = tuple(
    (
        select(number).where(owner == bindparam("collection_row")).limit(bindparam("most")),
        tuple(delete(table).where(column.in_(bindparam("some", expanding=True))) for table, column in what),
    )
    for number, owner, what in (
        (
            faces.c.row,
            faces.c.collection_row,
            (
                (staged, staged.c.face_row),
                (thumbnails, thumbnails.c.face_row),
                (members, members.c.face_row),
                (apart, apart.c.face_row),
                (video_matches, video_matches.c.face_row),
                (faces, faces.c.row),
            ),
        ),
        (
            people.c.row,
            people.c.collection_row,
            (
                (identities, identities.c.person_row),
                (apart, apart.c.person_row),
                (dismissed, dismissed.c.one_row),
                (dismissed, dismissed.c.other_row),
                (people, people.c.row),
            ),
        ),
        (undo.c.row, undo.c.collection_row, ((undo, undo.c.row),)),
        (video_faces.c.row, video_faces.c.collection_row, ((video_faces, video_faces.c.row),)),
        (video_tracks.c.row, video_tracks.c.collection_row, ((video_tracks, video_tracks.c.row),)),
        (videos.c.row, videos.c.collection_row, ((videos, videos.c.row),)),
        (images.c.row, images.c.collection_row, ((images, images.c.row),)),
        (faceless.c.row, faceless.c.collection_row, ((faceless, faceless.c.row),)),
        (index_slices.c.row, index_slices.c.collection_row, ((index_slices, index_slices.c.row),)),
        (users.c.row, users.c.collection_row, ((users, users.c.row),)),
        (tags.c.collection_row, tags.c.collection_row, ((tags, tags.c.collection_row),)),
        (changes.c.collection_row, changes.c.collection_row, ((changes, changes.c.collection_row),)),
        (
            collection_keys.c.collection_row,
            collection_keys.c.collection_row,
            ((collection_keys, collection_keys.c.collection_row),),
        ),
        (collections.c.row, collections.c.row, ((collections, collections.c.row),)),
    )
)
_REMOVE_IMAGES = _REMOVE[6][1]


class Collections(Part):
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
                    "retention_days": collection.retention_days,
                    **dict.fromkeys(("face_count", "user_count", "image_count", "log_count"), 0),
                }
                made = connection.execute(insert(collections), values).inserted_primary_key
                row = int(made[0]) if made else 0
                _add_tags(connection, row, collection.tags)
                self.collection_keys.begin(connection, row)
        except Conflict as error:
            raise taken from error

    def collection(self, collection_id: str) -> Collection:
        found = self.database.rows(_ONE, {"collection_id": collection_id})
        if not found:
            raise no_collection(collection_id)
        return _collection(found[0][:-2], {one[-2]: one[-1] for one in found if one[-2] is not None})

    def collections(self, limit: int, cursor: str | None, only: Sequence[str] | None = None) -> Page[Collection]:
        bound = ("collections", None if only is None else sorted(only))
        after = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            found = connection.execute(_among(_PAGE, only), {"after": after, "most": limit + 1}).all()
            tagged = _tags(connection, [one.row for one in found[:limit]])
        return self.page(found, limit, lambda one: _collection(one, tagged.get(one.row, {})), bound)

    def delete_collection(
        self, collection_id: str, messages: Sequence[WebhookMessage] = (), *, purge: bool = True
    ) -> tuple[str, ...]:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            gone = _only_here(connection, locked.row) if purge else ()
            self.collection_keys.destroy(connection, locked.row)
            nothing = dict.fromkeys(("face_count", "user_count", "image_count"), 0)
            connection.execute(
                update(collections).where(collections.c.row == locked.row).values(collection_id=None, **nothing)
            )
            # A namesake made later begins above every revision that an index may hold of this one.
            above = locked.revision + 1
            floor = case((service.c.floor < above, above), else_=service.c.floor)
            connection.execute(update(service).values(floor=floor))
            forget_answers(connection, locked.row)
            forget_collection(connection, collection_id)
            end_jobs_of(connection, collection_id)
            post(connection, messages)
        self.collection_keys.forget(locked.row)
        try:
            if purge:
                self.purge()
        except KenspeckleError:
            log.exception("what a deleted collection had is left for the next start to remove")
        return gone

    def digests_only_of(self, collection_id: str, limit: int) -> tuple[str, ...]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = connection.execute(_digests_only_here(row).limit(limit)).scalars()
            return tuple(dict.fromkeys(found))

    def drop_deleted_keys(self) -> None:
        self.collection_keys.drop_deleted_keys()

    def has_remains(self) -> bool:
        """Whether something is left of deleted collections."""
        return bool(self.database.rows(_GONE, {}))

    def purge(self) -> None:
        """Remove what deleted collections had, also those whose removal a crash interrupted.

        In many short transactions: to remove a million faces takes half a minute, for which no other write can wait."""
        while self.purge_some(CHUNK):
            time.sleep(PAUSE_SECONDS)

    def purge_some(self, most: int) -> int:
        removed = 0
        with self.database.write() as connection:
            row = connection.execute(_GONE).scalar()
            if row is None:
                return 0
            for found, deletions in _REMOVE:
                some = connection.execute(found, {"collection_row": row, "most": min(most, CHUNK)}).scalars().all()
                if some and deletions is _REMOVE_IMAGES:
                    digests = sorted(set(connection.execute(_DIGESTS, {"some": some}).scalars()))
                    serialize(connection, digests)
                    note_removals(connection, sorted(set(digests) - find_referenced(connection, digests)))
                for deletion in deletions if some else ():
                    connection.execute(deletion, {"some": some})
                if some:
                    removed = len(some)
                    break
        return removed

    def tags(self, collection_id: str) -> Mapping[str, str]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            return _tags(connection, [row]).get(row, {})

    def set_tags(self, collection_id: str, tags: Mapping[str, str], limit: int) -> None:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            together = {**_tags(connection, [locked.row]).get(locked.row, {}), **tags}
            if len(together) > limit:
                raise QuotaExceeded(f"A collection takes at most {limit} tags.", field="tags")
            _remove_tags(connection, locked.row, list(tags))
            _add_tags(connection, locked.row, tags)
            record(connection, locked, self.log_limit)

    def remove_tags(self, collection_id: str, keys: Sequence[str]) -> None:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            _remove_tags(connection, locked.row, keys)
            record(connection, locked, self.log_limit)

    def counts(self, only: Sequence[str] | None = None) -> Mapping[str, int]:
        with self.database.read() as connection:
            found = connection.execute(_among(_COUNTS, only)).one()
        return dict(zip(("collections", "faces", "users", "images"), map(int, found), strict=True))


def _among(statement: Select[Any], only: Sequence[str] | None) -> Select[Any]:
    return statement if only is None else statement.where(collections.c.collection_id.in_(sorted(only)))


def _collection(found: Any, tagged: Mapping[str, str]) -> Collection:
    _, collection_id, pack, contract, created_at, revision, face_count, user_count, days = found
    return Collection(collection_id, pack, contract, created_at, revision, face_count, user_count, tagged, days)


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
    return tuple(connection.execute(_digests_only_here(row).distinct().order_by(images.c.digest)).scalars())


def _digests_only_here(row: int) -> Select[Any]:
    """As `_only_here`; a digest may be there several times."""
    other = images.alias("other")
    alive = select(collections.c.row).where(collections.c.collection_id.is_not(None), collections.c.row != row)
    elsewhere = exists().where(other.c.digest == images.c.digest, other.c.kept, other.c.collection_row.in_(alive))
    return select(images.c.digest).where(images.c.collection_row == row, ~elsewhere)
