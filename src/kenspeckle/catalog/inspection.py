"""Reads a catalog without changing it, in whichever database: what the doctor asks.

Every method raises StorageUnavailable where what it asks for can't be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

import numpy as np
from sqlalchemy import Connection, bindparam, func, select

from kenspeckle.catalog import rows, schema
from kenspeckle.catalog.collection_keys import CollectionKeys
from kenspeckle.catalog.cursors import Cursors
from kenspeckle.catalog.database import Database
from kenspeckle.catalog.sql import LOG_LIMIT, SqlCatalog
from kenspeckle.catalog.tables import audit, changes, collections, faces, images, removals, users
from kenspeckle.domain import Vector
from kenspeckle.encryption.cipher import FACE, KINDS, USER
from kenspeckle.errors import StorageUnavailable
from kenspeckle.ports import CollectionFacts, KeptPhotograph, Mirror, Mirrored, Sealer

BATCH = 2000

_LOOKING = "The catalog is only looked at; nothing is written to it."

_NAMES = select(collections.c.collection_id).where(collections.c.collection_id.is_not(None)).order_by(collections.c.row)
_COLLECTION = select(
    collections.c.row,
    collections.c.collection_id,
    collections.c.pack,
    collections.c.contract,
    collections.c.revision,
    collections.c.face_count,
    collections.c.user_count,
    collections.c.image_count,
).where(collections.c.collection_id == bindparam("collection_id"))
_ROWS = {
    table.name: select(func.count()).select_from(table).where(table.c.collection_row == bindparam("collection_row"))
    for table in (faces, users, images)
}
_TEMPLATES = {
    kind: select(table.c.row, name, table.c.collection_row, table.c.template)
    .join(collections, collections.c.row == table.c.collection_row)
    .where(collections.c.collection_id == bindparam("collection_id"), table.c.row > bindparam("after"))
    .where(table.c.template.is_not(None))
    .order_by(table.c.row)
    .limit(BATCH)
    for kind, table, name in ((FACE, faces, faces.c.face_id), (USER, users, users.c.user_id))
}
_LOGGED = select(func.max(changes.c.revision)).where(changes.c.collection_row == bindparam("collection_row"))
_PHOTOGRAPHS = (
    select(images.c.row, images.c.digest, images.c.key, collections.c.collection_id)
    .join(collections, collections.c.row == images.c.collection_row)
    .where(images.c.kept, collections.c.collection_id.is_not(None), images.c.row > bindparam("after"))
    .order_by(images.c.row)
    .limit(BATCH)
)
_NEWEST = {
    "photograph": select(func.max(images.c.created_at)),
    "collection": select(func.max(collections.c.created_at)),
    "row of the audit trail": select(func.max(audit.c.at)),
}


class SqlInspection:
    """What `ports.Inspection` asks in SQL that every database understands. `database` writes nothing."""

    def __init__(self, database: Database, master: Sealer | None) -> None:
        self.catalog = SqlCatalog(database, Cursors(bytes(32)), LOG_LIMIT, CollectionKeys(database, master))

    @property
    def known(self) -> tuple[str, ...]:
        return schema.VERSIONS

    def check_key(self) -> None:
        self.catalog.collection_keys.check()

    def close(self) -> None:
        self.catalog.close()

    def schema(self) -> str:
        """Version of the schema; "" for a database that is empty or of another program."""
        with self.reading() as connection:
            return schema.version(connection)

    def names(self) -> list[str]:
        """Ids of all collections."""
        with self.reading() as connection:
            return list(connection.execute(_NAMES).scalars())

    def collection(self, collection_id: str) -> CollectionFacts | None:
        """One collection, its rows counted; None where it was deleted meanwhile."""
        with self.reading() as connection:
            found = connection.execute(_COLLECTION, {"collection_id": collection_id}).first()
            if found is None:
                return None
            row, name, pack, contract, revision, *counted = found
            here = {"collection_row": row}
            real = {table: int(connection.execute(_ROWS[table], here).scalar_one()) for table in _ROWS}
            logged = int(connection.execute(_LOGGED, here).scalar_one() or 0)
            return CollectionFacts(name, pack, contract, revision, dict(zip(_ROWS, counted, strict=True)), real, logged)

    def templates(self, collection_id: str, kind: str) -> Iterator[tuple[str, Vector]]:
        """Every face, or user that has faces, and its template as it is stored; decrypted where it is encrypted, empty
        where it is none."""
        after, of = 0, KINDS[kind]
        with self.reading() as connection:
            while found := connection.execute(_TEMPLATES[of], {"collection_id": collection_id, "after": after}).all():
                after = found[-1][0]
                content = self.catalog.collection_keys.of(found[0].collection_row)
                for _, one, _, packed in found:
                    yield one, _template(content.open(packed, of, one))

    def photographs(self) -> Iterator[KeptPhotograph]:
        """Every photograph that is kept, as often as it is indexed."""
        after = 0
        with self.reading() as connection:
            while found := connection.execute(_PHOTOGRAPHS, {"after": after}).all():
                after = found[-1][0]
                for _, digest, key, collection_id in found:
                    yield KeptPhotograph(digest, key, collection_id)

    def removals(self) -> int:
        """Photographs whose last face was deleted and that are still to be removed."""
        with self.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(removals)).scalar_one())

    def count_left_staged(self) -> int:
        """Templates that are staged for an upgrade which has ended; none in a schema that stages none."""
        return self.catalog.count_left_staged() if self.schema() == schema.VERSIONS[-1] else 0

    def mirrors(self) -> Sequence[tuple[Mirror, bool]]:
        """All mirrors, each with whether its collection is there; none in a schema without them."""
        return self.catalog.mirrors() if self.schema() == schema.VERSIONS[-1] else ()

    def describe_mirrored(self, collection_id: str) -> Mirrored:
        return self.catalog.describe_mirrored(collection_id)

    def newest(self) -> dict[str, float]:
        """The latest time in rows of each kind, where there is any."""
        with self.reading() as connection:
            found = {kind: connection.execute(newest).scalar_one() for kind, newest in _NEWEST.items()}
        return {kind: float(at) for kind, at in found.items() if at is not None}

    def find_referenced(self, among: Iterable[str]) -> set[str]:
        """Those of these digests that belong to a photograph which is kept."""
        return self.catalog.digests(among)

    def reading(self) -> AbstractContextManager[Connection]:
        return self.catalog.database.read()


def _template(packed: bytes) -> Vector:
    try:
        return rows.vector(packed, "a template")
    except StorageUnavailable:
        return np.empty(0, np.float32)


def no_turn() -> AbstractContextManager[None]:
    raise StorageUnavailable(_LOOKING)


def no_lock(names: Iterable[str]) -> AbstractContextManager[None]:
    raise StorageUnavailable(_LOOKING)


def no_scrub(*, thorough: bool) -> bool:
    raise StorageUnavailable(_LOOKING)
