"""Reads an export, plain or with photographs, after its digest was verified."""

from __future__ import annotations

import hashlib
import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import IO, Any

from kenspeckle.errors import InvalidValue
from kenspeckle.usecases.archive.archive_format import FACES, Progress
from kenspeckle.usecases.archive.reader import Archive
from kenspeckle.usecases.transfer import export_format

Line = tuple[int, Mapping[str, Any]]
"""The number of a line, from 1, and its object."""


class ExportFile:
    """An export in a seekable file."""

    def __init__(self, file: IO[bytes]) -> None:
        """Raises InvalidValue where the file is neither lines of JSON nor an archive."""
        self._file = file
        file.seek(0)
        self._archive = None if file.read(1) == b"{" else Archive(file)
        self._start, self._end = 0, file.seek(0, 2)
        self._photographs = _Places()

    def verify(self, progress: Progress) -> export_format.Header:
        """Read all of it once. Raises InvalidValue where it is incomplete, altered, or no export that this program can
        read."""
        if self._archive is not None:
            verified = self._archive.verify(progress)
            if verified.manifest.get("format") != export_format.FORMAT or FACES not in verified.plain:
                raise InvalidValue("This is a backup and no export of a collection; `kenspeckle restore` takes it.")
            member = verified.plain[FACES]
            self._start, self._end = member.offset, member.offset + member.size
            for one in self._archive.members():
                if one.digest is not None:
                    self._photographs.add(one.digest, one.offset, one.size)
            self._photographs.sort()
            progress = _silent
        return self._verify_lines(progress)

    def entries(self) -> Iterator[Line]:
        """All lines between header and end. Meanwhile only photographs may be read from the file."""
        for number, raw in self._raw():
            line = export_format.parse(raw, number)
            if line["kind"] == "end":
                return
            if number > 1:
                yield number, line

    def photograph(self, digest: str) -> bytes | None:
        """The photograph of that digest, None where it is not included."""
        place = self._photographs.find(digest)
        if place is None:
            return None
        data = os.pread(self._file.fileno(), place[1], place[0])
        return data if hashlib.sha256(data).hexdigest() == digest else None

    def _verify_lines(self, progress: Progress) -> export_format.Header:
        found: export_format.Header | None = None
        digest, at = hashlib.sha256(), self._start
        content = _Content()
        for number, raw in self._raw():
            line = export_format.parse(raw, number)
            at += len(raw)
            if found is None:
                found = export_format.header(line)
            elif line["kind"] == "end":
                if line.get("sha256") != digest.hexdigest() or line.get("lines") != number - 1 or at != self._end:
                    raise InvalidValue(
                        "The export is damaged: its lines do not have the SHA-256 that its last one says."
                    )
                if (content.faces, content.users) != (found.faces, found.users):
                    raise InvalidValue("The export does not hold as many faces and users as its header says.")
                return found
            else:
                content.check(line, number, found)
            digest.update(raw)
            progress(at - self._start, self._end - self._start)
        raise InvalidValue("The export is cut off: its last line, which holds its digest, is not there.")

    def _raw(self) -> Iterator[tuple[int, bytes]]:
        self._file.seek(self._start)
        left, number = self._end - self._start, 0
        while left > 0:
            number += 1
            raw = self._file.readline(min(left, export_format.MAX_LINE + 1))
            if len(raw) > export_format.MAX_LINE:
                raise InvalidValue(f"Line {number} is longer than {export_format.MAX_LINE} bytes.")
            if not raw:
                raise InvalidValue("The export became shorter while it was read.")
            left -= len(raw)
            yield number, raw


class _Content:
    """Checks the lines between header and end as they will be stored, so that a bad one is refused before any is
    stored."""

    def __init__(self) -> None:
        self.faces = self.users = 0
        self._last: tuple[str, str | None] | None = None
        self._seen: set[int] = set()

    def check(self, line: Mapping[str, Any], number: int, header: export_format.Header) -> None:
        if line["kind"] == "face":
            self.faces += 1
            self._follows(
                export_format.photograph_of(export_format.face(line, number, header.collection, header.dimension)),
                number,
            )
        elif line["kind"] == "user":
            self.users += 1
            export_format.user(line, number)
        elif line["kind"] == "person":
            export_format.person(line, number)
        else:
            raise InvalidValue(f"Line {number} is of an unknown kind.")

    def _follows(self, photograph: tuple[str, str | None], number: int) -> None:
        """A photograph that is stored accepts no more faces: a face apart from the others of its photograph would be
        lost."""
        if photograph == self._last:
            return
        if hash(photograph) in self._seen:
            raise InvalidValue(f"Line {number}: the faces of one photograph and identity do not follow each other.")
        self._seen.add(hash(photograph))
        self._last = photograph


class _Places:
    """Positions of photographs in the archive: 48 bytes each, however many there are."""

    def __init__(self) -> None:
        self._found: list[tuple[bytes, int, int]] = []
        self._digests = b""
        self._offsets = array("Q")
        self._sizes = array("Q")

    def add(self, digest: str, offset: int, size: int) -> None:
        self._found.append((bytes.fromhex(digest), offset, size))

    def sort(self) -> None:
        self._found.sort()
        self._digests = b"".join(one[0] for one in self._found)
        self._offsets = array("Q", (one[1] for one in self._found))
        self._sizes = array("Q", (one[2] for one in self._found))
        self._found.clear()

    def find(self, digest: str) -> tuple[int, int] | None:
        wanted = bytes.fromhex(digest)
        at = bisect_left(range(len(self._offsets)), wanted, key=lambda one: self._digests[32 * one : 32 * one + 32])
        if at < len(self._offsets) and self._digests[32 * at : 32 * at + 32] == wanted:
            return self._offsets[at], self._sizes[at]
        return None


def _silent(done: int, total: int) -> None:
    """The archive has reported its progress already."""
