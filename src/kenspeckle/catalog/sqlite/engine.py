"""SQLite's engine: the file and its modes, WAL, locks, and the translation of its error codes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from kenspeckle.atomic_file import sync_folder
from kenspeckle.catalog.database import COLLIDES, Database
from kenspeckle.catalog.sqlite.locks import NameLocks
from kenspeckle.catalog.sqlite.scrub import Scrub
from kenspeckle.errors import Conflict, KenspeckleError, SettingError, StorageFull, StorageUnavailable

BUSY_SECONDS = 10.0
"""Longest wait for another writer."""

PAGE_BYTES = 8192
"""Ten 128-D faces a page: reading them all is 1.5 times faster than with SQLite's 4096, where five leave a gap."""

_PRAGMAS = (
    "PRAGMA synchronous=FULL",  # an answer goes out after fsync
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # templates are biometric data: freed pages are overwritten
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-4000",  # KiB a connection; the system's cache does the rest
    "PRAGMA journal_size_limit=67108864",
)

_WRITES = "kenspeckle_writes"
_NEARLY_FULL = 1 << 20

ALONE_SECONDS = 2.0
"""Longest wait for a process that may be about to close the database."""

IN_USE = "The catalog is in use: stop the service and other programs that use the data folder, then run this again."
FULL = "The disk of the catalog is full: nothing was stored. Free disk space and ask again."
BUSY = "The catalog was busy with other writes for too long; ask again."
DAMAGED = "The catalog's database file is damaged or is no database; restore it from a backup."
NO_ACCESS = "The catalog's database file can't be opened or written; check its path, owner and modes."
"""These two are the messages for requests, without the path; a start names it, see `database`."""
BROKEN_DISK = "The disk of the catalog reports an error; see the system's log before anything is written to it."

_MEANING = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CANTOPEN: NO_ACCESS,
    sqlite3.SQLITE_READONLY: NO_ACCESS,
    sqlite3.SQLITE_PERM: NO_ACCESS,
    sqlite3.SQLITE_AUTH: NO_ACCESS,
    sqlite3.SQLITE_IOERR: BROKEN_DISK,
}


def database(url: URL, *, alone: bool = False) -> Database:
    """The database in the file that the URL names, made where it is absent: folder 0700, file 0600, WAL.

    `alone`: on one connection, which keeps all other processes out; a transaction within a transaction would wait
    forever. Raises SettingError for a URL without a file, StorageFull, StorageUnavailable, Conflict where it can't be
    alone.
    """
    if not url.database or url.database == ":memory:":
        raise SettingError("CATALOG_URL names no file: write sqlite:////path/to/kenspeckle.db.", field="catalog_url")
    path = Path(url.database)
    engine = _engine(url, alone=alone)
    lock = threading.Lock()

    @contextmanager
    def turn() -> Iterator[None]:
        # Between processes SQLite polls for its lock; threads of one process wait in line instead.
        if not lock.acquire(timeout=BUSY_SECONDS):
            raise StorageUnavailable(BUSY, retry_after=1)
        try:
            yield
        finally:
            lock.release()

    def explain(error: BaseException) -> KenspeckleError | None:
        return explain_error(error, path)

    made = Database(
        engine,
        engine.execution_options(**{_WRITES: True}),
        turn,
        sqlite3.Error,
        explain,
        Scrub(path, turn),
        NameLocks(path, BUSY_SECONDS).hold,
        lambda cursor: cursor.execute("BEGIN IMMEDIATE"),
    )
    _make_file(path)
    try:
        with made.translate_errors():
            _use_wal(engine)
    except StorageUnavailable as error:
        if alone and error.message == BUSY:
            raise Conflict(IN_USE) from error
        if error.message == NO_ACCESS:
            raise _no_access(path, error) from error
        if error.message == DAMAGED:
            raise StorageUnavailable(DAMAGED.replace("file is", f"file {path} is")) from error
        raise
    return made


def _engine(url: URL, *, alone: bool) -> Engine:
    made = create_engine(
        url,
        connect_args={} if "timeout" in url.query else {"timeout": ALONE_SECONDS if alone else BUSY_SECONDS},
        pool_size=1 if alone else 16,
        max_overflow=0 if alone else -1,
        hide_parameters=True,
    )
    if alone:
        event.listen(made, "connect", _set_up_exclusive)
    event.listen(made, "connect", _set_up_connection)
    event.listen(made, "begin", _begin)
    return made


def _no_access(path: Path, error: Exception) -> StorageUnavailable:
    """The message at a start, of the service or of a command."""
    reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return StorageUnavailable(
        f"The catalog's database file {path} can't be opened or written{reason}; check its path, owner and modes, "
        "and whether the file system is mounted read-only. KENSPECKLE_DATA_DIR and KENSPECKLE_CATALOG_URL say where "
        "it lies."
    )


def _set_up_exclusive(connection: Any, _record: object) -> None:
    # From the first access on: an exclusive lock, which nobody gets while another process has the database open.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")


def _set_up_connection(connection: Any, _record: object) -> None:
    # Transactions begin and end explicitly, not where the driver guesses.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later can't wait for the lock any more: writers take it at the start.
    writes = connection.get_execution_options().get(_WRITES)
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_file(path: Path) -> None:
    try:
        if not path.parent.exists():
            path.parent.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            sync_folder(path.parent)
    except OSError as error:
        raise _no_access(path, error) from error


def _use_wal(engine: Engine) -> None:
    """SQLite's busy timeout does not apply here, so two processes that start at once are handled by retries."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA page_size={PAGE_BYTES}")
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        finally:
            connection.close()


def explain_error(error: BaseException, path: Path) -> KenspeckleError | None:
    """The domain error for a driver's error on the database at `path`; None for one that is not SQLite's."""
    if isinstance(error, UnicodeDecodeError):
        return StorageUnavailable(DAMAGED)
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return Conflict(COLLIDES)
    if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and _nearly_full(path)):
        return StorageFull(FULL)
    if primary not in _MEANING:
        return None
    return StorageUnavailable(_MEANING[primary], retry_after=1 if _MEANING[primary] == BUSY else None)


def _nearly_full(path: Path) -> bool:
    # A file that can't grow in fsync or for the shared index is reported as a mere I/O error.
    try:
        return shutil.disk_usage(path.parent).free < _NEARLY_FULL
    except OSError:
        return False
