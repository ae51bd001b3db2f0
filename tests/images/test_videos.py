"""Staged videos: owner-only, whole or not there, and room that is left on the disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kenspeckle.errors import StorageFull, StorageUnavailable
from kenspeckle.images import videos
from kenspeckle.images.videos import FolderVideos

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
