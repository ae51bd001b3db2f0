"""Finds the complete photographs, or videos, of a folder, by the file system's events or by scanning.

A file is complete when its writer closed it or renamed it into place, or when its size and time have not changed for a
while. Readers do not rely on that: they compare the file's state before and after (`FileState`).
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_CREATED,
    EVENT_TYPE_MODIFIED,
    EVENT_TYPE_MOVED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from kenspeckle.intake.files import SUFFIXES
from kenspeckle.intake.walk import is_system_folder
from kenspeckle.intake.watch.tree import Tree

EVENTS = (EVENT_TYPE_CLOSED, EVENT_TYPE_CREATED, EVENT_TYPE_MODIFIED, EVENT_TYPE_MOVED)
TEMPORARY = (".", "~")
"""Prefixes of names of hidden or unfinished files."""


@dataclass(frozen=True, slots=True)
class FileState:
    """Identifies the state of a file: whether it is the same file, unchanged."""

    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> FileState:
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


@dataclass(slots=True)
class _Candidate:
    facts: FileState | None
    due: float


class Arrivals(FileSystemEventHandler):
    """Files with these `suffixes` (photographs) in `root` and the folders in it.

    `note` and the events may come from any thread; `scan` and `ready` are one caller's."""

    def __init__(
        self,
        root: Path,
        settle: float,
        *,
        suffixes: frozenset[str] = SUFFIXES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root = root
        self._suffixes = suffixes
        self._tree = Tree(root)
        self._settle = settle
        self._clock = clock
        self._candidates: dict[Path, _Candidate] = {}
        self._links: set[Path] = set()
        self._place = _place(root)
        self._lock = threading.Lock()
        self.come = threading.Event()
        """Set when a file was noted, for a caller that waits."""

    def on_any_event(self, event: FileSystemEvent) -> None:
        """An event of the file system."""
        if event.is_directory or event.event_type not in EVENTS:
            return
        moved = event.event_type == EVENT_TYPE_MOVED
        path = Path(os.fsdecode(event.dest_path if moved else event.src_path))
        if self._is_wanted(path):
            self.note(path, whole=moved or event.event_type == EVENT_TYPE_CLOSED)
        elif path.is_symlink() and path.is_dir():
            with self._lock:
                self._links.add(path)

    def note(self, path: Path, *, whole: bool = False) -> None:
        """A file was seen at this path. Unless it is known to be `whole`, it has to stay unchanged for a while."""
        with self._lock:
            if whole:
                self._candidates[path] = _Candidate(None, 0.0)
            elif path not in self._candidates:
                self._candidates[path] = _Candidate(self._facts(path), self._clock() + self._settle)
        self.come.set()

    def scan(self) -> None:
        """Look through the whole folder. Raises OSError where the folder itself can't be read."""
        self._place = _place(self.root)
        with self._tree.folder(self.root):
            pass
        with self._lock:
            self._links.clear()
        for path in self._walk():
            self.note(path)

    def ready(self) -> Iterator[tuple[Path, FileState]]:
        """Complete files, each once; a file that changes later is returned again."""
        now = self._clock()
        with self._lock:
            due = [(path, one) for path, one in self._candidates.items() if one.due <= now]
        for path, one in due:
            facts = self._facts(path)
            with self._lock:
                if facts is not None and one.due > 0.0 and facts != one.facts:
                    one.facts, one.due = facts, now + self._settle
                    continue
                self._candidates.pop(path, None)
            if facts is not None:
                yield path, facts

    def is_replaced(self) -> bool:
        """Whether something else is in the folder's place than at the last scan; the system tells of that by no
        event."""
        return _place(self.root) != self._place

    @property
    def links(self) -> frozenset[Path]:
        """Links to folders that were found since the last scan began; they are passed over."""
        with self._lock:
            return frozenset(self._links)

    @property
    def waiting(self) -> int:
        """The number of files that were seen and are not complete yet."""
        return len(self._candidates)

    def _facts(self, path: Path) -> FileState | None:
        """None for absent files, for links and files behind links, and for everything else that is no regular file."""
        try:
            found = self._tree.stat(path)
        except OSError:
            return None
        return FileState.of(found) if stat.S_ISREG(found.st_mode) else None

    def _walk(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self.root):  # links to folders are not followed
            folders[:] = sorted(one for one in folders if not _is_passed_over(one))
            links = [found for one in folders if (found := Path(folder, one)).is_symlink()]
            with self._lock:
                self._links.update(links)
            for name in sorted(files):
                if is_taken(name, self._suffixes):
                    yield Path(folder, name)

    def _is_wanted(self, path: Path) -> bool:
        folders = path.relative_to(self.root).parts[:-1]
        return is_taken(path.name, self._suffixes) and not any(map(_is_passed_over, folders))


def _place(root: Path) -> tuple[int, int] | None:
    """Identifies what is at this path, which may be a link; None where nothing is."""
    try:
        found = root.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_passed_over(folder: str) -> bool:
    return folder.startswith(TEMPORARY) or is_system_folder(folder)


def is_taken(name: str, suffixes: frozenset[str]) -> bool:
    """Whether a file of this name is processed."""
    return not name.startswith(TEMPORARY) and Path(name).suffix.lower() in suffixes


def watch_events(arrivals: Arrivals) -> Callable[[], None]:
    """Pass the file system's events of the folder to `arrivals`; returns a function that ends that. Raises OSError
    where the system can watch no more folders."""
    observer = Observer()
    observer.schedule(arrivals, str(arrivals.root), recursive=True)
    observer.start()

    def end() -> None:
        observer.stop()
        observer.join()

    return end
