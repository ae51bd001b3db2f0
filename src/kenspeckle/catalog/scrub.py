"""Has SQLite's files forget what was deleted: the write-ahead log, and copies of moved rows in the database itself."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

from kenspeckle.catalog import residue

SECONDS = 2.0
"""Longest wait for readers to be done with the write-ahead log."""
PATIENCE_SECONDS = 0.05
"""A short one, again and again: other writers must not wait for us while we wait for a reader."""

Turn = Callable[[], AbstractContextManager[None]]


def scrub(path: Path, turn: Turn) -> bool:
    """Whether nothing is left; False where a reader, or another process that writes, was in the way for too long.

    `turn` is held by whoever writes in this process."""
    with closing(_connect(path)) as connection:
        page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
        if not _again(lambda: _truncated(connection, turn)):
            return False
    # From here on, what was deleted is in unallocated space or nowhere.
    pages = residue.suspects(path, page_bytes)
    return not pages or _again(lambda: _wiped(path, turn, page_bytes, pages))


def _again(act: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not act():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _truncated(connection: sqlite3.Connection, turn: Turn) -> bool:
    """Fold the write-ahead log, which holds older states of pages, into the database and cut it to nothing."""
    with turn():
        return _checkpoint(connection)


def _wiped(path: Path, turn: Turn, page_bytes: int, pages: list[int]) -> bool:
    # A connection of its own: it has read none of these pages, so it can't write an old state of them back.
    with turn(), closing(_connect(path)) as connection:
        if not _checkpoint(connection):
            return False
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not _busy(error):
                raise
            return False
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size > 0:
            connection.execute("ROLLBACK")  # another process was quicker
            return False
        residue.wipe(path, page_bytes, pages)
        # Any write makes all other connections, of other processes too, drop the pages that they have in memory.
        connection.execute("UPDATE service SET floor = floor")
        connection.execute("COMMIT")
        return True


def _checkpoint(connection: sqlite3.Connection) -> bool:
    try:
        return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if not _busy(error):
            raise
        return False


def _busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None)
