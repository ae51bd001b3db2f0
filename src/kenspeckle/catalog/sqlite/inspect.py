"""Inspects the database of a catalog without changing it, also while a service writes to it or where it is damaged.

Every method raises StorageUnavailable where what it asks for can't be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import quote

import numpy as np
from sqlalchemy import Connection, bindparam, create_engine, event, func, select
from sqlalchemy.pool import QueuePool

from kenspeckle.catalog import rows, schema
from kenspeckle.catalog.collection_keys import CollectionKeys
from kenspeckle.catalog.cursors import Cursors
from kenspeckle.catalog.database import Database
from kenspeckle.catalog.sql import LOG_LIMIT, SqlCatalog
from kenspeckle.catalog.sqlite import engine as engine_
from kenspeckle.catalog.tables import audit, changes, collections, faces, images, removals, users
from kenspeckle.domain import Vector
from kenspeckle.encryption.cipher import FACE, KINDS, USER
from kenspeckle.errors import StorageUnavailable
from kenspeckle.ports import CollectionFacts, KeptPhotograph, Sealer

MOST_DAMAGE = 20
"""Most damaged parts that are named."""
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


class SqliteInspection:
    """Implements `ports.Inspection` of one database file, opened read-only.

    A database without a write-ahead log is opened as immutable, because SQLite would create files beside it otherwise.
    If a service starts meanwhile, `disturbed` says so, and what was read is unreliable."""

    def __init__(self, path: Path, master: Sealer | None = None) -> None:
        self._path = path
        self._at_rest = not _size(_log(path))
        self._seen = _state(path)
        how = "mode=ro&immutable=1" if self._at_rest else "mode=ro"
        name = f"file:{quote(bytes(path.absolute()))}?{how}"
        engine = create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(
                name, uri=True, timeout=engine_.BUSY_SECONDS, isolation_level=None, check_same_thread=False
            ),
            poolclass=QueuePool,
            hide_parameters=True,
        )
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        database = Database(
            engine, engine, _no_turn, sqlite3.Error, lambda error: engine_.explained(error, path), _no_scrub, _no_lock
        )
        self.catalog = SqlCatalog(database, Cursors(bytes(32)), LOG_LIMIT, CollectionKeys(database, master))

    @property
    def disturbed(self) -> bool:
        """Whether a process began to write to a database that was opened as immutable."""
        return self._at_rest and (_state(self._path) != self._seen or bool(_size(_log(self._path))))

    @property
    def known(self) -> tuple[str, ...]:
        return schema.VERSIONS

    @property
    def log_bytes(self) -> int:
        return _size(_log(self._path))

    def check_key(self) -> None:
        self.catalog.collection_keys.check()

    def close(self) -> None:
        self.catalog.close()

    def damage(self, *, thorough: bool) -> list[str]:
        """Damaged parts of the file, in SQLite's words; `thorough` compares indexes with their tables too."""
        with self._reading() as connection:
            found = connection.exec_driver_sql(f"PRAGMA {'integrity' if thorough else 'quick'}_check({MOST_DAMAGE})")
            told = [str(one) for (one,) in found if one != "ok"]
            if thorough and not told:
                dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                told = [f"row {one[1]} of {one[0]} refers to nothing in {one[2]}" for one in dangling[:MOST_DAMAGE]]
        return told

    def schema(self) -> str:
        """Version of the schema; "" for a database that is empty or of another program."""
        with self._reading() as connection:
            return schema.version(connection)

    def names(self) -> list[str]:
        """Ids of all collections."""
        with self._reading() as connection:
            return list(connection.execute(_NAMES).scalars())

    def collection(self, collection_id: str) -> CollectionFacts | None:
        """One collection, its rows counted; None where it was deleted meanwhile."""
        with self._reading() as connection:
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
        with self._reading() as connection:
            while found := connection.execute(_TEMPLATES[of], {"collection_id": collection_id, "after": after}).all():
                after = found[-1][0]
                content = self.catalog.collection_keys.of(found[0].collection_row)
                for _, one, _, packed in found:
                    yield one, _template(content.open(packed, of, one))

    def photographs(self) -> Iterator[KeptPhotograph]:
        """Every photograph that is kept, as often as it is indexed."""
        after = 0
        with self._reading() as connection:
            while found := connection.execute(_PHOTOGRAPHS, {"after": after}).all():
                after = found[-1][0]
                for _, digest, key, collection_id in found:
                    yield KeptPhotograph(digest, key, collection_id)

    def removals(self) -> int:
        """Photographs whose last face was deleted and that are still to be removed."""
        with self._reading() as connection:
            return int(connection.execute(select(func.count()).select_from(removals)).scalar_one())

    def left_staged(self) -> int:
        """Templates that are staged for an upgrade which has ended; none in a schema that stages none."""
        return self.catalog.left_staged() if self.schema() == schema.VERSIONS[-1] else 0

    def newest(self) -> dict[str, float]:
        """The latest time in rows of each kind, where there is any."""
        with self._reading() as connection:
            found = {kind: connection.execute(newest).scalar_one() for kind, newest in _NEWEST.items()}
        return {kind: float(at) for kind, at in found.items() if at is not None}

    def referenced(self, among: Iterable[str]) -> set[str]:
        """Those of these digests that belong to a photograph which is kept."""
        return self.catalog.digests(among)

    def _reading(self) -> AbstractContextManager[Connection]:
        return self.catalog.database.read()


def _template(packed: bytes) -> Vector:
    try:
        return rows.vector(packed, "a template")
    except StorageUnavailable:
        return np.empty(0, np.float32)


def _log(path: Path) -> Path:
    """The write-ahead log of a database."""
    return path.with_name(path.name + "-wal")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _no_turn() -> AbstractContextManager[None]:
    raise StorageUnavailable(_LOOKING)


def _no_lock(names: Iterable[str]) -> AbstractContextManager[None]:
    raise StorageUnavailable(_LOOKING)


def _no_scrub(*, thorough: bool) -> bool:
    raise StorageUnavailable(_LOOKING)
