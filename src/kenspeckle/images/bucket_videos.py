"""Implements `ports.StagedVideos` in a bucket that all replicas reach: a video is parts, and an object of its name that
says how many once it is complete. It is read through a file of this machine that has no name."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from kenspeckle.atomic_file import disk_errors
from kenspeckle.errors import StorageUnavailable
from kenspeckle.images import s3
from kenspeckle.images.bucket import bucket_errors
from kenspeckle.images.urls import BucketUrl
from kenspeckle.images.videos import FOLDER, GONE, NAME, OLD_SECONDS, check_space, encrypting

PART: Final = 16 << 20
"""Bytes of each part but the last."""
_PART: Final = re.compile(r"([0-9a-f]{32})\.\d{6}")


class BucketVideos:
    """Videos by random names, in a bucket that exists. `folder` is where one lies while it is looked at."""

    def __init__(self, url: BucketUrl, folder: Path) -> None:
        self._bucket = url.bucket
        self._prefix = f"{url.prefix}{FOLDER}/"
        self._folder = folder
        self._client = s3.Client()

    def begin(self, key: bytes | None = None) -> _Incoming:
        return _Incoming(self, secrets.token_hex(16), key)

    def open(self, name: str, tell: Callable[[], None] = lambda: None) -> int:
        if not NAME.fullmatch(name):
            raise StorageUnavailable("The name of a staged video is damaged.")
        count = int(self._read(name))
        with disk_errors(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
                for number in range(count):
                    data = self._read(part(name, number))
                    check_space(file.fileno(), len(data))
                    file.write(data)
                    tell()
                return os.dup(file.fileno())

    def remove(self, name: str) -> None:
        if NAME.fullmatch(name):
            self._remove([name])
            self._remove([key for key, _ in self._listed(name)])

    def names(self) -> Sequence[str]:
        return [name for name, _ in self._listed() if NAME.fullmatch(name)]

    def age(self, name: str) -> float:
        return next((time.time() - at for key, at in self._listed(name) if key == name), 0.0)

    def sweep(self) -> None:
        listed = list(self._listed())
        complete = {name for name, _ in listed}
        old = time.time() - OLD_SECONDS
        self._remove(
            [name for name, at in listed if (found := _PART.fullmatch(name)) and found[1] not in complete and at < old]
        )

    def put(self, name: str, data: bytes) -> None:
        with bucket_errors(self._bucket):
            self._client.s3.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data)

    def _read(self, name: str) -> bytes:
        with bucket_errors(self._bucket):
            try:
                answer: Any = self._client.s3.get_object(Bucket=self._bucket, Key=self._prefix + name)
                with s3.body_of(answer) as body:
                    return bytes(body.read())
            except s3.ERRORS as error:
                if s3.code(error) in s3.ABSENT:
                    raise StorageUnavailable(GONE) from error
                raise

    def _listed(self, beginning: str = "") -> Iterator[tuple[str, float]]:
        """Name and time of each object."""
        with bucket_errors(self._bucket):
            pages = self._client.s3.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + beginning):
                for one in page.get("Contents", ()):
                    yield one["Key"].removeprefix(self._prefix), one["LastModified"].timestamp()

    def _remove(self, names: Sequence[str]) -> None:
        with bucket_errors(self._bucket):
            for name in names:
                self._client.s3.delete_object(Bucket=self._bucket, Key=self._prefix + name)


def part(name: str, number: int) -> str:
    return f"{name}.{number:06}"


class _Incoming:
    """`ports.Incoming`: parts as they come, then the object that makes them a video."""

    def __init__(self, videos: BucketVideos, name: str, key: bytes | None) -> None:
        self.name = name
        self._videos = videos
        self._encrypted = encrypting(key)
        self._waiting = bytearray()
        self._parts = 0

    def write(self, data: bytes) -> None:
        self._waiting += self._encrypted(data)
        while len(self._waiting) >= PART:
            self._put(PART)

    def close(self) -> None:
        if self._waiting:
            self._put(len(self._waiting))
        self._videos.put(self.name, str(self._parts).encode())

    def discard(self) -> None:
        """What can't be removed now, `sweep` removes."""
        self._waiting.clear()
        try:
            self._videos.remove(self.name)
        except StorageUnavailable:
            return

    def _put(self, size: int) -> None:
        self._videos.put(part(self.name, self._parts), bytes(self._waiting[:size]))
        self._parts += 1
        del self._waiting[:size]
