"""A catalog in PostgreSQL, as a whole: it has no file on this machine."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from kenspeckle.catalog import schema
from kenspeckle.catalog.postgres.copies import PostgresCopies, PostgresReplacer
from kenspeckle.catalog.postgres.inspect import PostgresInspection
from kenspeckle.errors import StorageUnavailable
from kenspeckle.ports import Sealer, Storage


@dataclass(frozen=True, slots=True)
class PostgresStorage:
    """Implements `ports.Storage`."""

    url: URL
    connections: int
    file: None = None

    def see(self) -> None:
        with closing(self.inspect()) as inspection:
            if inspection.schema() not in schema.VERSIONS:
                raise StorageUnavailable("CATALOG_URL names a database without a catalog of this version.")

    def readable(self) -> bool:
        return True

    def inspect(self, master: Sealer | None = None) -> PostgresInspection:
        return PostgresInspection(self.url, master)

    def beside(self, folder: Path) -> Storage:
        return self

    def copies(self) -> PostgresCopies:
        return PostgresCopies(self.url, self.connections)

    def replacer(self) -> PostgresReplacer:
        return PostgresReplacer(self.url, self.connections)
