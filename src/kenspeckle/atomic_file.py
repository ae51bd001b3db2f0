"""Atomic files: written under another name beside the target, synced, renamed."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from kenspeckle.errors import AlreadyExists, Conflict, StorageFull, StorageUnavailable

PARTIAL = ".partial"
"""Ending of the name until a file is complete. The next attempt removes what an interruption has left under it."""

_WRITTEN = "Another process is writing {} now."


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """An empty file, open for reading and writing, 0600, that gets its name when the block ends without an error.

    Raises AlreadyExists where the name is taken, Conflict where another process is writing it, StorageFull,
    StorageUnavailable."""
    partial = path.with_name(path.name + PARTIAL)
    with disk_errors(path):
        _free(path)
        # Never an existing file: another user may have created it and could read what is written.
        with suppress(FileNotFoundError), _alone(partial):
            partial.unlink()
        try:
            descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise Conflict(_WRITTEN.format(partial)) from error
        with os.fdopen(descriptor, "r+b") as file:
            _lock(descriptor, partial)
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                _free(path)
                partial.replace(path)
            except BaseException:
                with suppress(OSError):
                    partial.unlink()
                raise
        sync_folder(path.parent)


def sweep(folder: Path, pattern: str) -> None:
    """Remove what interruptions have left of files with such names, and files beside them; nothing that is being
    written now."""
    for partial in folder.glob(pattern + PARTIAL):
        with suppress(OSError, Conflict), _alone(partial):
            for beside in folder.glob(f"{glob.escape(partial.name)}.*"):
                beside.unlink()
            partial.unlink()


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """What an interruption has left, locked for this process. Raises Conflict where another process is writing it."""
    descriptor = os.open(partial, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _lock(descriptor, partial)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, partial: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.path.samestat(os.fstat(descriptor), partial.lstat())
    except OSError as error:
        raise Conflict(_WRITTEN.format(partial)) from error
    if not same:  # since it was opened it got its final name, or was replaced by another process's file
        raise Conflict(_WRITTEN.format(partial))


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace the file's content in one step, with these permissions, on disk when it returns. Raises StorageFull,
    StorageUnavailable.

    What an interruption leaves beside it is overwritten by the next call; two at once wait for each other."""
    with replacing(path) as replace:
        replace(data, mode)


@contextmanager
def replacing(path: Path) -> Iterator[Callable[[bytes, int], None]]:
    """A function that replaces the file's content as `replace_file` does. For the length of the block everybody else
    who replaces a file of this folder waits, in other processes too: so what was read in the block still holds. Raises
    as `replace_file`."""
    beside = path.with_name(path.name + ".new")
    with disk_errors(path), _folder(path.parent) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)

        def replace(data: bytes, mode: int) -> None:
            beside.unlink(missing_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(descriptor, mode)
                os.fsync(file.fileno())
            beside.replace(path)
            os.fsync(folder)

        yield replace


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns errors of the file system into domain errors; `path` is what is read or written."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StorageFull(f"There is no disk space for {path}; free some and run this again.") from error
        raise StorageUnavailable(f"{path} can't be read or written: {error.strerror}.") from error


def is_full(error: OSError) -> bool:
    """Whether space ran out: on the disk, in the owner's quota, or for so large a file."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that the names in it are on disk."""
    with _folder(folder) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise AlreadyExists(f"{path} exists; choose another name, or move it away first.")
