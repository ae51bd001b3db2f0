"""Places that the operator named as buckets: what can be read of them, and that nothing else can."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kenspeckle.errors import BucketNotAllowed, ImageTooLarge, SettingError, StorageUnavailable
from kenspeckle.images.bucket import BucketImages
from kenspeckle.images.client_buckets import REFUSED, ClientBuckets
from kenspeckle.images.urls import BucketUrl
from tests.s3server import S3Server, served_s3

MOST = 1000


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with served_s3() as server:
        server.bucket("photos", versions=True)
        server.bucket("desk-bucket")
        yield server


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder that is named, with a secret beside it."""
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    folder = tmp_path / "desk, and more"
    (folder / "people" / "ann").mkdir(parents=True)
    (folder / "ann.jpg").write_bytes(b"ann")
    (folder / "people" / "ann" / "ä b.jpg").write_bytes(b"umlaut")
    (folder / "most.jpg").write_bytes(b"x" * MOST)
    (folder / "more.jpg").write_bytes(b"x" * (MOST + 1))
    return folder


@pytest.fixture
def folder(desk: Path) -> ClientBuckets:
    return ClientBuckets.parse("desk=" + desk.as_uri().replace(",", "%2C"))


def refuses(places: ClientBuckets, name: str, version: str | None = None, bucket: str = "desk") -> None:
    with pytest.raises(BucketNotAllowed) as caught:
        places.read(bucket, name, version, MOST)
    assert caught.value.message == REFUSED


def test_reads_what_lies_in_the_folder(folder: ClientBuckets) -> None:
    assert folder.read("desk", "ann.jpg", None, MOST) == b"ann"
    assert folder.read("desk", "people/ann/ä b.jpg", None, MOST) == b"umlaut"
    assert folder.read("desk", "most.jpg", None, MOST) == b"x" * MOST
    assert folder.names() == ("desk",)


def test_a_limited_key_names_the_buckets_of_its_collections(desk: Path) -> None:
    url = desk.as_uri().replace(",", "%2C")
    places = ClientBuckets.parse(f"desk[visitors+staff]={url},every={url}")
    assert (places.names(), places.for_all_keys_only()) == (("desk", "every"), ("every",))
    for only in (None, ["visitors"], ["other", "staff"]):
        assert places.read("desk", "ann.jpg", None, MOST, only) == b"ann"
    assert places.read("every", "ann.jpg", None, MOST) == b"ann"
    for bucket, only in (("desk", ["other"]), ("desk", []), ("every", ["visitors"]), ("none", ["visitors"])):
        with pytest.raises(BucketNotAllowed) as caught:
            places.read(bucket, "ann.jpg", None, MOST, only)
        assert caught.value.message == REFUSED
    for text in ("desk[=file:///x", "desk[]=file:///x", "desk[a b]=file:///x", "[a]=file:///x"):
        with pytest.raises(SettingError, match="S3_BUCKETS"):
            ClientBuckets.parse(text)


def test_too_large_in_a_folder(folder: ClientBuckets) -> None:
    with pytest.raises(ImageTooLarge, match="1000 bytes"):
        folder.read("desk", "more.jpg", None, MOST)


NOT_IN_THE_FOLDER = (
    *("../secret.jpg", "people/../../secret.jpg", "people/../ann.jpg", "./ann.jpg", "/etc/passwd", "..", "."),
    *("people", "people/ann/", "ann.jpg/", "ann.jpg/x", "people//ann/ä b.jpg", "absent.jpg", "", "ann.jpg\0", "\0"),
    *("x" * 400, "x/" * 3000, "\udc80", "%2e%2e/secret.jpg", "..\\secret.jpg"),
)


@pytest.mark.parametrize("name", NOT_IN_THE_FOLDER)
def test_nothing_else_of_the_disk(folder: ClientBuckets, name: str) -> None:
    refuses(folder, name)


def test_links_may_not_lead_out(folder: ClientBuckets, desk: Path) -> None:
    (desk / "out.jpg").symlink_to(desk.parent / "secret.jpg")
    (desk / "up").symlink_to("..")
    (desk / "loop").symlink_to("loop")
    (desk / "inside.jpg").symlink_to("people/ann/ä b.jpg")
    (desk / "within").symlink_to("people")
    (desk / "self").symlink_to(".")
    for name in ("out.jpg", "up/secret.jpg", "loop", "self"):
        refuses(folder, name)
    assert folder.read("desk", "inside.jpg", None, MOST) == b"umlaut"
    assert folder.read("desk", "within/ann/ä b.jpg", None, MOST) == b"umlaut"


def test_pipes_do_not_hang(folder: ClientBuckets, desk: Path) -> None:
    os.mkfifo(desk / "pipe")
    refuses(folder, "pipe")


def test_folders_have_no_versions(folder: ClientBuckets) -> None:
    refuses(folder, "ann.jpg", version="null")


def test_no_descriptor_is_left_open(folder: ClientBuckets) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("descriptors can't be counted here")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("ann.jpg", "people", "people/ann/ä b.jpg", "people/ann/absent", "most.jpg"):
        try:
            folder.read("desk", name, None, MOST)
        except BucketNotAllowed:
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("bucket", ["photos", "", "Desk", "desk ", "../desk"])
def test_buckets_that_are_not_named(folder: ClientBuckets, bucket: str) -> None:
    refuses(folder, "ann.jpg", bucket=bucket)


def test_reads_objects_and_versions_of_a_bucket(s3: S3Server) -> None:
    first = s3.client.put_object(Bucket="photos", Key="a/ann ü.jpg", Body=b"first")["VersionId"]
    s3.client.put_object(Bucket="photos", Key="a/ann ü.jpg", Body=b"second")
    places = ClientBuckets.parse("photos=s3://photos, part=s3://photos/a")
    assert places.read("photos", "a/ann ü.jpg", None, MOST) == b"second"
    assert places.read("photos", "a/ann ü.jpg", first, MOST) == b"first"
    assert places.read("part", "ann ü.jpg", None, MOST) == b"second"
    for name, version in (("ann ü.jpg", None), ("a/ann ü.jpg", "0123"), ("a/ann ü.jpg", "x" * 2000)):
        refuses(places, name, version, "photos")
    for name in ("../photos/a/ann ü.jpg", "/a", "a/../a/ann ü.jpg", ""):
        refuses(places, name, bucket="part")


def test_only_the_named_buckets_of_a_server(s3: S3Server) -> None:
    s3.client.put_object(Bucket="desk-bucket", Key="x.jpg", Body=b"x")
    places = ClientBuckets.parse("photos=s3://photos,other=s3://absent-bucket")
    refuses(places, "x.jpg", bucket="desk-bucket")
    refuses(places, "x.jpg", bucket="other")


def test_too_large_in_a_bucket(s3: S3Server) -> None:
    s3.client.put_object(Bucket="photos", Key="more", Body=b"x" * (MOST + 1))
    s3.client.put_object(Bucket="photos", Key="most", Body=b"x" * MOST)
    places = ClientBuckets.parse("photos=s3://photos")
    assert len(places.read("photos", "most", None, MOST)) == MOST
    with pytest.raises(ImageTooLarge):
        places.read("photos", "more", None, MOST)


def test_a_server_that_is_not_there(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(StorageUnavailable, match="can't be reached"):
        ClientBuckets.parse("photos=s3://photos").read("photos", "x", None, MOST)


@contextmanager
def served_in_part(answer: bytes) -> Iterator[str]:
    """The address of a server that answers every request with this, and cuts the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    with listening.accept()[0] as connection:
                        connection.recv(1 << 16)
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("sent", [b"", b"\xff\xd8\xff"])
def test_a_connection_that_is_cut_while_an_object_is_read(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    with served_in_part(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + sent) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        places = ClientBuckets.parse("photos=s3://photos")
        with pytest.raises(StorageUnavailable, match="can't be reached"):
            places.read("photos", "x", None, MOST)
        with pytest.raises(StorageUnavailable, match="can't be reached"):
            list(places.chunks("photos", "x", None, MOST))
        with pytest.raises(StorageUnavailable, match="can't be reached"):
            BucketImages(BucketUrl("photos", "")).get("ab" * 32)


def test_a_list_that_is_no_list(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with served_in_part(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<List") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        with pytest.raises(StorageUnavailable, match="can't be reached"):
            list(ClientBuckets.parse("photos=s3://photos").list_names("photos", ""))


def test_no_places() -> None:
    for text in ("", " ", ","):
        assert ClientBuckets.parse(text).names() == ()


NO_PLACES = (
    *("photos", "photos=", "=s3://photos", "photos=/srv", "p=s3://photos", "a/b=s3://photos", "photos=ftp://photos"),
    *("photos=s3://photos,photos=s3://others", "photos=file://host/x", "photos=file:relative", "ph otos=s3://photos"),
)


@pytest.mark.parametrize("text", NO_PLACES)
def test_settings_that_name_no_places(text: str) -> None:
    with pytest.raises(SettingError, match="S3_BUCKETS"):
        ClientBuckets.parse(text)
