"""The version of the database's schema: checked at every start, migrated where it is old."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from kenspeckle.catalog.database import Database
from kenspeckle.errors import StorageUnavailable

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
"""All migrations, oldest first. Listed here so that a start without migrations need not load Alembic."""

_version = table("alembic_version", column("version_num"))


def bring_up_to_date(database: Database) -> None:
    """Migrate to the newest version, completely or not at all. Two processes at once wait for one another. Raises
    StorageUnavailable for a database of a newer version or of another program, and what `Database` raises."""
    with database.read() as connection:
        if _behind(connection) is False:
            return
    with database.migrate() as connection:
        if _behind(connection):
            _migrate(connection)


def version(connection: Connection) -> str:
    """The version of the database; "" where it is empty or of another program."""
    if not inspect(connection).has_table(_version.name):
        return ""
    return str(connection.execute(select(_version.c.version_num)).scalar() or "")


def _behind(connection: Connection) -> bool:
    inspector = inspect(connection)
    if not inspector.has_table(_version.name):
        if inspector.get_table_names():
            raise StorageUnavailable("CATALOG_URL names a database of another program; name an empty one.")
        return True
    versions = connection.execute(select(_version.c.version_num)).scalars().all()
    unknown = [one for one in versions if one not in VERSIONS]
    if unknown:
        raise StorageUnavailable(
            f"The catalog was written by a newer Kenspeckle (schema {unknown[0]}; this program knows up to "
            f"{VERSIONS[-1]}). Install that version again, or restore the backup made before the upgrade."
        )
    return list(versions) != [VERSIONS[-1]]


def _migrate(connection: Connection) -> None:
    # Imported here: Alembic takes longer to load than everything else of a start, and most starts do not need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
