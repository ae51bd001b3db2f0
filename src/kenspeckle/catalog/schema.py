"""The version of the database's schema: checked at every start, made where there is none, migrated where it is old."""

from __future__ import annotations

import secrets
from enum import Enum, auto
from functools import cache
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    create_mock_engine,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.schema import ExecutableDDLElement

from kenspeckle.catalog.audit_guards import guards
from kenspeckle.catalog.database import Database
from kenspeckle.catalog.tables import audit_head, metadata, partial_for, service
from kenspeckle.errors import StorageUnavailable

VERSIONS = tuple(f"{number:04}" for number in range(1, 20))
"""All migrations, oldest first. Listed here so that a start without migrations need not load Alembic."""

COPYING = "copy-"
"""What the version begins with while a catalog is copied into the database."""

# As Alembic makes it.
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class State(Enum):
    """What has to be done with a database before it is used."""

    EMPTY = auto()
    OLD = auto()
    NEWEST = auto()


def bring_up_to_date(database: Database) -> None:
    """Make the newest version, or migrate to it, completely or not at all. Two processes at once wait for one another.
    Raises StorageUnavailable for a database of a newer version or of another program, and what `Database` raises."""
    with database.read() as connection:
        if state(connection) is State.NEWEST:
            return
    with database.migrate() as connection:
        found = state(connection)
        if found is State.EMPTY:
            create(connection)
        elif found is State.OLD:
            migrate(connection)


def version(connection: Connection) -> str:
    """The version of the database; "" where it is empty or of another program."""
    if not inspect(connection).has_table(_version.name):
        return ""
    return str(connection.execute(select(_version.c.version_num)).scalar() or "")


def mark(connection: Connection, version: str) -> None:
    """Write another version than the migrations did."""
    connection.execute(update(_version).values(version_num=version))


def state(connection: Connection) -> State:
    """What has to be done. Raises StorageUnavailable for a database that is not to be touched."""
    inspector = inspect(connection)
    if not inspector.has_table(_version.name):
        if inspector.get_table_names():
            raise StorageUnavailable("CATALOG_URL names a database of another program; name an empty one.")
        return State.EMPTY
    versions = connection.execute(select(_version.c.version_num)).scalars().all()
    unknown = [one for one in versions if one not in VERSIONS]
    if unknown and unknown[0].startswith(COPYING):
        raise StorageUnavailable(
            "A copy into this catalog was interrupted. Run `kenspeckle catalog copy` again, which goes on with it, or "
            "drop the database."
        )
    if unknown:
        raise StorageUnavailable(
            f"The catalog was written by a newer Kenspeckle (schema {unknown[0]}; this program knows up to "
            f"{VERSIONS[-1]}). Install that version again, or restore the backup made before the upgrade."
        )
    return State.NEWEST if list(versions) == [VERSIONS[-1]] else State.OLD


def create(connection: Connection) -> None:
    """Give an empty database what all migrations together would, in a twentieth of their time; a test compares the
    two."""
    for statement in statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
    nothing = bytes(32)
    connection.execute(insert(service).values(row=1, cursor_key=secrets.token_bytes(32), floor=0))
    connection.execute(insert(audit_head).values(row=1, number=0, hash=nothing, floor=0, floor_hash=nothing, seal=b""))
    connection.execute(insert(_version).values(version_num=VERSIONS[-1]))


@cache
def statements(dialect: str) -> tuple[str, ...]:
    """What makes all tables, indexes and guards. Compiled once a process: that takes most of the time."""
    partial_for(dialect)
    found: list[str] = []
    engine: MockConnection = create_mock_engine(f"{dialect}://", lambda sql, *_, **__: found.append(_text(sql, engine)))
    metadata.create_all(engine, checkfirst=False)
    _version.create(engine, checkfirst=False)
    return (*found, *guards(dialect))


def _text(sql: ExecutableDDLElement, engine: MockConnection) -> str:
    return str(sql.compile(dialect=engine.dialect))


def migrate(connection: Connection, to: str = "head") -> None:
    """Run the migrations up to a version. An empty database is at none."""
    # Imported here: Alembic takes longer to load than everything else of a start, and most starts do not need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
