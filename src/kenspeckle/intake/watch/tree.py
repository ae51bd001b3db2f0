"""Access to the drop folder, one path component at a time: no link is followed, also not one that has replaced a folder
meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_A_LINK = (errno.ELOOP, errno.ENOTDIR)


class Tree:
    """Paths are below `root`. Files behind a link count as absent. `root` may be a link itself, if it is one
    from the beginning."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._first = _FOLDER if root.is_symlink() else _FOLDER | os.O_NOFOLLOW

    @contextmanager
    def folder(self, path: Path) -> Iterator[int]:
        """A descriptor of the folder at `path`. Raises OSError, FileNotFoundError where a step is a link."""
        descriptor = _step(self.root, self._first, None)
        try:
            for part in path.relative_to(self.root).parts:
                deeper = _step(part, _FOLDER | os.O_NOFOLLOW, descriptor)
                os.close(descriptor)
                descriptor = deeper
            yield descriptor
        finally:
            os.close(descriptor)

    def stat(self, path: Path) -> os.stat_result:
        """Of what is there, which may be a link itself. Raises OSError."""
        with self.folder(path.parent) as folder:
            return os.stat(path.name, dir_fd=folder, follow_symlinks=False)

    def open(self, path: Path) -> IO[bytes]:
        """Open a file to read, without waiting for a pipe. Raises OSError."""
        with self.folder(path.parent) as folder:
            descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            return os.fdopen(descriptor, "rb")
        except OSError:  # a folder, say; the descriptor is ours still
            os.close(descriptor)
            raise


def _step(name: str | Path, flags: int, folder: int | None) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in _A_LINK:
            raise FileNotFoundError(errno.ENOENT, "It lies behind a link", os.fspath(name)) from error
        raise
