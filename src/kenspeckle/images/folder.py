"""Photographs in a folder: each under the digest of its content, on disk before it counts, never half written."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kenspeckle.errors import ImageNotFound, StorageFull, StorageUnavailable

INCOMING = "incoming"
"""Sub-folder of photographs that are staged: written, synced and not yet in their place."""

STALE_SECONDS = 3600.0
"""A staged photograph of this age belongs to nobody: its process was killed. Another process may be writing younger ones."""

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Folder:
    """Implements `ports.Images` under one folder, sharded by the first two bytes of the digest."""

    def __init__(self, root: Path) -> None:
        """Raises StorageUnavailable where the folder can't be made."""
        self._root = root
        self._incoming = root / INCOMING
        with _disk_errors():
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)

    def stage(self, digest: str, data: bytes) -> StagedFile:
        """Write and sync beside the place. What lies in its place already is not written again."""
        place = self._place(digest)
        with _disk_errors():
            if place.exists():
                return StagedFile(None, place)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            staged = self._incoming / f"{digest}.{secrets.token_hex(8)}"
            try:
                descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(descriptor)
                _sync(self._incoming)
            except OSError:
                staged.unlink(missing_ok=True)
                raise
        return StagedFile(staged, place)

    def put(self, digest: str, data: bytes) -> None:
        """Stage and publish in one."""
        self.stage(digest, data).publish()

    def recover(self, referenced: Callable[[Iterable[str]], set[str]]) -> None:
        """After a crash: publish staged photographs that the catalog refers to, remove the others once they are old."""
        with _disk_errors():
            staged = [file for file in self._incoming.iterdir() if _DIGEST.match(file.name[:64])]
            wanted = referenced({file.name[:64] for file in staged}) if staged else set()
            for file in staged:
                if file.name[:64] in wanted:
                    StagedFile(file, self._place(file.name[:64])).publish()
                elif file.stat().st_mtime < time.time() - STALE_SECONDS:
                    file.unlink(missing_ok=True)

    def get(self, digest: str) -> bytes:
        """Raises ImageNotFound; StorageUnavailable where the file was damaged."""
        place = self._place(digest)
        with _disk_errors():
            try:
                data = place.read_bytes()
            except FileNotFoundError:
                data = self._staged(digest)
        if hashlib.sha256(data).hexdigest() != digest:
            raise StorageUnavailable(
                f"The stored photograph {digest} is damaged. Restore the image folder from a backup, or index it again."
            )
        return data

    def _staged(self, digest: str) -> bytes:
        """The photograph of a commit whose rename is still to come."""
        for file in self._incoming.glob(f"{digest}.*"):
            try:
                return file.read_bytes()
            except FileNotFoundError:
                return self._place(digest).read_bytes()
        raise ImageNotFound("The photograph is not stored.")

    def delete(self, digests: Iterable[str]) -> None:
        """Absent ones are fine."""
        with _disk_errors():
            for digest in digests:
                self._place(digest).unlink(missing_ok=True)
                for file in self._incoming.glob(f"{digest}.*"):
                    file.unlink(missing_ok=True)

    def _place(self, digest: str) -> Path:
        if not _DIGEST.match(digest):
            raise ImageNotFound("There is no photograph under this digest.")
        return self._root / digest[:2] / digest[2:4] / digest


@dataclass(frozen=True, slots=True)
class StagedFile:
    """Implements `ports.Staged`; `staged` is None where the photograph lay in its place before."""

    staged: Path | None
    place: Path

    def publish(self) -> None:
        """Rename into place. Not synced: until the folder's entry is on disk, the staged one is, and `recover` moves it."""
        if self.staged is not None:
            with _disk_errors():
                self.staged.replace(self.place)

    def discard(self) -> None:
        """Remove what was staged."""
        if self.staged is not None:
            with _disk_errors():
                self.staged.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("The disk of the image folder is full; make room and send the request again.") from error
        raise StorageUnavailable(
            f"The image folder can't be used: {os.strerror(error.errno or errno.EIO)}. Check its rights and its disk."
        ) from error
