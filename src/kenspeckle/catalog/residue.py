"""Copies that SQLite forgets: where it balances pages, cells move and their old bytes stay in unallocated space.

`secure_delete` overwrites what is deleted, but not the copy of a row that lay on another page before it was moved;
when the row is deleted later, that copy is nobody's. So the unallocated space of every page is set to zero in the file
itself, at a moment when nobody writes and the write-ahead log is empty. SQLite never reads that space.
(https://www.sqlite.org/fileformat2.html#b_tree_pages has the layout.)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

CHUNK_PAGES = 512

_LEAVES = (10, 13)
_INTERIORS = (2, 5)
_MOST_PAGES = 1 << 24
"""In a larger file the first byte of an overflow page could be mistaken for the kind of a page."""

_descriptors: dict[tuple[int, int], int] = {}
"""Of database files, by device and inode, and kept open as long as the process lives: closing any descriptor of a file
drops all locks that the process has on it (POSIX), those of SQLite too."""
_lock = threading.Lock()


def suspects(path: Path, page_bytes: int, among: Sequence[int] | None = None) -> list[int]:
    """Pages, from 0, with something in their unallocated space: of all pages, or `among` some. Waits for nobody."""
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


def _dirty(buffer: bytearray | memoryview, first: int, page_bytes: int) -> list[int]:
    """Those of the pages in the buffer, of which `first` is the number of the first."""
    pages = np.frombuffer(buffer, np.uint8).reshape(-1, page_bytes)
    begins, ends = _gaps(pages, first)
    view = memoryview(buffer)
    found = []
    for page in np.flatnonzero(ends > begins).tolist():
        at = page * page_bytes
        gap = bytes(view[at + begins[page] : at + ends[page]])
        if gap.count(0) != len(gap):
            found.append(first + page)
    return found


def wipe(path: Path, page_bytes: int, pages: Sequence[int]) -> None:
    """Set the unallocated space of these pages to zero, on disk when this returns. The caller holds SQLite's lock for
    writing, and the write-ahead log is empty."""
    file = _descriptor(path)
    buffer = bytearray(page_bytes)
    for page in pages:
        if os.preadv(file, [buffer], page * page_bytes) != page_bytes:
            continue
        begins, ends = _gaps(np.frombuffer(buffer, np.uint8).reshape(1, page_bytes), page)
        begin, end = int(begins[0]), int(ends[0])
        if end > begin:
            os.pwrite(file, bytes(end - begin), page * page_bytes + begin)
    os.fsync(file)


def wipe_all(path: Path, page_bytes: int) -> None:
    """As `wipe`, all pages of a database that nobody has open."""
    wipe(path, page_bytes, suspects(path, page_bytes))
    found = path.stat()
    with _lock:
        os.close(_descriptors.pop((found.st_dev, found.st_ino)))


def _gaps(pages: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the unallocated space of each page begins and ends, (n,) and (n,); not after its begin where there is none
    or it is no page of a tree. `first` is the number of the first page, and page 0 begins with the file's header."""
    heads = pages[:, :12].astype(np.int64)
    if first == 0:
        heads[0] = pages[0, 100:112]
    kinds = heads[:, 0]
    cells = heads[:, 3] << 8 | heads[:, 4]
    ends = heads[:, 5] << 8 | heads[:, 6]
    begins = np.where(np.isin(kinds, _LEAVES), 8, 12) + 2 * cells
    if first == 0:
        begins[0] += 100
    sound = np.isin(kinds, _LEAVES + _INTERIORS) & (ends <= pages.shape[1])
    return begins, np.where(sound, ends, 0)


def _descriptor(path: Path) -> int:
    found = path.stat()
    with _lock:
        known = _descriptors.get((found.st_dev, found.st_ino))
        if known is None:
            known = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            _descriptors[found.st_dev, found.st_ino] = known
        return known
