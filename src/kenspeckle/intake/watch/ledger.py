"""The ledger of processed photographs, by content: a small SQLite file that persists between runs."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from kenspeckle.client.errors import CommandFailed
from kenspeckle.intake.watch.arrivals import FileState

NAME = ".kenspeckle-watch.db"
"""In the watched folder, so that it goes with it wherever it is mounted or moved."""

_TABLES = """
CREATE TABLE IF NOT EXISTS files (
  job TEXT NOT NULL, path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  PRIMARY KEY (job, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS photographs (
  job TEXT NOT NULL, digest TEXT NOT NULL, identity TEXT NOT NULL, path BLOB NOT NULL, status TEXT NOT NULL,
  PRIMARY KEY (job, digest, identity)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (
  job TEXT NOT NULL, identity TEXT NOT NULL, original BLOB NOT NULL,
  PRIMARY KEY (job, identity)
) WITHOUT ROWID;
"""


class Ledger:
    """One process holds it at a time. `job` is what is done with photographs, so that another job in the same folder
    begins anew. Paths are relative to the folder. Methods may be called from many threads.

    Raises CommandFailed where the file can't be used."""

    def __init__(self, file: Path, job: str) -> None:
        self._file = file
        self._job = job
        self.mark = hashlib.sha256(job.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        """The job's mark in results, so that results of another job are not mistaken for this one's."""
        self._lock = threading.Lock()
        with self._translate_errors():
            with suppress(OSError):  # SQLite says what is wrong. Its names of people are its owner's only
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(file, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            with self._translate_errors():
                # Held until the process ends, by kill -9 too. No write-ahead log: network shares can't map its index.
                self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                self._connection.execute("PRAGMA synchronous=FULL")
                self._connection.execute("BEGIN IMMEDIATE")
                for statement in _TABLES.split(";"):
                    self._connection.execute(statement)
                self._connection.execute("COMMIT")
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def knows(self, path: Path, facts: FileState) -> bool:
        """Whether the file was processed and has the same state as then; it is not read."""
        found = self._row("SELECT size, mtime_ns FROM files WHERE job = ? AND path = ?", os.fsencode(path))
        return found == (facts.size, facts.mtime_ns)

    def find_done(self, digest: str, identity: str) -> tuple[Path, str] | None:
        """Path and status of the photograph that was processed under this identity; None where there is none."""
        found = self._row(
            "SELECT path, status FROM photographs WHERE job = ? AND digest = ? AND identity = ?", digest, identity
        )
        return None if found is None else (Path(os.fsdecode(found[0])), found[1])

    def name_of(self, identity: str, original: str) -> str:
        """The name that the identity was first made of; `original` where this is the first."""
        with self._lock, self._translate_errors():
            self._connection.execute(
                "INSERT OR IGNORE INTO names VALUES (?, ?, ?)", (self._job, identity, os.fsencode(original))
            )
        found = self._row("SELECT original FROM names WHERE job = ? AND identity = ?", identity)
        return original if found is None else os.fsdecode(found[0])

    def record(self, path: Path, facts: FileState, digest: str, identity: str, status: str) -> None:
        """On disk when it returns."""
        name = os.fsencode(path)
        with self._lock, self._translate_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (self._job, name, facts.size, facts.mtime_ns)
            )
            self._connection.execute(
                "INSERT OR IGNORE INTO photographs VALUES (?, ?, ?, ?, ?)",
                (self._job, digest, identity, name, status),
            )
            self._connection.execute("COMMIT")

    def _row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        with self._lock, self._translate_errors():
            found: tuple[Any, ...] | None = self._connection.execute(statement, (self._job, *values)).fetchone()
        return found

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise CommandFailed(
                    f"Another `kenspeckle watch` is at work on this folder: it holds {self._file}.",
                    "Stop it first, or give this one a file of its own with --state.",
                ) from error
            raise CommandFailed(
                f"{self._file}, which remembers what is done, can't be used: {error}.",
                "Name another with --state; without it, photographs are taken once more.",
            ) from error
