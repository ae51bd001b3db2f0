"""Photographs in a folder: staged, synced, moved into place; `recover` completes or removes what a crash has left.

A photograph that is staged has its bytes and its name on disk. Moving it into its place isn't synced: if the power
fails before that is on disk, it is still staged, and `recover` moves it again.
"""

from __future__ import annotations

import fcntl
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kenspeckle.atomic_file import is_full, sync_folder
from kenspeckle.errors import ImageNotFound, StorageFull, StorageUnavailable
from kenspeckle.images import digests
from kenspeckle.ports.images import Lock

PRESENCE = ".presence"
"""File on which every process that uses the folder holds a shared lock."""


class FolderImages:
    """`ports.Images` in a folder, which is made when the first photograph comes. Files are 0600, folders 0700."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._staging = root / "staged"
        self._presence: int | None = None
        self._lock = threading.Lock()
        self._under_way: set[Path] = set()

    def stage(self, digest: str, data: bytes) -> _Staged:
        path = self._staging / digests.make_staged_name(digest)
        staged = _Staged(path, self.root / digests.place(digest), self._under_way)
        with _disk_errors():
            _make(self._staging, sync=True)
            self._presence_lock()
            # Created now, so that a full disk is noticed before the catalog commits.
            _make(staged.target.parent, sync=False)
            self._under_way.add(path)
            try:
                if not _link(staged, digest):
                    write(staged.path, data)
                sync_folder(self._staging)
            except OSError:
                staged.discard()
                raise
        return staged

    def put(self, digest: str, data: bytes) -> None:
        self.stage(digest, data).publish()

    def get(self, digest: str) -> bytes:
        with _disk_errors():
            try:
                data = (self.root / digests.place(digest)).read_bytes()
            except FileNotFoundError as error:
                raise ImageNotFound("The photograph is not stored.") from error
        if not digests.matches(digest, data):
            raise StorageUnavailable(digests.DAMAGED.format(digest))
        return data

    def delete(self, wanted: Iterable[str]) -> None:
        wanted = [one for one in wanted if digests.is_digest(one)]
        with _disk_errors():
            folders = set()
            for digest in wanted:
                path = self.root / digests.place(digest)
                with suppress(FileNotFoundError):
                    path.unlink()
                    folders.add(path.parent)
            for folder in folders:
                sync_folder(folder)
            self._delete_staged(set(wanted))

    def _delete_staged(self, wanted: set[str]) -> None:
        """Remove staged files that a failed publication has left of these photographs, but none that are in use."""
        try:
            names = [entry.name for entry in os.scandir(self._staging)]
        except FileNotFoundError:
            return
        left = [path for name in names if digests.of_staged(name) in wanted and (path := self._staging / name)]
        left = [path for path in left if path not in self._under_way]
        if not left:
            return
        old = time.time() - (0 if self._is_alone() else digests.OLD_SECONDS)
        for path in left:
            with suppress(FileNotFoundError):
                if path.stat().st_mtime <= old:
                    path.unlink()
        sync_folder(self._staging)

    def recover(self, referenced: Callable[[Iterable[str]], set[str]], lock: Lock, *, alone: bool = False) -> None:
        with _disk_errors():
            try:
                names = sorted(entry.name for entry in os.scandir(self._staging))
            except FileNotFoundError:
                return
            old = math.inf if alone else time.time() - (0 if self._is_alone() else digests.OLD_SECONDS)
            for name in names:
                if digest := digests.of_staged(name):
                    with lock([digest]), suppress(FileNotFoundError):
                        self._mend(digest, self._staging / name, wanted=bool(referenced([digest])), old=old)

    def _mend(self, digest: str, path: Path, *, wanted: bool, old: float) -> None:
        target = self.root / digests.place(digest)
        if wanted and not target.exists() and digests.matches(digest, path.read_bytes()):
            _Staged(path, target, self._under_way).publish()
            return
        if path in self._under_way:  # a request of this process may be about to store it
            old = min(old, time.time() - digests.OLD_SECONDS)
        if path.stat().st_mtime <= old:
            path.unlink()

    def _is_alone(self) -> bool:
        """Whether no other process works on this folder; False too where its file system can't tell."""
        presence = self._presence_lock()
        # flock lets go of a lock before it takes one of another kind, and does not take it back where that fails. So
        # one process at a time looks, and shows itself again before the next one does.
        with self._lock:
            folder = os.open(self._staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                try:
                    fcntl.flock(presence, fcntl.LOCK_EX | fcntl.LOCK_NB)
                finally:
                    fcntl.flock(presence, fcntl.LOCK_SH)
            except OSError:
                return False
            finally:
                os.close(folder)
        return True

    def _presence_lock(self) -> int:
        """A shared lock that shows this process to others, as long as it lives."""
        with self._lock:
            if self._presence is None:
                self._presence = os.open(self._staging / PRESENCE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._presence, fcntl.LOCK_SH)
            return self._presence


@dataclass(frozen=True, slots=True)
class _Staged:
    """`ports.Staged`: bytes at `path` that belong at `target`."""

    path: Path
    target: Path
    under_way: set[Path]
    """All photographs that this process has staged and not yet published or discarded."""

    def publish(self) -> None:
        try:
            with _disk_errors():
                _make(self.target.parent, sync=False)
                self._move()
        finally:
            self.under_way.discard(self.path)

    def _move(self) -> None:
        try:
            self.path.replace(self.target)
            # If both are links to one file, renaming has no effect.
            self.path.unlink(missing_ok=True)
        except FileNotFoundError:
            # `recover` of another process that has just started may have done it already.
            if not self.target.exists():
                raise

    def discard(self) -> None:
        self.under_way.discard(self.path)
        # If it can't be removed now, `recover` removes it.
        with suppress(OSError):
            self.path.unlink()


def _link(staged: _Staged, digest: str) -> bool:
    """If the photograph is in its place already, intact, link it as staged too, so that it stays if the first name is
    deleted meanwhile."""
    try:
        if not digests.matches(digest, staged.target.read_bytes()):
            return False
        os.link(staged.target, staged.path)
        os.utime(staged.path)
    except OSError:
        # Not there, or the file system has no links: the bytes are written.
        staged.path.unlink(missing_ok=True)
        return False
    return True


def write(path: Path, data: bytes) -> None:
    """A new file with these bytes, 0600, on disk but for its name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(folder: Path, *, sync: bool) -> None:
    """Make a folder and those above it, each private."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make(folder.parent, sync=sync)
        folder.mkdir(mode=0o700, exist_ok=True)
    if sync:
        sync_folder(folder.parent)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StorageFull(
                "The disk of the photographs is full: nothing was stored. Free disk space and ask again."
            ) from error
        raise StorageUnavailable(
            "The folder of the photographs can't be read or written; check its path, owner, modes and disk."
        ) from error
