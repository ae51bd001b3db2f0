"""Photographs of a catalog that a restore replaces: kept under second names, then removed from the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from kenspeckle.images import digests
from kenspeckle.images.folder import write

SWEPT = 500
"""Digests of one query."""


class PhotographFolder:
    """The published photographs of a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, aside: Path) -> int:
        """Give every photograph a second name in the folder `aside`, which takes no disk space, or a copy where that
        lies on another file system; how many there are. Raises OSError."""
        count = 0
        for digest in self.list_stored():
            target = aside / digests.place(digest)
            for folder in (aside, target.parent.parent, target.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            _keep(self._root / digests.place(digest), target)
            count += 1
        return count

    def sweep(self, referenced: Callable[[Iterable[str]], set[str]]) -> int:
        """Remove those that the catalog does not refer to; returns their number."""
        gone = 0
        stored = self.list_stored()
        while some := list(islice(stored, SWEPT)):
            for digest in set(some) - referenced(some):
                (self._root / digests.place(digest)).unlink(missing_ok=True)
                gone += 1
        return gone

    def list_stored(self) -> Iterator[str]:
        """Digests of all of them, in order."""
        for outer in _folders(self._root):
            for inner in _folders(outer):
                for name in sorted(entry.name for entry in os.scandir(inner)):
                    if digests.is_digest(name) and digests.place(name) == f"{outer.name}/{inner.name}/{name}":
                        yield name


def _keep(place: Path, target: Path) -> None:
    try:
        os.link(place, target)
    except FileExistsError:
        return
    except OSError:  # another file system, or one without links
        write(target, place.read_bytes())


def _folders(folder: Path) -> list[Path]:
    """Folders whose names are two characters long."""
    if not folder.is_dir():
        return []
    return sorted(
        folder / entry.name
        for entry in os.scandir(folder)
        if len(entry.name) == 2 and entry.is_dir(follow_symlinks=False)
    )
