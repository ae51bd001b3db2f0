"""Digests of large files that were read before: each start and many commands check the networks' files."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

LARGE = 1_000_000
"""Bytes. A smaller file is read each time, so that it may be changed within the clock's resolution."""


def version(file: Path) -> tuple[int, int, int, int]:
    """Other numbers for a file that was changed or replaced."""
    now = file.stat()
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns


def digest(file: Path) -> str:
    """As `kenspeckle.models.download.digest`."""
    return _known(file, version(file)) if file.stat().st_size >= LARGE else _read(file)


@cache
def _known(file: Path, version: tuple[int, int, int, int]) -> str:
    return _read(file)


def _read(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
