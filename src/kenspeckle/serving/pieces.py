"""Holds the pieces of a body while it comes."""

from __future__ import annotations

import mmap
from typing import Final

SMALL: Final = 16 * 1024
"""Bytes up to which they are kept as they came."""
BLOCK: Final = 1024 * 1024
"""Bytes that are mapped at once; the system gives memory to those that are written to."""


class Pieces:
    """Beyond SMALL bytes they lie in memory that is mapped for this body, and unmapped with it.

    The C library would keep it: pieces of hundreds of slow bodies lie between one another, and what one leaves is too
    small for the next; ten minutes of them took 80 MiB that nothing used."""

    def __init__(self) -> None:
        self._loose: list[bytes] = []
        self._blocks: list[mmap.mmap] = []
        self._room = 0
        self.size = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self._loose.append(data)
        if self.size > SMALL:
            for piece in self._loose:
                self._store(memoryview(piece))
            self._loose.clear()

    def join(self) -> bytes:
        """All bytes, once; nothing is held afterwards."""
        if not self._blocks:
            return self._loose[0] if len(self._loose) == 1 else b"".join(self._loose)
        views = [memoryview(block) for block in self._blocks]
        views[-1] = views[-1][: BLOCK - self._room]
        joined = b"".join(views)
        for view in views:
            view.release()
        self.close()
        return joined

    def close(self) -> None:
        """Hold nothing any more; a second call has no effect."""
        self._loose.clear()
        while self._blocks:
            self._blocks.pop().close()

    def _store(self, piece: memoryview) -> None:
        while piece:
            if not self._room:
                self._blocks.append(mmap.mmap(-1, BLOCK))
                self._room = BLOCK
            part = piece[: self._room]
            self._blocks[-1].write(part)
            self._room -= len(part)
            piece = piece[len(part) :]
