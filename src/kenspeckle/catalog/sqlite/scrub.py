"""Removes deleted data from SQLite's files: from the write-ahead log, and copies of moved rows in the database
itself."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path

from kenspeckle.catalog.sqlite import residue

log = logging.getLogger(__name__)

SECONDS = 2.0
"""Longest wait for readers of the write-ahead log."""
PATIENCE_SECONDS = 0.05
"""Length of each try: other writers must not wait while this waits for a reader."""

_HEAD = 32
_FRAME_HEAD = 24
"""Bytes before the log's first frame, and before the page in each. (https://www.sqlite.org/walformat.html)"""


class Scrub:
    """Call it after a deletion. `turn` is the lock of this process's writers. The first call checks every page. Later
    calls check those that the write-ahead log names, as long as the log was not restarted meanwhile, which its salts
    show."""

    def __init__(self, path: Path, turn: Callable[[], AbstractContextManager[None]]) -> None:
        self._path = path
        self._turn = turn
        self._log = path.with_name(path.name + "-wal")
        self._salts: bytes | None = None
        self._bytes_a_page = 0
        self._one = threading.Lock()

    def __call__(self, *, thorough: bool = False) -> bool:
        """Whether nothing is left; False where a reader, or another process that writes, held a lock for too long.
        `thorough`: check every page."""
        with self._one:
            if thorough:
                self._salts = None
            if not self._tells():
                _again(self._begin)
                self._salts = None
                log.error("the database is too large to look for copies of deleted rows: no receipt says complete")
                return False
            if self._is_tracked():
                done = _again(lambda: self._pass((), whole=False))
                if self._is_tracked() or not done:
                    return done
            if not _again(self._begin):
                return False
            with closing(_connect(self._path)) as connection:
                page_bytes = _page_bytes(connection)
            # Without `turn`: data that was deleted before is in unallocated space of these pages by now, or nowhere.
            found = residue.suspects(self._path, page_bytes)
            return _again(lambda: self._pass(found, whole=True))

    def _tells(self) -> bool:
        """Whether pages that hold copies can be told from others in so large a file."""
        if not self._bytes_a_page:
            with closing(_connect(self._path)) as connection:
                self._bytes_a_page = _page_bytes(connection)
        return residue.tells(self._path, self._bytes_a_page)

    def _is_tracked(self) -> bool:
        """Whether the log has all pages that were written since the last call."""
        return self._salts is not None

    def _begin(self) -> bool:
        """Truncate the log, so that it has all pages that are written from now on."""
        with self._turn(), closing(_connect(self._path)) as connection:
            return _checkpoint(connection) and self._mark(connection, ())

    def _pass(self, known: Iterable[int], *, whole: bool) -> bool:
        """Wipe the pages `known` and those of the log. Where the log does not have them all, nothing is done without
        `whole`, and the salts are None."""
        # A new connection: it has read none of these pages, so it can't write back an old state of them.
        with self._turn(), closing(_connect(self._path)) as connection:
            page_bytes = _page_bytes(connection)
            written = self._read_written(page_bytes)
            if written is None and not whole:
                self._salts = None
                return True
            if not _checkpoint(connection):
                return False
            pages = {*known, *residue.suspects(self._path, page_bytes, written or ())}
            if not self._mark(connection, sorted(pages)):
                return False
            if written is None:
                self._salts = None
            return True

    def _mark(self, connection: sqlite3.Connection, pages: Sequence[int]) -> bool:
        """Wipe the pages under the write lock, and begin the log with a write of this connection."""
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not _busy(error):
                raise
            return False
        try:
            if self._log.exists() and self._log.stat().st_size > 0:
                connection.execute("ROLLBACK")  # another process has restarted the log
                return False
            if pages:
                residue.wipe(self._path, _page_bytes(connection), pages)
            # A write makes all other connections, also of other processes, drop their cached pages. It has to change a
            # value, because SQLite skips writes that change nothing; this number has no other use.
            number = int(connection.execute("PRAGMA user_version").fetchone()[0])
            connection.execute(f"PRAGMA user_version={(number + 1) % 0x7FFFFFFF}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._salts = None
            raise
        with self._log.open("rb") as file:
            self._salts = file.read(_HEAD)[16:24]
        return True

    def _read_written(self, page_bytes: int) -> list[int] | None:
        """Pages, from 0, in the log since it was begun; None where it was restarted."""
        with self._log.open("rb") as file:
            if file.read(_HEAD)[16:24] != self._salts:
                return None
            found = set()
            while len(head := file.read(_FRAME_HEAD)) == _FRAME_HEAD and head[8:16] == self._salts:
                found.add(int.from_bytes(head[:4], "big") - 1)
                file.seek(page_bytes, 1)
        return sorted(found)


def _again(act: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not act():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _checkpoint(connection: sqlite3.Connection) -> bool:
    """Write the log, which has older states of pages, into the database and truncate it."""
    try:
        return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if not _busy(error):
            raise
        return False


def _page_bytes(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])


def _busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    return connection
