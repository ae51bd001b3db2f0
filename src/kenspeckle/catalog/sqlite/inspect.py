"""Inspects the database of a catalog without changing it, also while a service writes to it or where it is damaged.

Every method raises StorageUnavailable where what it asks for can't be read."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.pool import QueuePool

from kenspeckle.catalog.database import Database
from kenspeckle.catalog.inspection import SqlInspection, no_lock, no_scrub, no_turn
from kenspeckle.catalog.sqlite import engine as engine_
from kenspeckle.ports import Sealer

MOST_DAMAGE = 20
"""Most damaged parts that are named."""


class SqliteInspection(SqlInspection):
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
            engine, engine, no_turn, sqlite3.Error, lambda error: engine_.explain_error(error, path), no_scrub, no_lock
        )
        super().__init__(database, master)

    @property
    def disturbed(self) -> bool:
        """Whether a process began to write to a database that was opened as immutable."""
        return self._at_rest and (_state(self._path) != self._seen or bool(_size(_log(self._path))))

    @property
    def log_bytes(self) -> int:
        return _size(_log(self._path))

    def damage(self, *, thorough: bool) -> list[str]:
        """Damaged parts of the file, in SQLite's words; `thorough` compares indexes with their tables too."""
        with self.reading() as connection:
            found = connection.exec_driver_sql(f"PRAGMA {'integrity' if thorough else 'quick'}_check({MOST_DAMAGE})")
            told = [str(one) for (one,) in found if one != "ok"]
            if thorough and not told:
                dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                told = [f"row {one[1]} of {one[0]} refers to nothing in {one[2]}" for one in dangling[:MOST_DAMAGE]]
        return told


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
