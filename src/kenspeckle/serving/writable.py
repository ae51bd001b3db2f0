"""Whether the service can write: /readyz answers ready only then."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kenspeckle.errors import KenspeckleError, StorageFull, StorageUnavailable

PROBE_BYTES = 64 * 1024
TRUST_SECONDS = 5.0
"""How long an answer holds: anyone may ask, and each look writes to the disk."""


class Writable:
    """Writes a small file into each folder and removes it. Safe to call from several threads."""

    def __init__(
        self,
        folders: Sequence[Path],
        made_later: Sequence[Path] = (),
        *,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """`made_later`: folders that need not be there yet; the nearest one around each is tried then."""
        self._folders = tuple(dict.fromkeys(folders))
        self._made_later = tuple(made_later)
        self._ticks = ticks
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._error: KenspeckleError | None = None

    def check(self) -> None:
        """Raises StorageFull where a disk has no space left, StorageUnavailable where nothing may be written."""
        with self._lock:
            if self._ticks() >= self._until:
                self._error = self._look()
                self._until = self._ticks() + TRUST_SECONDS
            error = self._error
        if error is not None:
            raise type(error)(error.message)

    def _look(self) -> KenspeckleError | None:
        for folder in (*self._folders, *map(_existing, self._made_later)):
            try:
                _probe(folder)
            except OSError as error:
                # A client without a key must not learn the path of a folder.
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    return StorageFull("The disk is full: requests that store are refused. Free disk space.")
                return StorageUnavailable("Nothing can be written to the data folder; the doctor says more.")
        return None


def _existing(folder: Path) -> Path:
    """The folder, or the one that it will be made in."""
    return next((one for one in (folder, *folder.parents) if one.exists()), folder)


def _probe(folder: Path) -> None:
    number, name = tempfile.mkstemp(prefix=".writable-", dir=folder)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    finally:
        Path(name).unlink()
