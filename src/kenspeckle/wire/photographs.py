"""The photograph of a request: sent along, or named in a bucket that the operator opened; judged before the core.

At this edge Amazon's rules hold: JPEG or PNG, at least 80 x 80 pixels, 15 MB at most from a bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from kenspeckle.wire.refusals import Refusal, invalid

LARGEST_OBJECT = 15 * 1024 * 1024
"""Bytes of an S3Object."""

SHORTEST_SIDE = 80
"""Pixels."""

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG's start-of-frame segments (ITU-T T.81, table B.1)."""


class Places(Protocol):
    """Reads objects of the buckets that the operator named, and of no others."""

    def read(self, bucket: str, name: str, version: str | None, max_bytes: int) -> bytes:
        """Raises BucketNotAllowed, ImageTooLarge, StorageUnavailable."""
        ...


def read(image: Mapping[str, Any], places: Places, member: str) -> bytes:
    """Bytes of the Image structure under `member`. Raises Refusal, BucketNotAllowed, ImageTooLarge."""
    data = image.get("Bytes")
    named = image.get("S3Object")
    if (data is None) == (named is None):
        raise invalid(f"Request has invalid parameters: {member} needs either Bytes or S3Object, and not both.")
    if data is None:
        bucket, name = (named or {}).get("Bucket"), (named or {}).get("Name")
        if bucket is None or name is None:
            raise invalid(f"Request has invalid parameters: {member}.S3Object needs Bucket and Name.")
        data = places.read(bucket, name, (named or {}).get("Version"), LARGEST_OBJECT)
    _judge(data, member)
    return bytes(data)


def _judge(data: bytes, member: str) -> None:
    if data.startswith(_PNG):
        size = _png_size(data)
    elif data.startswith(_JPEG):
        size = _jpeg_size(data)
    else:
        raise Refusal("InvalidImageFormatException", "Request has invalid image format")
    if size is not None and min(size) < SHORTEST_SIDE:
        raise invalid(
            f"Request has invalid parameters: {member} has {size[0]} x {size[1]} pixels; "
            f"at least {SHORTEST_SIDE} x {SHORTEST_SIDE} are needed."
        )


def _png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the IHDR chunk, which is the first; None where the file is cut off before."""
    if len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the frame header; None where there is none, which the decoder will refuse."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
