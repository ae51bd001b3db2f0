"""Implements `ports.StagedVideos`: videos in a folder, 0600, encrypted where a key is given."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kenspeckle.atomic_file import disk_errors
from kenspeckle.errors import StorageFull, StorageUnavailable

FOLDER: Final = "videos"
PARTIAL: Final = ".partial"
OLD_SECONDS: Final = 86_400.0
"""Age from which what is incomplete belongs to no upload any more."""
RESERVE: Final = 256 << 20
"""Bytes of the disk that videos leave free, for the database."""
GONE: Final = "The video that was uploaded is not there any more; send it again."
NAME: Final = re.compile(r"[0-9a-f]{32}")


class FolderVideos:
    """Videos by random names. The folder is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, key: bytes | None = None) -> _Incoming:
        name = secrets.token_hex(16)
        with disk_errors(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _Incoming(self._folder / name, key)

    def open(self, name: str, tell: Callable[[], None] = lambda: None) -> int:
        if not NAME.fullmatch(name):
            raise StorageUnavailable("The name of a staged video is damaged.")
        try:
            return os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise StorageUnavailable(GONE) from error

    def remove(self, name: str) -> None:
        if NAME.fullmatch(name):
            (self._folder / name).unlink(missing_ok=True)

    def names(self) -> Sequence[str]:
        with suppress(FileNotFoundError):
            return sorted(one.name for one in self._folder.iterdir() if NAME.fullmatch(one.name))
        return ()

    def age(self, name: str) -> float:
        """Seconds since it was completed; 0 where it is gone."""
        with suppress(FileNotFoundError):
            return time.time() - (self._folder / name).stat().st_mtime
        return 0.0

    def sweep(self) -> None:
        for one in self._folder.glob("*" + PARTIAL):
            with suppress(FileNotFoundError):
                if time.time() - one.stat().st_mtime > OLD_SECONDS:
                    one.unlink()


def encrypting(key: bytes | None) -> Callable[[bytes], bytes]:
    """Encrypts a video piece by piece; without a key nothing."""
    if key is None:
        return lambda data: data
    # Counter mode: decoders jump about in a video. The key is used for this file alone.
    return Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update


def check_space(descriptor: int, size: int) -> None:
    """Raises StorageFull where the disk of an open file has no space for so many bytes more."""
    disk = os.fstatvfs(descriptor)
    if disk.f_bavail * disk.f_frsize < RESERVE + size:
        raise StorageFull("There is no disk space for the video in its folder; free some.")


class _Incoming:
    """`ports.Incoming`: written beside its name, which it gets when it is complete."""

    def __init__(self, path: Path, key: bytes | None) -> None:
        self.name = path.name
        self._path = path
        self._partial = path.with_name(path.name + PARTIAL)
        self._encrypted = encrypting(key)
        self._file = open(  # noqa: SIM115  closed by `close` or `discard`
            self._partial, "xb", buffering=1 << 20, opener=lambda path, flags: os.open(path, flags, 0o600)
        )

    def write(self, data: bytes) -> None:
        with disk_errors(self._partial):
            check_space(self._file.fileno(), len(data))
            self._file.write(self._encrypted(data))

    def close(self) -> None:
        with disk_errors(self._partial):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.replace(self._path)

    def discard(self) -> None:
        with suppress(OSError):
            self._file.close()
        self._partial.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)
