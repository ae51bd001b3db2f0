"""Locks by name for the processes that share one SQLite database: byte ranges of a file beside it.

The system releases them when the process ends, however it ends; so none is left behind, and none has to be taken over
from a process that may still be working. SQLite's own lock would work too, but it would block every other writer.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kenspeckle.errors import StorageUnavailable

STRIPES = 1024
"""Bytes of the file; each is the lock of many names."""

ENDING = "-locks"
_PAUSE_SECONDS = 0.005

LOCKED = "Another process works on the same photograph or request for too long; ask again."


@dataclass
class _File:
    """A lock file that this process has open. Locks of bytes keep out other processes, `threads` those of this one."""

    descriptor: int
    threads: list[threading.Lock] = field(default_factory=lambda: [threading.Lock() for _ in range(STRIPES)])


_files: dict[tuple[int, int], _File] = {}
"""By device and inode, and open as long as the process lives: closing any descriptor of a file drops all locks that the
process has on it (POSIX)."""
_lock = threading.Lock()


class NameLocks:
    """The locks beside the database at `path`. A wait of more than `seconds` raises StorageUnavailable."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path = path.with_name(path.name + ENDING)
        self._seconds = seconds

    @contextmanager
    def hold(self, names: Iterable[str]) -> Iterator[None]:
        """Hold the locks of all these names (64 hexadecimal digits), taken in order, so that two holders of several
        never deadlock. Raises StorageUnavailable."""
        stripes = sorted({int(name[:8], 16) % STRIPES for name in names})
        deadline = time.monotonic() + self._seconds
        with ExitStack() as held:
            if stripes:
                file = _open(self._path)
                for stripe in stripes:
                    held.enter_context(_byte(file, stripe, deadline))
            yield


@contextmanager
def _byte(file: _File, number: int, deadline: float) -> Iterator[None]:
    if not file.threads[number].acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise StorageUnavailable(LOCKED, retry_after=1)
    try:
        # Polled: the system would take a wait for two bytes in two threads for a deadlock.
        while not _try_lock(file.descriptor, number):
            if time.monotonic() > deadline:
                raise StorageUnavailable(LOCKED, retry_after=1)
            time.sleep(_PAUSE_SECONDS)
        try:
            yield
        finally:
            fcntl.lockf(file.descriptor, fcntl.LOCK_UN, 1, number)
    finally:
        file.threads[number].release()


def _try_lock(descriptor: int, number: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _open(path: Path) -> _File:
    """The lock file, made where it is absent, 0600. Raises StorageUnavailable."""
    try:
        with _lock:
            found = path.stat() if path.exists() else None
            known = _files.get((found.st_dev, found.st_ino)) if found else None
            if known is None:
                known = _File(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                found = os.fstat(known.descriptor)
                _files[found.st_dev, found.st_ino] = known
            return known
    except OSError as error:
        raise StorageUnavailable(f"{path} can't be opened or made: {error.strerror}.") from error
