"""Writes an archive, member by member, in one pass and in place."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from kenspeckle.usecases.archive.archive_format import BLOCK, END, MANIFEST, SUMS, chunks, header, line, seal


class Writer:
    """Writes an archive into a seekable file that is open for reading and writing and empty. `moment` is the
    modification time of all members, in whole seconds. The list of digests grows in a nameless file in `scratch`."""

    def __init__(self, file: IO[bytes], moment: int, scratch: Path) -> None:
        self._file = file
        self._moment = moment
        self._sums = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - closed by `finish` and `close`
        self._members = 0

    def close(self) -> None:
        self._sums.close()

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> str:
        """A member of a known size; returns its SHA-256. Raises ValueError where the chunks are not of that size."""
        self._file.write(header(name, size, self._moment))
        digest, written = hashlib.sha256(), 0
        for chunk in chunks:
            self._file.write(chunk)
            digest.update(chunk)
            written += len(chunk)
        if written != size:
            raise ValueError(f"{name} has {written} bytes, not {size} as was said.")
        self._file.write(bytes(-size % BLOCK))
        self._list(name, digest.hexdigest())
        return digest.hexdigest()

    @contextmanager
    def growing(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """A member that is written piece by piece; its header is filled in at the end."""
        start = self._file.tell()
        self._file.write(header(name, 0, self._moment))
        digest, written = hashlib.sha256(), 0

        def write(data: bytes) -> None:
            nonlocal written
            self._file.write(data)
            digest.update(data)
            written += len(data)

        yield write
        self._file.write(bytes(-written % BLOCK))
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(header(name, written, self._moment))
        self._file.seek(end)
        self._list(name, digest.hexdigest())

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Lists the digests and seals the archive with `facts`."""
        size = self._sums.tell()
        self._sums.seek(0)
        members = self._members
        sums = self.add(SUMS, size, chunks(self._sums, size))
        self._sums.close()
        manifest = seal({**facts, "members": members, "sums_sha256": sums})
        self._file.write(header(MANIFEST, len(manifest), self._moment))
        self._file.write(manifest + bytes(-len(manifest) % BLOCK) + END)

    def _list(self, name: str, digest: str) -> None:
        if name != SUMS:
            self._sums.write(line(name, digest))
            self._members += 1
