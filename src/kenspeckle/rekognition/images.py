"""The photograph of a request: sent with it, or named in a bucket that the operator configured; checked before the core
is called.

At this edge Amazon's rules hold: JPEG or PNG, at least 80 x 80 pixels, 15 MB at most from a bucket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kenspeckle import formats
from kenspeckle.rekognition.errors import Refusal, invalid

LARGEST_OBJECT = 15 * 1024 * 1024
"""Bytes of an S3Object."""

SHORTEST_SIDE = 80
"""Pixels."""


class Buckets(Protocol):
    """Reads objects of the buckets that the operator named, and of no others."""

    def read(
        self, bucket: str, name: str, version: str | None, max_bytes: int, only: Sequence[str] | None = None
    ) -> bytes:
        """`only` are the collections that the key is limited to, None for any.

        Raises BucketNotAllowed, ImageTooLarge, StorageUnavailable."""
        ...


def read(image: Mapping[str, Any], buckets: Buckets, member: str, only: Sequence[str] | None) -> bytes:
    """Bytes of the Image structure under `member`, for a key that is limited to the collections `only`.

    Raises Refusal, BucketNotAllowed, ImageTooLarge."""
    data = image.get("Bytes")
    named = image.get("S3Object")
    if (data is None) == (named is None):
        raise invalid(f"Request has invalid parameters: {member} needs either Bytes or S3Object, and not both.")
    if data is None:
        bucket, name = (named or {}).get("Bucket"), (named or {}).get("Name")
        if bucket is None or name is None:
            raise invalid(f"Request has invalid parameters: {member}.S3Object needs Bucket and Name.")
        data = buckets.read(bucket, name, (named or {}).get("Version"), LARGEST_OBJECT, only)
    _judge(data, member)
    return bytes(data)


def _judge(data: bytes, member: str) -> None:
    if formats.sniff(data) not in (formats.JPEG, formats.PNG):
        raise Refusal("InvalidImageFormatException", "Request has invalid image format")
    size = formats.size(data)
    if size is not None and min(size) < SHORTEST_SIDE:
        raise invalid(
            f"Request has invalid parameters: {member} has {size[0]} x {size[1]} pixels; "
            f"at least {SHORTEST_SIDE} x {SHORTEST_SIDE} are needed."
        )
