"""Where uploaded videos wait for their job: on this machine, or where all replicas reach them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kenspeckle.images.urls import parse
from kenspeckle.images.videos import FOLDER, FolderVideos

if TYPE_CHECKING:
    from kenspeckle.ports import StagedVideos


def open_videos(url: str, data_dir: Path, *, shared: bool) -> StagedVideos:
    """Where videos wait for their job: in the data folder, or where `shared`, beside the photographs at `url`, so that
    a job which another replica takes on finds its video. Raises SettingError."""
    own = FolderVideos(data_dir / FOLDER)
    if not shared:
        return own
    place = parse(url, "IMAGES_URL")
    if isinstance(place, Path):
        return own if place.parent == data_dir else SharedVideos(FolderVideos(place / FOLDER), own)
    from kenspeckle.images.bucket_videos import BucketVideos  # late: botocore, a fifth of a second

    return SharedVideos(BucketVideos(place, data_dir / FOLDER), own)


class SharedVideos:
    """Videos that all replicas reach; those that an older version had staged on this machine still count."""

    def __init__(self, shared: StagedVideos, own: FolderVideos) -> None:
        self._shared = shared
        self._own = own
        self.begin = shared.begin

    def open(self, name: str, tell: Callable[[], None] = lambda: None) -> int:
        return (self._own if name in self._own.names() else self._shared).open(name, tell)

    def remove(self, name: str) -> None:
        self._own.remove(name)
        self._shared.remove(name)

    def names(self) -> Sequence[str]:
        return sorted({*self._own.names(), *self._shared.names()})

    def age(self, name: str) -> float:
        return self._own.age(name) or self._shared.age(name)

    def sweep(self) -> None:
        self._own.sweep()
        self._shared.sweep()
