"""Copies of a catalog in PostgreSQL for backups, which are SQLite files like all others, and restores from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url

from kenspeckle.catalog import schema
from kenspeckle.catalog.base import find_referenced
from kenspeckle.catalog.collection_keys import keyring
from kenspeckle.catalog.copying import copy_catalog
from kenspeckle.catalog.database import Database
from kenspeckle.catalog.postgres import engine
from kenspeckle.catalog.sqlite import engine as sqlite
from kenspeckle.catalog.sqlite.copies import SqliteCopies, SqliteReplacer, facts, settle
from kenspeckle.errors import Conflict
from kenspeckle.ports import CopyFacts, Keyring

TAKEN = (
    "The database of CATALOG_URL has a catalog already. Restore into an empty one: CREATE DATABASE another, and name "
    "it in KENSPECKLE_CATALOG_URL."
)


class PostgresCopies:
    """Implements `ports.Copies`: what is copied is what one transaction sees, while others write."""

    def __init__(self, url: URL, connections: int) -> None:
        self._url = url
        self._connections = connections

    def make(self, target: Path, progress: Callable[[int, int], None]) -> CopyFacts:
        with self._open() as source, closing(sqlite.database(make_url(f"sqlite:///{target}"))) as copy:
            copy_catalog(source, copy, progress, keys=False)
        settle(target)
        return facts(target)

    def keyring(self) -> Keyring:
        with self._open() as source, source.read() as connection:
            return keyring(connection)

    def digests(self, copy: Path) -> Iterator[str]:
        return SqliteCopies(copy).digests(copy)

    def find_referenced(self, among: Iterable[str]) -> set[str]:
        with self._open() as database, database.read() as connection:
            return find_referenced(connection, list(among))

    @contextmanager
    def lock(self, names: Iterable[str]) -> Iterator[None]:
        with self._open() as database, database.lock(names):
            yield

    def _open(self) -> AbstractContextManager[Database]:
        return closing(engine.database(self._url, connections=self._connections))


class PostgresReplacer:
    """Implements `ports.CatalogReplacer` and `ports.ReservedPlace`: a backup is restored into an empty database alone,
    so that nothing is ever moved aside."""

    taken = False

    def __init__(self, url: URL, connections: int) -> None:
        self._url = url
        self._connections = connections
        self._place: Database | None = None

    @contextmanager
    def reserve(self, *, replace: bool) -> Iterator[PostgresReplacer]:
        with closing(engine.database(self._url, alone=True, connections=1)) as database:
            with database.read() as connection:
                present = schema.version(connection)
            if present and not present.startswith(schema.COPYING):
                raise Conflict(TAKEN)
            self._place = database
            try:
                yield self
            finally:
                self._place = None

    def prepare(self, new: Path) -> CopyFacts:
        return SqliteReplacer(new).prepare(new)

    def unlock(self, new: Path, keys: Mapping[str, bytes]) -> tuple[str, ...]:
        return SqliteReplacer(new).unlock(new, keys)

    def leave_out(self, new: Path, collections: Sequence[str]) -> CopyFacts:
        return SqliteReplacer(new).leave_out(new, collections)

    def keep(self, aside: Path) -> None:
        """Nothing is there."""

    def put(self, new: Path) -> None:
        with closing(sqlite.database(make_url(f"sqlite:///{new}"))) as source:
            copy_catalog(source, self._database(), lambda *_: None)
        new.unlink()

    def digests(self, among: Iterable[str]) -> set[str]:
        with self._database().read() as connection:
            return find_referenced(connection, list(among))

    def lock(self, names: Iterable[str]) -> AbstractContextManager[None]:
        return self._database().lock(names)

    def _database(self) -> Database:
        if self._place is None:
            raise LookupError("the place is not reserved")
        return self._place
