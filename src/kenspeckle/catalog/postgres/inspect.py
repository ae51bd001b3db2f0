"""Inspects a catalog in PostgreSQL without changing it, also while services write to it."""

from __future__ import annotations

from sqlalchemy import URL

from kenspeckle.catalog.inspection import SqlInspection, no_lock, no_scrub, no_turn
from kenspeckle.catalog.postgres import engine
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Sealer

_CHECKSUMS = "SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database"
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"


class PostgresInspection(SqlInspection):
    """Implements `ports.Inspection`. PostgreSQL checks the pages that it reads itself, where checksums are on."""

    disturbed = False
    log_bytes = 0

    def __init__(self, url: URL, master: Sealer | None = None) -> None:
        super().__init__(engine.reading(url, no_turn, no_scrub, no_lock), master)

    def damage(self, *, thorough: bool) -> list[str]:
        """Pages whose checksum was wrong, as the server counts them; `thorough` reads every table."""
        found = []
        with self.reading() as connection:
            failures = connection.exec_driver_sql(_CHECKSUMS).scalar_one()
            if failures:
                found.append(f"PostgreSQL has counted {failures} pages whose checksum was wrong")
            tables = list(connection.exec_driver_sql(_TABLES).scalars()) if thorough else []
        for table in tables:
            try:
                with self.reading() as connection:
                    connection.exec_driver_sql(f'SELECT count(one) FROM "{table}" AS one WHERE one::text IS NOT NULL')
            except KenspeckleError as error:
                found.append(f"the table {table} can't be read: {error.message}")
        return found

    def size(self) -> int:
        """Bytes of the database."""
        with self.reading() as connection:
            return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
