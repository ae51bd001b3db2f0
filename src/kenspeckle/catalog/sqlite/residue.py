"""Removes copies of rows that SQLite leaves behind: when it balances pages, cells move and their old bytes stay in
unallocated space.

`secure_delete` overwrites what is deleted, but not the copy of a row that lay on another page before it was moved; when
the row is deleted later, that copy is no longer tracked. So the unallocated space of every page is set to zero in the
file itself, at a moment when there is no writer and the write-ahead log is empty. SQLite never reads that space.
(https://www.sqlite.org/fileformat2.html#b_tree_pages has the layout.)
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Sequence
from pathlib import Path

CHUNK_PAGES = 512

_FILE_HEAD = 100
_TREE_HEADS = {2: 12, 5: 12, 10: 8, 13: 8}
"""Bytes of a page's own header by its kind: interior pages and leaves of the two sorts of trees."""
_CELLS = struct.Struct(">HH")
"""Number of cells, and where their content begins."""
_MOST_PAGES = 1 << 25
"""Overflow pages and those of the list of free pages begin with the number of another page, whose first byte is no kind
of a tree's page (2, 5, 10, 13) below this number: 275 GB of 8 KiB pages. In a larger file one could be taken for the
other."""

_descriptors: dict[tuple[int, int], int] = {}
"""Of database files, by device and inode, and kept open as long as the process lives: closing any descriptor of a file
drops all locks that the process has on it (POSIX), those of SQLite too."""
_lock = threading.Lock()


def tells(path: Path, page_bytes: int) -> bool:
    """Whether pages of trees are told from others in a file of this size, so that `suspects` misses none."""
    return os.fstat(_descriptor(path)).st_size // page_bytes < _MOST_PAGES


def suspects(path: Path, page_bytes: int, among: Sequence[int] | None = None) -> list[int]:
    """Pages, from 0, with bytes in their unallocated space: of all pages, or `among` some. Takes no lock."""
    file = _descriptor(path)
    count = os.fstat(file).st_size // page_bytes
    found: list[int] = []
    if count >= _MOST_PAGES:
        return found
    if among is not None:
        buffer = bytearray(page_bytes)
        for page in among:
            if os.preadv(file, [buffer], page * page_bytes) == page_bytes:
                found += _dirty(buffer, page, page_bytes)
        return found
    buffer = bytearray(CHUNK_PAGES * page_bytes)
    for first in range(0, count, CHUNK_PAGES):
        size = os.preadv(file, [buffer], first * page_bytes)
        found += _dirty(memoryview(buffer)[: size // page_bytes * page_bytes], first, page_bytes)
    return found


def _dirty(pages: bytearray | memoryview, first: int, page_bytes: int) -> list[int]:
    """Those of the pages in memory, of which `first` is the number of the first."""
    view = memoryview(pages)
    found = []
    for page, at in enumerate(range(0, len(pages), page_bytes), first):
        begin, end = _gap(view, at, page, page_bytes)
        gap = bytes(view[begin:end])
        if gap.count(0) != len(gap):
            found.append(page)
    return found


def wipe(path: Path, page_bytes: int, pages: Sequence[int]) -> None:
    """Set the unallocated space of these pages to zero, on disk when this returns. The caller holds SQLite's lock for
    writing, and the write-ahead log is empty."""
    file = _descriptor(path)
    buffer = bytearray(page_bytes)
    for page in pages:
        if os.preadv(file, [buffer], page * page_bytes) != page_bytes:
            continue
        begin, end = _gap(buffer, 0, page, page_bytes)
        if end > begin:
            os.pwrite(file, bytes(end - begin), page * page_bytes + begin)
    os.fsync(file)


def wipe_all(path: Path, page_bytes: int) -> None:
    """As `wipe`, for all pages of a database that no process has open."""
    wipe(path, page_bytes, suspects(path, page_bytes))
    found = path.stat()
    with _lock:
        os.close(_descriptors.pop((found.st_dev, found.st_ino)))


def _gap(pages: bytearray | memoryview, at: int, page: int, page_bytes: int) -> tuple[int, int]:
    """Where in `pages` the unallocated space of the page that lies at `at` begins and ends; equal where there is none,
    or it is no page of a tree. `page` is its number: page 0 begins with the file's header."""
    head = at if page else at + _FILE_HEAD
    size = _TREE_HEADS.get(pages[head])
    if size is None:
        return at, at
    cells, end = _CELLS.unpack_from(pages, head + 3)
    begin = head + size + 2 * cells
    return (begin, at + end) if begin < at + end <= at + page_bytes else (at, at)


def _descriptor(path: Path) -> int:
    found = path.stat()
    with _lock:
        known = _descriptors.get((found.st_dev, found.st_ino))
        if known is None:
            known = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            _descriptors[found.st_dev, found.st_ino] = known
        return known
