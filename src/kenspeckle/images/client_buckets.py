"""Reads photographs from the buckets that the operator configured, and from no others: folders of this machine, or
S3."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self

from kenspeckle.errors import BucketNotAllowed, ImageTooLarge, SettingError, StorageUnavailable, VideoTooLarge
from kenspeckle.images.urls import BucketUrl, parse

REFUSED = "Unable to get object metadata from S3. Check object key, region and/or access permissions."
"""Amazon's message, for everything that can't be read, so that a client can't find out which objects exist."""

_NAME = re.compile(r"([0-9A-Za-z._-]{3,255})(?:\[([0-9A-Za-z._+-]{1,4096})\])?")
_BUCKET = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{2,254}")
_SETTING = "S3_BUCKETS"


BLOCK = 1 << 20


class _Place(Protocol):
    def read(self, name: str, version: str | None, max_bytes: int) -> bytes: ...
    def size(self, name: str, version: str | None) -> int: ...
    def chunks(self, name: str, version: str | None) -> Iterator[bytes]: ...
    def list_names(self, prefix: str) -> Iterator[str]: ...


class ClientBuckets:
    """Buckets by the names that clients use; and the collections whose keys may name each, where a key is limited."""

    def __init__(
        self, places: Mapping[str, _Place], collections: Mapping[str, frozenset[str]], *, others: bool = False
    ) -> None:
        """`others` are buckets of S3 that the operator has not named."""
        self._places = places
        self._collections = collections
        self._others = others

    @classmethod
    def parse(cls, text: str, *, others: bool = False) -> Self:
        """The buckets of a setting such as `photos[visitors+staff]=s3://photos,desk=file:///srv/photos`: keys that are
        limited to collections may name `photos` if one of theirs is `visitors` or `staff`, and never `desk`. A comma in
        a URL is written %2C.

        `others` lets keys that are not limited name any bucket that the server's own credentials can read. Raises
        SettingError."""
        places: dict[str, _Place] = {}
        collections: dict[str, frozenset[str]] = {}
        for entry in filter(None, (one.strip() for one in text.split(","))):
            named, equals, url = entry.partition("=")
            found = _NAME.fullmatch(named)
            if not equals or not found:
                raise SettingError(
                    f"{_SETTING}: '{entry}' is not name=URL or name[collection+collection]=URL, with a name of 3 to "
                    "255 letters, digits, '.', '-' or '_'.",
                    field=_SETTING.lower(),
                )
            name = found[1]
            if name in places:
                raise SettingError(f"{_SETTING}: '{name}' is there twice.", field=_SETTING.lower())
            place = parse(url, _SETTING)
            places[name] = _Folder(place) if isinstance(place, Path) else _Bucket(place)
            collections[name] = frozenset(filter(None, (found[2] or "").split("+")))
        return cls(places, collections, others=others)

    def names(self) -> tuple[str, ...]:
        """Names of the buckets that clients may use."""
        return tuple(self._places)

    def for_all_keys_only(self) -> tuple[str, ...]:
        """Buckets that a key which is limited to collections may not name."""
        return tuple(name for name, some in self._collections.items() if not some)

    def read(
        self, bucket: str, name: str, version: str | None, max_bytes: int, only: Sequence[str] | None = None
    ) -> bytes:
        """The object's bytes, of its newest version unless one is named. `only` are the collections that the key is
        limited to.

        Raises BucketNotAllowed for what isn't there or may not be read, ImageTooLarge beyond `max_bytes` (before it is
        read), StorageUnavailable where S3 does not answer."""
        return self._place(bucket, name, only).read(name, version, max_bytes)

    def allow(self, bucket: str, name: str, only: Sequence[str] | None, *, folder: bool = False) -> None:
        """As `ports.Buckets`."""
        if folder and not isinstance(self._places.get(bucket), _Folder):
            raise BucketNotAllowed(REFUSED)
        self._place(bucket, name, only)

    def list_names(self, bucket: str, prefix: str) -> Iterator[str]:
        """Names of all objects that begin with this, in any order. Raises as `read`."""
        yield from self._place(bucket, prefix or "any", None).list_names(prefix)

    def check(
        self, bucket: str, name: str, version: str | None, max_bytes: int, only: Sequence[str] | None = None
    ) -> None:
        """As `ports.VideoBuckets`."""
        if self._place(bucket, name, only).size(name, version) > max_bytes:
            raise video_too_large(max_bytes)

    def chunks(self, bucket: str, name: str, version: str | None, max_bytes: int) -> Iterator[bytes]:
        """As `ports.VideoBuckets`."""
        left = max_bytes
        for data in self._place(bucket, name, None).chunks(name, version):
            left -= len(data)
            if left < 0:
                raise video_too_large(max_bytes)
            yield data

    def _place(self, bucket: str, name: str, only: Sequence[str] | None) -> _Place:
        place = self._places.get(bucket)
        parts = name.split("/")
        if only is not None and self._collections.get(bucket, frozenset()).isdisjoint(only):
            raise BucketNotAllowed(REFUSED)
        if place is None and self._others and _BUCKET.fullmatch(bucket):
            place = _Bucket(BucketUrl(bucket, ""))
        if place is None or not name or "\0" in name or not parts[0] or ".." in parts or "." in parts:
            raise BucketNotAllowed(REFUSED)
        return place


class _Folder:
    """A folder and what lies in it; links may not lead out of it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str, version: str | None, max_bytes: int) -> bytes:
        with self._file(name, version) as descriptor:
            return _read(descriptor, max_bytes)

    def size(self, name: str, version: str | None) -> int:
        with self._file(name, version) as descriptor:
            return os.fstat(descriptor).st_size

    def chunks(self, name: str, version: str | None) -> Iterator[bytes]:
        with self._file(name, version) as descriptor:
            while data := os.read(descriptor, BLOCK):
                yield data

    def list_names(self, prefix: str) -> Iterator[str]:
        waiting = [""]
        try:
            while waiting:
                within = waiting.pop()
                with os.scandir(self._root / within) as entries:
                    for entry in entries:
                        name = within + entry.name
                        if entry.is_dir(follow_symlinks=False):
                            if f"{name}/".startswith(prefix) or prefix.startswith(f"{name}/"):
                                waiting.append(f"{name}/")
                        elif name.startswith(prefix):
                            yield name
        except OSError as error:
            raise StorageUnavailable("The folder of the bucket can't be read; check its path and modes.") from error

    @contextmanager
    def _file(self, name: str, version: str | None) -> Iterator[int]:
        if version is not None:
            raise BucketNotAllowed(REFUSED)
        try:
            descriptor = self._open(name)
        except (OSError, ValueError, RuntimeError) as error:
            raise BucketNotAllowed(REFUSED) from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BucketNotAllowed(REFUSED)
            yield descriptor
        except OSError as error:
            raise StorageUnavailable("The disk of the bucket's folder reports an error.") from error
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> int:
        """A descriptor of the file. Raises OSError, ValueError for anything but a file below the root. Links are
        resolved first; then each part of the path is opened without following links, so that a link that is created in
        between is not followed."""
        root = self._root.resolve(strict=True)
        parts = name.split("/")
        if "" in parts:
            raise ValueError("A key has no empty parts between its slashes.")
        inside = root.joinpath(*parts).resolve(strict=True).relative_to(root)
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for place, part in enumerate(inside.parts, 1):
            # Without blocking: opening a pipe would wait for a writer.
            kind = os.O_NONBLOCK if place == len(inside.parts) else os.O_DIRECTORY
            try:
                deeper = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = deeper
        return descriptor


class _Bucket:
    """A bucket, or the part of it below a prefix."""

    def __init__(self, url: BucketUrl) -> None:
        self._url = url
        from kenspeckle.images import s3  # late: botocore, which a service without buckets does without

        self._s3 = s3
        self._client = s3.Client()

    def read(self, name: str, version: str | None, max_bytes: int) -> bytes:
        with self._errors():
            answer = self._client.s3.get_object(**self._parameters(name, version))
            with self._s3.body_of(answer) as body:
                if answer["ContentLength"] > max_bytes:
                    raise too_large(max_bytes)
                return bytes(body.read())

    def size(self, name: str, version: str | None) -> int:
        with self._errors():
            return int(self._client.s3.head_object(**self._parameters(name, version))["ContentLength"])

    def chunks(self, name: str, version: str | None) -> Iterator[bytes]:
        with self._errors():
            answer = self._client.s3.get_object(**self._parameters(name, version))
            with self._s3.body_of(answer) as body:
                while data := body.read(BLOCK):
                    yield bytes(data)

    def list_names(self, prefix: str) -> Iterator[str]:
        with self._errors():
            pages = self._client.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._url.bucket, Prefix=self._url.prefix + prefix
            )
            for page in pages:
                for one in page.get("Contents", ()):
                    yield one["Key"][len(self._url.prefix) :]

    def _parameters(self, name: str, version: str | None) -> dict[str, str]:
        wanted = {"Bucket": self._url.bucket, "Key": self._url.prefix + name}
        return wanted if version is None else {**wanted, "VersionId": version}

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._s3.ERRORS as error:
            if self._s3.is_refusal(error):
                raise BucketNotAllowed(REFUSED) from error
            raise self._s3.failure(error, self._url.bucket) from error


def _read(descriptor: int, max_bytes: int) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise BucketNotAllowed(REFUSED)
    if found.st_size > max_bytes:
        raise too_large(max_bytes)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    return data


def too_large(max_bytes: int) -> ImageTooLarge:
    return ImageTooLarge(f"The object has more than {max_bytes} bytes; send a smaller photograph.", field="name")


def video_too_large(max_bytes: int) -> VideoTooLarge:
    return VideoTooLarge(f"The object has more than {max_bytes} bytes; send a shorter video.", field="name")
