"""Data folders as an older version of the program left them: the first schema, with what a newer one holds."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from sqlalchemy import make_url

from kenspeckle.catalog import schema
from kenspeckle.catalog.sqlite import engine
from kenspeckle.domain import FaceRecord

FIRST = schema.VERSIONS[0]


def as_of_old(source: Path, place: Path) -> Path:
    """A copy of a data folder at rest whose database has the first schema, made by the migration itself."""
    shutil.copytree(source, place)
    file = place / "kenspeckle.db"
    file.rename(place / "newer.db")
    with closing(engine.database(make_url(f"sqlite:///{file}"))) as database, database.write() as connection:
        schema.migrate(connection, FIRST)
    with closing(sqlite3.connect(file)) as old, old:
        old.execute("ATTACH ? AS newer", (str(place / "newer.db"),))
        for table in _tables(old):
            columns = ", ".join(f'"{name}"' for _, name, *_ in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"DELETE FROM main.{table}")
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")
    (place / "newer.db").unlink()
    assert version_of(place) == FIRST
    return place


def as_it_can_have(found: Mapping[str, object]) -> dict[str, object]:
    """What `folders.shown` tells of a folder, without the attributes of faces, which the first schema has no place
    for."""
    return {name: _bare(one) for name, one in found.items()}


def _bare(one: object) -> object:
    match one:
        case (FaceRecord() as record, *others):
            return (replace(record, detail=replace(record.detail, attributes=None)), *others)
    return one


def version_of(data_dir: Path) -> str:
    """Version of the database's schema, whatever it is."""
    with closing(sqlite3.connect(data_dir / "kenspeckle.db")) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> list[str]:
    named = "SELECT name FROM main.sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'"
    return [name for (name,) in connection.execute(named) if name != "alembic_version"]
