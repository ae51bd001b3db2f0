"""The folder of photographs: modes, what crashes leave behind, damage, full disks, URLs."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from kenspeckle.errors import SettingError, StorageFull, StorageUnavailable
from kenspeckle.images.bucket import BucketImages
from kenspeckle.images.digests import OLD_SECONDS
from kenspeckle.images.folder import PRESENCE, FolderImages
from kenspeckle.images.store import open_images
from kenspeckle.ports import no_lock

PHOTO = bytes(range(256)) * 800
DIGEST = hashlib.sha256(PHOTO).hexdigest()


def everything(among: Iterable[str]) -> set[str]:
    return set(among)


def nothing(among: Iterable[str]) -> set[str]:
    return set()


def files(root: Path) -> list[Path]:
    return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.name != PRESENCE)


@pytest.fixture
def images(tmp_path: Path) -> FolderImages:
    return FolderImages(tmp_path / "data" / "images")


def path_of(images: FolderImages) -> Path:
    return images.root / DIGEST[:2] / DIGEST[2:4] / DIGEST


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    open_images((tmp_path / "later").as_uri()).recover(everything, no_lock)
    assert not list(tmp_path.iterdir())


def test_only_the_owner_may_look(images: FolderImages) -> None:
    images.put(DIGEST, PHOTO)
    path = path_of(images)
    assert path.stat().st_mode & 0o777 == 0o600
    for folder in (path.parent, path.parent.parent, images.root, images.root / "staged", images.root.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing(images: FolderImages, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def full(descriptor: int) -> None:
        raise OSError(number, "full")

    images.put(hashlib.sha256(b"").hexdigest(), b"")
    before = files(images.root)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="Free disk space"):
        images.put(DIGEST, PHOTO)
    assert files(images.root) == before


def test_damage_is_noticed_and_mended_by_storing_again(images: FolderImages) -> None:
    images.put(DIGEST, PHOTO)
    path_of(images).write_bytes(b"\1" + PHOTO[1:])
    with pytest.raises(StorageUnavailable, match="index the photograph again"):
        images.get(DIGEST)
    images.put(DIGEST, PHOTO)
    assert images.get(DIGEST) == PHOTO
    assert files(images.root) == [Path(DIGEST[:2], DIGEST[2:4], DIGEST)]


def test_the_same_again_is_not_written_again(images: FolderImages) -> None:
    images.put(DIGEST, PHOTO)
    before = path_of(images).stat().st_ino
    images.put(DIGEST, PHOTO)
    assert path_of(images).stat().st_ino == before
    assert path_of(images).stat().st_nlink == 1


def test_without_hard_links_it_is(images: FolderImages, monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", unable)
    images.put(DIGEST, PHOTO)
    images.put(DIGEST, PHOTO)
    assert images.get(DIGEST) == PHOTO


def stage_and_die(root: Path) -> None:
    """What a process leaves that is killed after it has staged the photograph."""
    child = os.fork()
    if not child:
        try:
            FolderImages(root).stage(DIGEST, PHOTO)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def test_leftovers_of_a_killed_process_are_swept_at_the_next_start(images: FolderImages) -> None:
    stage_and_die(images.root)
    assert len(files(images.root)) == 1
    images.recover(nothing, no_lock)
    assert files(images.root) == []


def test_what_a_request_is_about_to_store_is_left_alone(images: FolderImages) -> None:
    """Whoever looks what a crash has left: the process itself, or one of several that have looked before."""
    alone = images.stage(DIGEST, PHOTO)
    images.recover(nothing, no_lock)
    alone.publish()
    processes = [images, *(FolderImages(images.root) for _ in range(2))]
    bodies = [bytes([number]) * 1000 for number in range(3)]
    names = [hashlib.sha256(body).hexdigest() for body in bodies]
    staged = [one.stage(name, body) for one, name, body in zip(processes, names, bodies, strict=True)]
    for one in processes:
        one.recover(nothing, no_lock)
        one.delete(names)
    for photograph in staged:
        photograph.publish()
    assert [images.get(name) for name in names] == bodies
    assert images.get(DIGEST) == PHOTO


def test_leftovers_beside_a_living_process_are_swept_once_they_are_old(images: FolderImages) -> None:
    FolderImages(images.root).stage(DIGEST, PHOTO)
    other = FolderImages(images.root)
    other.stage(DIGEST, PHOTO)
    (images.root / "staged" / "notes.txt").write_text("not ours")
    images.recover(nothing, no_lock)
    assert len(files(images.root)) == 3
    for path in (images.root / "staged").iterdir():
        os.utime(path, (path.stat().st_mtime - OLD_SECONDS - 5,) * 2)
    images.recover(nothing, no_lock)
    assert files(images.root) == [Path("staged/notes.txt")]


def test_half_a_photograph_is_never_published(images: FolderImages) -> None:
    stage_and_die(images.root)
    next(path for path in (images.root / "staged").iterdir() if path.name != PRESENCE).write_bytes(PHOTO[:1000])
    images.recover(everything, no_lock)
    assert files(images.root) == []


def test_a_folder_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    images = FolderImages(tmp_path / "file" / "images")
    for act in (
        lambda: images.put(DIGEST, PHOTO),
        lambda: images.get(DIGEST),
        lambda: images.recover(nothing, no_lock),
    ):
        with pytest.raises(StorageUnavailable, match="owner, modes") as caught:
            act()
        assert str(tmp_path) not in caught.value.message


def test_many_threads_store_and_delete_the_same(images: FolderImages) -> None:
    wrong: list[BaseException] = []

    def store() -> None:
        try:
            for turn in range(30):
                images.put(DIGEST, PHOTO)
                if turn % 3 == 0:
                    images.delete([DIGEST])
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    images.put(DIGEST, PHOTO)
    assert images.get(DIGEST) == PHOTO
    assert len(files(images.root)) == 1


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///srv/images", "/srv/images"),
        ("file://localhost/srv/images", "/srv/images"),
        ("file:///srv/my%20images%3F%23%25", "/srv/my images?#%"),
        ("file:///srv/my images", "/srv/my images"),
        ("file:///srv/%C3%BC", "/srv/ü"),
    ],
)
def test_urls_of_folders(url: str, folder: str) -> None:
    images = open_images(url)
    assert isinstance(images, FolderImages)
    assert images.root == Path(folder)


def test_urls_of_buckets() -> None:
    assert isinstance(open_images("s3://photos/some/prefix/"), BucketImages)


NO_PLACES = (
    *("", "images", "/srv/images", "file:images", "file://host/images", "file:///a%00b", "file:///a?b", "file:///a#b"),
    *("s3://", "s3:///key", "s3://a b/c", "http://photos", "s3://photos?region=x", "s3://..", "s3://user@photos"),
)


@pytest.mark.parametrize("url", NO_PLACES)
def test_urls_that_name_no_place(url: str) -> None:
    with pytest.raises(SettingError, match="IMAGES_URL") as caught:
        open_images(url)
    assert caught.value.field == "images_url"
