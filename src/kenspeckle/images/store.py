"""Opens the store of photographs that a URL names."""

from __future__ import annotations

from pathlib import Path

from kenspeckle.images.folder import FolderImages
from kenspeckle.images.urls import parse
from kenspeckle.ports import Images


def open_images(url: str) -> Images:
    """The store at file:///folder or s3://bucket/prefix. Nothing is read, written or connected to yet.

    Raises SettingError."""
    place = parse(url, "IMAGES_URL")
    if isinstance(place, Path):
        return FolderImages(place)
    from kenspeckle.images.bucket import BucketImages  # late: botocore, a fifth of a second

    return BucketImages(place)
