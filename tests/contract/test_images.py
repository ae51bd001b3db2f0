"""What every store of photographs does: in memory, in a folder, in a bucket."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from kenspeckle.errors import ImageNotFound, StorageUnavailable
from kenspeckle.images.store import open_images
from kenspeckle.ports import Images, no_lock
from tests.fakes import FakeImages
from tests.s3server import S3Server, served_s3

PHOTO = b"\xff\xd8\xff a photograph " * 5000
OTHER = b"\x89PNG another"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def nothing(among: Iterable[str]) -> set[str]:
    return set()


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with served_s3() as server:
        yield server


@pytest.fixture(params=["fake", "folder", "bucket"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Images]:
    """Opens one store, again and again."""
    if request.param == "fake":
        fake = FakeImages()
        return lambda: fake
    if request.param == "folder":
        url = (tmp_path / "new" / "photo store %25 ü").as_uri()
    else:
        bucket = request.getfixturevalue("s3").bucket(f"photos-{uuid.uuid4()}")
        url = f"s3://{bucket}/deep/er/"
    return lambda: open_images(url)


@pytest.fixture
def images(reopen: Callable[[], Images]) -> Images:
    return reopen()


def test_keeps_bytes(images: Images, reopen: Callable[[], Images]) -> None:
    images.put(digest(PHOTO), PHOTO)
    images.put(digest(OTHER), OTHER)
    images.put(digest(PHOTO), PHOTO)
    images.put(digest(b""), b"")
    assert images.get(digest(PHOTO)) == PHOTO
    assert reopen().get(digest(OTHER)) == OTHER
    assert images.get(digest(b"")) == b""


def test_what_is_absent(images: Images) -> None:
    with pytest.raises(ImageNotFound):
        images.get(digest(PHOTO))
    images.delete([digest(PHOTO)])
    images.recover(nothing, no_lock)


def test_deleted_bytes_are_gone(images: Images) -> None:
    images.put(digest(PHOTO), PHOTO)
    images.put(digest(OTHER), OTHER)
    images.delete(iter([digest(PHOTO), digest(b"absent")]))
    with pytest.raises(ImageNotFound):
        images.get(digest(PHOTO))
    assert images.get(digest(OTHER)) == OTHER


def test_staged_bytes_are_not_there_until_published(images: Images) -> None:
    staged = images.stage(digest(PHOTO), PHOTO)
    with pytest.raises(ImageNotFound):
        images.get(digest(PHOTO))
    staged.publish()
    assert images.get(digest(PHOTO)) == PHOTO


def test_discarding_leaves_what_was_there_before(images: Images) -> None:
    images.stage(digest(PHOTO), PHOTO).discard()
    with pytest.raises(ImageNotFound):
        images.get(digest(PHOTO))
    images.put(digest(PHOTO), PHOTO)
    images.stage(digest(PHOTO), PHOTO).discard()
    assert images.get(digest(PHOTO)) == PHOTO


def test_staged_bytes_outlive_a_deletion(images: Images) -> None:
    images.put(digest(PHOTO), PHOTO)
    staged = images.stage(digest(PHOTO), PHOTO)
    images.delete([digest(PHOTO)])
    staged.publish()
    assert images.get(digest(PHOTO)) == PHOTO


def test_two_at_once(images: Images) -> None:
    first, second = images.stage(digest(PHOTO), PHOTO), images.stage(digest(PHOTO), PHOTO)
    first.publish()
    second.discard()
    assert images.get(digest(PHOTO)) == PHOTO


@pytest.mark.parametrize("reopen", ["folder", "bucket"], indirect=True)
def test_a_crash_before_publishing_is_mended(images: Images, reopen: Callable[[], Images]) -> None:
    staged = images.stage(digest(PHOTO), PHOTO)
    images.stage(digest(OTHER), OTHER)
    later = reopen()
    later.recover(lambda among: {digest(PHOTO)} & set(among), no_lock)
    assert later.get(digest(PHOTO)) == PHOTO
    with pytest.raises(ImageNotFound):
        later.get(digest(OTHER))
    # The process was not dead after all, only slow.
    staged.publish()
    assert later.get(digest(PHOTO)) == PHOTO


@pytest.mark.parametrize("reopen", ["folder", "bucket"], indirect=True)
def test_who_is_alone_sweeps_at_once(images: Images, reopen: Callable[[], Images], tmp_path: Path) -> None:
    staged = images.stage(digest(PHOTO), PHOTO)
    later = reopen()
    later.recover(nothing, no_lock)
    staged.publish()  # it may have been at work
    images.stage(digest(OTHER), OTHER)
    later.recover(nothing, no_lock, alone=True)
    later.recover(lambda among: set(among), no_lock)
    assert later.get(digest(PHOTO)) == PHOTO
    with pytest.raises(ImageNotFound):
        later.get(digest(OTHER))


@pytest.mark.parametrize("reopen", ["folder", "bucket"], indirect=True)
@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "\n", "a" * 63 + "/"])
def test_only_a_digest_becomes_a_path(images: Images, name: str) -> None:
    for act in (images.get, lambda one: images.put(one, PHOTO)):
        with pytest.raises(StorageUnavailable, match="64 lower-case"):
            act(name)
    images.put(digest(PHOTO), PHOTO)
    images.delete([name])
    assert images.get(digest(PHOTO)) == PHOTO


def test_damage_in_a_bucket_is_noticed(s3: S3Server) -> None:
    bucket = s3.bucket("damaged")
    images = open_images(f"s3://{bucket}")
    images.put(digest(PHOTO), PHOTO)
    key = s3.client.list_objects_v2(Bucket=bucket)["Contents"][0]["Key"]
    s3.client.put_object(Bucket=bucket, Key=key, Body=PHOTO[:-1])
    with pytest.raises(StorageUnavailable, match="index the photograph again"):
        images.get(digest(PHOTO))
    images.put(digest(PHOTO), PHOTO)
    assert images.get(digest(PHOTO)) == PHOTO


def test_bucket_keys_lie_under_the_prefix_and_nothing_staged_remains(s3: S3Server) -> None:
    bucket = s3.bucket("prefixed")
    open_images(f"s3://{bucket}/my%20photos").stage(digest(PHOTO), PHOTO).publish()
    keys = [one["Key"] for one in s3.client.list_objects_v2(Bucket=bucket)["Contents"]]
    name = digest(PHOTO)
    assert keys == [f"my photos/{name[:2]}/{name[2:4]}/{name}"]


def test_a_bucket_that_is_not_there(s3: S3Server) -> None:
    images = open_images("s3://nowhere")
    for act in (lambda: images.put(digest(PHOTO), PHOTO), lambda: images.get(digest(PHOTO))):
        with pytest.raises(StorageUnavailable, match="IMAGES_URL: There is no bucket 'nowhere'"):
            act()
    with pytest.raises(StorageUnavailable):
        images.recover(nothing, no_lock)


def test_a_server_that_is_not_there(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageUnavailable, match="can't be reached") as caught:
        open_images("s3://photos").put(digest(PHOTO), PHOTO)
    assert caught.value.retry_after
