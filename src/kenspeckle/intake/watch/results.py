"""Writes the result beside a photograph, `<name>.json`, atomically; and the picture with its boxes."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from kenspeckle.client.errors import CommandFailed
from kenspeckle.intake.watch.tree import Tree

LONGEST = 255
"""Bytes of a file name."""
MOST_BYTES = 32 * 1024 * 1024

_OF_ONE_PLACE = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENOTEMPTY,
        errno.EPERM,
    }
)
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})
"""Errors of some network shares for fsync of a folder."""


class ResultBlocked(CommandFailed):
    """One result can't be written: a folder has its name, or its own folder was removed or is not writable."""


def place(photograph: Path) -> Path:
    """The path of a photograph's result."""
    return name_after(photograph, ".json")


def name_after(photograph: Path, ending: str) -> Path:
    """The photograph's name and one more ending. If that is too long, the end of the name is replaced by a digest."""
    name = os.fsencode(photograph.name)
    if len(name) + len(ending) > LONGEST:
        digest = hashlib.sha256(name).hexdigest()[:8]
        name = name[: LONGEST - len(digest) - len(ending) - 1] + f"-{digest}".encode()
    return photograph.with_name(os.fsdecode(name) + ending)


def write(tree: Tree, photograph: Path, result: dict[str, Any]) -> None:
    """Put the result beside its photograph, on disk with its name. A link that somebody put in its place is replaced,
    never followed. Raises ResultBlocked, CommandFailed."""
    text = orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    target = place(photograph)
    with _translate_errors(target), tree.folder(target.parent) as folder:
        beside = _beside(target)
        with suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=folder)
        try:
            descriptor = os.open(
                beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
            )
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target.name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with suppress(OSError):
                os.unlink(beside, dir_fd=folder)
            raise
        _sync(folder)


def whole(target: Path, fill: Callable[[Path], None]) -> None:
    """Write a picture atomically: `fill` writes it under a hidden name, and then it is renamed. A link that
    somebody put in its place is replaced, never followed. Raises ResultBlocked, CommandFailed."""
    beside = target.with_name(_beside(target))
    with _translate_errors(target):
        try:
            with suppress(FileNotFoundError):
                beside.unlink()
            fill(beside)
            beside.replace(target)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise


@contextmanager
def _translate_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = ResultBlocked if error.errno in _OF_ONE_PLACE else CommandFailed
        raise kind(
            f"{target} can't be written: {error.strerror}.",
            "Results go beside the photographs; free space for them.",
        ) from error


def _beside(target: Path) -> str:
    """The hidden name until the file is complete."""
    return f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}{target.suffix}"


def read(tree: Tree, photograph: Path) -> dict[str, Any] | None:
    """An existing result; None for files of other programs."""
    try:
        with tree.open(place(photograph)) as file:
            found = orjson.loads(file.read(MOST_BYTES))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _sync(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
