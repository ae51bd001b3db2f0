"""Photographs in an S3-compatible bucket. A staged one has another key until it is copied to its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kenspeckle.errors import ImageNotFound, StorageUnavailable
from kenspeckle.images import digests, s3
from kenspeckle.images.digests import OLD_SECONDS
from kenspeckle.images.urls import BucketUrl
from kenspeckle.ports.images import Lock


class BucketImages:
    """`ports.Images` in a bucket that exists."""

    def __init__(self, url: BucketUrl) -> None:
        self._bucket = url.bucket
        self._prefix = url.prefix
        self._client = s3.Client()

    def stage(self, digest: str, data: bytes) -> _Staged:
        key = self._staging + digests.make_staged_name(digest)
        with bucket_errors(self._bucket):
            self._client.s3.put_object(Bucket=self._bucket, Key=key, Body=data)
        return _Staged(self._client, self._bucket, key, self._key(digest))

    def put(self, digest: str, data: bytes) -> None:
        with bucket_errors(self._bucket):
            self._client.s3.put_object(Bucket=self._bucket, Key=self._key(digest), Body=data)

    def get(self, digest: str) -> bytes:
        data = self._read(self._key(digest))
        if data is None:
            raise ImageNotFound("The photograph is not stored.")
        if not digests.matches(digest, data):
            raise StorageUnavailable(digests.DAMAGED.format(digest))
        return data

    def delete(self, wanted: Iterable[str]) -> None:
        for digest in filter(digests.is_digest, wanted):
            self._remove(self._key(digest))

    def recover(self, referenced: Callable[[Iterable[str]], set[str]], lock: Lock, *, alone: bool = False) -> None:
        for digest, key, modified in list(self._list_staged()):
            with lock([digest]):
                if referenced([digest]) and not self._there(self._key(digest)) and self._whole(digest, key):
                    _Staged(self._client, self._bucket, key, self._key(digest)).publish()
                elif alone or modified < time.time() - OLD_SECONDS:
                    self._remove(key)

    @property
    def _staging(self) -> str:
        return self._prefix + "staged/"

    def _key(self, digest: str) -> str:
        return self._prefix + digests.place(digest)

    def _list_staged(self) -> Iterator[tuple[str, str, float]]:
        """Digest, key and time of each staged photograph."""
        with bucket_errors(self._bucket):
            pages = self._client.s3.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._staging):
                for one in page.get("Contents", ()):
                    if digest := digests.of_staged(one["Key"].removeprefix(self._staging)):
                        yield digest, one["Key"], one["LastModified"].timestamp()

    def _read(self, key: str) -> bytes | None:
        with bucket_errors(self._bucket):
            try:
                answer: Any = self._client.s3.get_object(Bucket=self._bucket, Key=key)
                with s3.body_of(answer) as body:
                    return bytes(body.read())
            except s3.ERRORS as error:
                if s3.code(error) in s3.ABSENT:
                    return None
                raise

    def _there(self, key: str) -> bool:
        with bucket_errors(self._bucket):
            try:
                self._client.s3.head_object(Bucket=self._bucket, Key=key)
            except s3.ERRORS as error:
                if s3.code(error) in s3.ABSENT:
                    return False
                raise
        return True

    def _whole(self, digest: str, key: str) -> bool:
        data = self._read(key)
        return data is not None and digests.matches(digest, data)

    def _remove(self, key: str) -> None:
        with bucket_errors(self._bucket):
            self._client.s3.delete_object(Bucket=self._bucket, Key=key)


@dataclass(frozen=True, slots=True)
class _Staged:
    """`ports.Staged`: bytes under `key` that belong under `target`."""

    client: s3.Client
    bucket: str
    key: str
    target: str

    def publish(self) -> None:
        with bucket_errors(self.bucket):
            try:
                self.client.s3.copy_object(
                    Bucket=self.bucket, Key=self.target, CopySource={"Bucket": self.bucket, "Key": self.key}
                )
            except s3.ERRORS as error:
                # `recover` of another process that has just started may have done it already.
                if s3.code(error) not in s3.ABSENT:
                    raise
                self.client.s3.head_object(Bucket=self.bucket, Key=self.target)
                return
        self.discard()

    def discard(self) -> None:
        try:
            self.client.s3.delete_object(Bucket=self.bucket, Key=self.key)
        except s3.ERRORS:
            # If it can't be removed now, `recover` removes it.
            return


@contextmanager
def bucket_errors(bucket: str) -> Iterator[None]:
    """Raises StorageFull or StorageUnavailable, in words, for what S3 answers or does not."""
    try:
        yield
    except s3.ERRORS as error:
        raise s3.failure(error, bucket, "IMAGES_URL") from error
