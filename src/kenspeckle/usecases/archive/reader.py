"""Reads an archive without trusting it: every byte is verified before any is used."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final

from kenspeckle.domain import encrypted_photograph
from kenspeckle.errors import InvalidValue
from kenspeckle.usecases.archive.archive_format import (
    BLOCK,
    END,
    MANIFEST,
    SUMS,
    Member,
    Progress,
    chunks,
    line,
    parse,
    unseal,
)

MAX_MANIFEST: Final = 1 << 20
MAX_PHOTOGRAPH: Final = 1 << 30
"""Bytes; the most that MAX_IMAGE_BYTES can allow."""


@dataclass(frozen=True, slots=True)
class Verified:
    """An archive whose every byte was verified. `plain` are members that are no photographs,
    `digests` their SHA-256, but for the list and the manifest."""

    manifest: Mapping[str, Any]
    plain: Mapping[str, Member]
    digests: Mapping[str, str]
    photographs: int


@dataclass(slots=True)
class _Seen:
    plain: dict[str, Member] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    photographs: int = 0
    sums: str = ""
    differs: str = ""


class Archive:
    """Reads an archive from a seekable file; holds no more than a chunk of it in memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._size = file.seek(0, 2)

    def members(self) -> Iterator[Member]:
        """All members in order. Raises InvalidValue where the archive is cut off, or was not made here."""
        at, last = 0, ""
        if self._size < BLOCK:
            raise InvalidValue("This is no archive of Kenspeckle, or it is cut off at its beginning.")
        while True:
            header = self._read(at, BLOCK, last)
            if not any(header):
                break
            name, size = parse(header, at, last)
            member = Member(name, at + BLOCK, size)
            if member.end > self._size:
                raise InvalidValue(f"The archive is cut off in its member '{name}'.")
            yield member
            at, last = member.end, name
        if self._size - at != len(END) or self._read(at, len(END), last) != END:
            raise InvalidValue(f"The archive does not end as it should, after its member '{last}'.")

    def chunks(self, member: Member) -> Iterator[bytes]:
        """The bytes of a member, in order."""
        self._file.seek(member.offset)
        return chunks(self._file, member.size)

    def content(self, member: Member) -> bytes:
        """All bytes of a member that is small enough: a photograph, a key."""
        return self._read(member.offset, member.size, member.name)

    def verify(self, progress: Progress) -> Verified:
        """Reads all of it and compares every digest. Raises InvalidValue naming the member that differs."""
        seen = _Seen()
        manifest: dict[str, Any] | None = None
        with tempfile.TemporaryFile() as lines:
            for member in self.members():
                if manifest is not None or member.name in seen.plain:
                    raise InvalidValue(f"The archive has a member '{member.name}' where none may be.")
                if member.name == MANIFEST:
                    manifest = self._manifest(member)
                elif member.name == SUMS:
                    lines.seek(0)
                    self._compare(member, lines, seen)
                else:
                    digest = self._digest(member)
                    lines.write(line(member.name, digest))
                    if member.digest is None:
                        seen.digests[member.name] = digest
                self._padding(member)
                if member.digest is None:
                    seen.plain[member.name] = member
                else:
                    seen.photographs += 1
                progress(member.end, self._size)
        if manifest is None:
            raise InvalidValue("The archive is cut off: its manifest, which is written last, is not there.")
        if seen.sums != manifest.get("sums_sha256"):
            raise InvalidValue(f"The archive is damaged in its member '{SUMS}': SHA-256 differs.")
        if seen.differs:
            raise InvalidValue(f"The archive is damaged in its member '{seen.differs}': SHA-256 differs.")
        return Verified(manifest, seen.plain, seen.digests, seen.photographs)

    def _digest(self, member: Member) -> str:
        if member.digest is not None and member.size > MAX_PHOTOGRAPH:
            raise InvalidValue(f"The archive's member '{member.name}' is larger than any photograph.")
        digest = hashlib.sha256()
        for chunk in self.chunks(member):
            digest.update(chunk)
        if member.digest is not None and digest.hexdigest() != member.digest and not self._is_encrypted(member):
            raise InvalidValue(f"The archive is damaged in its member '{member.name}': SHA-256 differs.")
        return digest.hexdigest()

    def _is_encrypted(self, member: Member) -> bool:
        """Whether a photograph is encrypted, and intact."""
        data = self.content(member)
        return encrypted_photograph.is_packed(data) and encrypted_photograph.whole(member.digest or "", data)

    def _compare(self, member: Member, lines: IO[bytes], seen: _Seen) -> None:
        """Compare the list of digests with the members; record its own digest and the first difference."""
        digest = hashlib.sha256()
        self._file.seek(member.offset)
        left = member.size
        while left > 0:
            listed = self._file.readline(min(left, BLOCK))
            if not listed:
                raise InvalidValue(f"The archive is cut off in its member '{SUMS}'.")
            left -= len(listed)
            digest.update(listed)
            there = lines.readline()
            if there != listed and not seen.differs:
                seen.differs = _name_of(there) or _name_of(listed) or SUMS
        if (rest := lines.readline()) and not seen.differs:
            seen.differs = _name_of(rest)
        seen.sums = digest.hexdigest()

    def _manifest(self, member: Member) -> dict[str, Any]:
        if member.size > MAX_MANIFEST:
            raise InvalidValue(f"The archive's member '{MANIFEST}' is too large to be one.")
        return unseal(self.content(member), f"The archive is damaged in its member '{MANIFEST}'")

    def _padding(self, member: Member) -> None:
        start = member.offset + member.size
        if any(self._read(start, member.end - start, member.name)):
            raise InvalidValue(f"The archive is damaged after its member '{member.name}': its padding isn't zero.")

    def _read(self, at: int, size: int, after: str) -> bytes:
        if at + size > self._size or size < 0:
            raise InvalidValue(f"The archive is cut off after its member '{after}'.")
        self._file.seek(at)
        return self._file.read(size)


def _name_of(line: bytes) -> str:
    return line[66:].decode("ascii", "replace").strip()
