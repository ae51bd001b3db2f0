"""Staged videos: owner-only, whole or not there, and room that is left on the disk."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kenspeckle.errors import StorageFull, StorageUnavailable
from kenspeckle.images import bucket_videos, videos
from kenspeckle.images.bucket_videos import BucketVideos
from kenspeckle.images.urls import BucketUrl
from kenspeckle.images.video_places import open_videos
from kenspeckle.images.videos import FolderVideos
from tests.s3server import served_s3

KEY = bytes(range(32))


def test_what_is_not_complete_is_not_there(tmp_path: Path) -> None:
    folder = FolderVideos(tmp_path / "videos")
    assert not folder.names()
    incoming = folder.begin()
    incoming.write(b"half")
    assert not folder.names()
    incoming.close()
    assert list(folder.names()) == [incoming.name]
    descriptor = folder.open(incoming.name)
    assert os.read(descriptor, 9) == b"half"
    os.close(descriptor)
    folder.remove(incoming.name)
    assert not folder.names()
    with pytest.raises(StorageUnavailable):
        folder.open(incoming.name)


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    folder = FolderVideos(tmp_path)
    incoming = folder.begin(KEY)
    incoming.write(b"x" * 5_000_000)
    incoming.discard()
    assert list(tmp_path.iterdir()) == []


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    incoming = FolderVideos(tmp_path / "videos").begin(KEY)
    incoming.write(b"x" * 100)
    incoming.close()
    (stored,) = (tmp_path / "videos").iterdir()
    assert (stored.stat().st_mode & 0o777, stored.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert stored.read_bytes() != b"x" * 100


def test_the_database_has_room_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "RESERVE", 1 << 60)
    incoming = FolderVideos(tmp_path).begin()
    with pytest.raises(StorageFull):
        incoming.write(b"x")
    incoming.discard()


@pytest.mark.parametrize("name", ["", "../kenspeckle.db", "a" * 31, "G" * 32])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "kenspeckle.db").write_bytes(b"x")
    folder = FolderVideos(tmp_path / "videos")
    folder.remove(name)
    with pytest.raises(StorageUnavailable):
        folder.open(name)
    assert (tmp_path / "kenspeckle.db").exists()


def test_an_interrupted_upload_goes_when_it_is_old(tmp_path: Path) -> None:
    folder = FolderVideos(tmp_path)
    young, old = folder.begin(), folder.begin()
    os.utime(tmp_path / f"{old.name}.partial", (1, time.time() - videos.OLD_SECONDS - 1))
    folder.sweep()
    assert [one.name for one in tmp_path.iterdir()] == [f"{young.name}.partial"]


@pytest.fixture(scope="module")
def bucket() -> Iterator[BucketUrl]:
    with served_s3() as server:
        yield BucketUrl(server.bucket("videos"), "kenspeckle/")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_videos, "PART", 10)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [0, 1, 10, 25])
def test_what_one_replica_has_put_into_a_bucket_another_reads_and_removes(
    bucket: BucketUrl, tmp_path: Path, size: int
) -> None:
    one, other = BucketVideos(bucket, tmp_path / "one"), BucketVideos(bucket, tmp_path / "other")
    data = bytes(range(size))
    incoming = one.begin()
    for at in range(0, size, 3):
        incoming.write(data[at : at + 3])
    assert not other.names()
    with pytest.raises(StorageUnavailable, match="not there"):
        other.open(incoming.name)
    incoming.close()
    assert list(other.names()) == [incoming.name]
    assert 0 <= other.age(incoming.name) < 60
    told: list[None] = []
    descriptor = other.open(incoming.name, lambda: told.append(None))
    assert os.pread(descriptor, 99, 0) == data
    assert os.fstat(descriptor).st_nlink == 0, "nothing of it stays on the disk"
    os.close(descriptor)
    assert len(told) == -(-size // 10)
    other.remove(incoming.name)
    assert not list(one._listed())


@pytest.mark.usefixtures("small_parts")
def test_a_video_in_a_bucket_is_encrypted_and_what_is_discarded_or_cut_off_goes(
    bucket: BucketUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos_ = BucketVideos(bucket, tmp_path)
    incoming = videos_.begin(KEY)
    incoming.write(b"x" * 25)
    assert b"xxxxx" not in videos_._read(bucket_videos.part(incoming.name, 0))
    incoming.discard()
    assert not list(videos_._listed())
    videos_.begin(KEY).write(b"x" * 25)  # its process is killed
    videos_.sweep()
    assert len(list(videos_._listed())) == 2, "it may still be coming"
    monkeypatch.setattr(bucket_videos, "OLD_SECONDS", -60)
    videos_.sweep()
    assert not list(videos_._listed())


def test_videos_are_shared_where_photographs_are_and_earlier_ones_still_count(tmp_path: Path) -> None:
    own, photographs = tmp_path / "data", tmp_path / "photographs"
    assert isinstance(open_videos((own / "images").as_uri(), own, shared=True), FolderVideos)
    assert isinstance(open_videos(photographs.as_uri(), own, shared=False), FolderVideos)
    one = open_videos(photographs.as_uri(), own, shared=True)
    other = open_videos(photographs.as_uri(), tmp_path / "other", shared=True)
    earlier = FolderVideos(own / "videos").begin()
    earlier.close()
    incoming = one.begin()
    incoming.write(b"video")
    incoming.close()
    assert sorted(one.names()) == sorted([earlier.name, incoming.name])
    os.close(one.open(earlier.name))
    descriptor = other.open(incoming.name)
    assert os.read(descriptor, 9) == b"video"
    os.close(descriptor)
    assert one.age(incoming.name) < 60
    for name in (earlier.name, incoming.name):
        one.remove(name)
    one.sweep()
    assert not one.names()
