"""Finds the storage of the catalog that a URL names."""

from __future__ import annotations

from pathlib import Path
from typing import Never

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from kenspeckle.catalog.sql import CONNECTIONS, driver_needed
from kenspeckle.catalog.sqlite.storage import SqliteStorage
from kenspeckle.errors import NotOffered, SettingError
from kenspeckle.ports import Inspection, Sealer, Storage

NO_FILE = "Only a catalog in an SQLite file or in PostgreSQL can be inspected, backed up and restored."


def storage_of(url: str, connections: int = CONNECTIONS) -> Storage:
    """Nothing is opened or created. Raises SettingError for an invalid database URL, or where its driver is missing."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise SettingError("CATALOG_URL is no database URL such as sqlite:////path/to/kenspeckle.db.") from error
    if parsed.get_backend_name() == "postgresql":
        with driver_needed():
            from kenspeckle.catalog.postgres.storage import PostgresStorage  # late: its driver is an extra
        return PostgresStorage(parsed, connections)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return Elsewhere()
    return SqliteStorage(Path(parsed.database))


class Elsewhere:
    """Implements `ports.Storage` for a catalog that has no file on this machine."""

    file = None

    def see(self) -> None:
        """Not checked here: opening it says why it can't be used."""

    def readable(self) -> bool:
        return False

    def inspect(self, master: Sealer | None = None) -> Inspection:
        _not_offered()

    def beside(self, folder: Path) -> Storage:
        return self

    def copies(self) -> Never:
        _not_offered()

    def replacer(self) -> Never:
        _not_offered()


def _not_offered() -> Never:
    raise NotOffered(NO_FILE)
