"""The anchor file beside the database, which names the newest row of the audit trail: two slots, written in turn.

Not synced: it survives a killed process, and after a power cut it may name an earlier row than the table has, which is
no fault. An interrupted write leaves the other slot intact.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from kenspeckle.domain.audit_anchor import AuditAnchor, read, to_line

FILE = "audit.anchor"

_PLACE = 512
"""Bytes of each slot; an anchor takes less than 300."""


class AnchorFile:
    """Implements `ports.Anchors` in a file, 0600, that any number of processes share."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._lock = threading.Lock()

    def read(self) -> Sequence[AuditAnchor]:
        try:
            data = self._path.read_bytes()
        except OSError:
            return ()
        return _anchors(data)

    def keep(self, make: Callable[[Sequence[AuditAnchor]], AuditAnchor | None]) -> None:
        with self._lock:
            descriptor = self._open()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                anchor = make(_anchors(os.pread(descriptor, 2 * _PLACE, 0)))
                if anchor is not None:
                    os.pwrite(descriptor, to_line(anchor).ljust(_PLACE), anchor.counter % 2 * _PLACE)
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        with self._lock:
            self._forget()

    def _open(self) -> int:
        """The present file of that name; one that was moved away since is closed."""
        if self._descriptor is not None:
            with suppress(OSError):
                if os.path.samestat(self._path.stat(), os.fstat(self._descriptor)):
                    return self._descriptor
            self._forget()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o600)
        return self._descriptor

    def _forget(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _anchors(data: bytes) -> Sequence[AuditAnchor]:
    """Those that can be read, the latest first."""
    found = [read(data[at : at + _PLACE]) for at in (0, _PLACE)]
    return sorted((one for one in found if one is not None), key=lambda one: -one.counter)
