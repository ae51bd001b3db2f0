"""Walks folders of photographs entry by entry: memory does not grow with the number of files, folders or levels.

A folder is read in slices of SLICE entries. Each slice is in order, files before folders; so a folder of fewer entries
is walked in order as a whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

SLICE = 10_000

_SYSTEM_FOLDERS = frozenset(
    {"@eadir", "@tmp", "@recycle", "@recently-snapshot", "@transcode", "@sharebin", "@__thumb", "#recycle", "#snapshot"}
    | {"~snapshot", "$recycle.bin", "recycler", "recycled", "system volume information", "lost+found", "__macosx"}
    | {"network trash folder", "temporary items", "thevolumesettingsfolder"}
)
_FOUND = re.compile(r"found\.\d{3}")


def is_system_folder(name: str) -> bool:
    """Whether a NAS or a file system keeps thumbnails, deleted files, snapshots or saved pieces of damage there."""
    plain = name.casefold()
    return plain in _SYSTEM_FOLDERS or _FOUND.fullmatch(plain) is not None


def is_passed_over(name: str) -> bool:
    """Whether a folder of this name is not entered."""
    return name.startswith(".") or is_system_folder(name)


class Walk:
    """The files below a folder, those of hidden folders and of systems left out. Links to folders are followed; each
    folder is walked once. `system` is called for a folder of a system, `failed` with what can't be read and why.
    Folders in `done`, as absolute paths, were walked before."""

    def __init__(
        self,
        root: Path,
        system: Callable[[], None],
        failed: Callable[[Path, str], None],
        done: frozenset[str] = frozenset(),
    ) -> None:
        self._root = root
        self._system = system
        self._failed = failed
        self._done = done
        self._real = os.path.realpath(root)
        self._linked: set[tuple[int, int]] = set()
        """Folders that were entered by way of a link; those below the root itself need no memory."""

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        facts = self._root.stat()
        self._linked.add((facts.st_dev, facts.st_ino))
        yield from self._folder(os.fspath(self._root), by_link=False)

    def _folder(self, folder: str, *, by_link: bool) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                while some := sorted(islice(entries, SLICE), key=lambda entry: entry.name):
                    folders = []
                    for entry in some:
                        if _is_folder(entry):
                            folders.append(entry)
                        else:
                            yield entry
                    for entry in folders:
                        if self._is_entered(entry, by_link=by_link):
                            yield from self._folder(entry.path, by_link=by_link or entry.is_symlink())
        except OSError as error:
            self._failed(Path(folder), error.strerror or "can't be read")

    def _is_entered(self, entry: os.DirEntry[str], *, by_link: bool) -> bool:
        if is_system_folder(entry.name):
            self._system()
            return False
        if entry.name.startswith(".") or os.path.abspath(entry.path) in self._done:  # noqa: PTH100 - links keep names
            return False
        if not by_link and not entry.is_symlink():
            return True
        if entry.is_symlink() and _is_walked(os.path.realpath(entry.path), self._real):
            return False  # it is walked under its own name
        facts = os.stat(entry.path)  # noqa: PTH116 - an entry's own one may not tell the inode of a link's target
        place = facts.st_dev, facts.st_ino
        new = place not in self._linked
        self._linked.add(place)
        return new


def is_found_below(file: Path, root: Path) -> bool:
    """Whether the walk of a folder comes by this file; both absolute."""
    try:
        parts = file.relative_to(root).parts
    except ValueError:
        return False
    return not any(map(is_passed_over, parts[:-1])) and not parts[-1].startswith(".")


def _is_walked(folder: str, root: str) -> bool:
    """Whether the walk of the root enters this folder; both without links."""
    if folder == root:
        return True
    return is_found_below(Path(folder, "any"), Path(root))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
