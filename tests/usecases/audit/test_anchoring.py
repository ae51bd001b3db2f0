"""Anchors that leave this machine, to webhooks and to buckets with a lock, show a tail that was cut off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from kenspeckle import settings
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.app import app
from kenspeckle.compose.embedded import build
from kenspeckle.domain.audit_anchor import is_anchor
from kenspeckle.errors import SettingError, StorageUnavailable
from kenspeckle.images.bucket_anchors import BucketAnchors
from kenspeckle.images.urls import BucketUrl
from kenspeckle.usecases.audit import verification
from kenspeckle.usecases.audit.anchoring import anchor_elsewhere
from kenspeckle.usecases.audit.recorder import CUT_BACK, Recorder
from kenspeckle.usecases.webhooks.events import Announcer
from tests.s3server import S3Server, served_s3
from tests.usecases.audit.test_verification import KEY
from tests.webhooks.conftest import Post, Receiver, post, receiver, until

__all__ = ["post", "receiver"]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with served_s3() as serving:
        yield serving


def locked(server: S3Server, name: str) -> str:
    """A bucket as an operator should make it."""
    server.client.create_bucket(
        Bucket=name,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
    server.client.put_object_lock_configuration(
        Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    return name


def anchors_in(bucket: str) -> BucketAnchors:
    return BucketAnchors(BucketUrl(bucket, "trail/"), lambda anchor: is_anchor(anchor, KEY))


class Trail:
    """A catalog in a folder, of which a copy is put back with everything in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open()

    def _open(self) -> None:
        self.catalog = SqlCatalog.open(f"sqlite:///{self.folder / 'kenspeckle.db'}")
        self.recorder = Recorder(self.catalog, KEY)

    def act(self, operation: str) -> None:
        self.recorder.record(self.recorder.entry(operation, "people"))

    def keep(self) -> None:
        self.catalog.close()
        shutil.copytree(self.folder, self.folder.with_name("copy"))
        self._open()

    def put_back(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.folder)
        self.folder.with_name("copy").rename(self.folder)
        self._open()


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Trail]:
    (tmp_path / "data").mkdir()
    made = Trail(tmp_path / "data")
    made.recorder.begin()
    with closing(made.recorder):
        yield made
    made.catalog.close()


def test_a_bucket_with_a_lock_shows_what_was_put_back(server: S3Server, trail: Trail) -> None:
    bucket = locked(server, "anchors")
    anchors = anchors_in(bucket)
    anchor_elsewhere(trail.recorder, Announcer(), anchors)
    trail.keep()
    trail.act("EraseCollection")
    anchor_elsewhere(trail.recorder, Announcer(), anchors)
    assert verification.verify(trail.catalog, KEY, locked=anchors.read()).sound
    trail.put_back()
    assert verification.verify(trail.catalog, KEY).sound

    # Who has the service's rights in the bucket too can't take the anchors away, hide them or put others before them.
    for one in server.client.list_object_versions(Bucket=bucket)["Versions"]:
        with pytest.raises(ClientError, match="AccessDenied"):
            server.client.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        server.client.delete_object(Bucket=bucket, Key=one["Key"])
        server.client.put_object(Bucket=bucket, Key=one["Key"], Body=b"{}")
    for number in range(100):
        server.client.put_object(Bucket=bucket, Key=f"trail/anchor-9{number:018}.json", Body=b"{}")
    (found,) = verification.verify(trail.catalog, KEY, locked=anchors.read()).findings
    assert (found.number, "which an anchor in the bucket names: the end was cut off" in found.what) == (2, True)

    for _ in range(2):
        anchor_elsewhere(trail.recorder, Announcer(), anchors)
    assert [row.operation for row in trail.catalog.audit_rows()].count(CUT_BACK) == 1


def test_a_bucket_that_locks_nothing_is_told_once(
    server: S3Server, trail: Trail, caplog: pytest.LogCaptureFixture
) -> None:
    anchors = anchors_in(server.bucket("open-anchors", versions=True))
    for _ in range(3):
        trail.act("GetFace")
        anchor_elsewhere(trail.recorder, Announcer(), anchors)
    assert caplog.text.count("has no default retention in mode COMPLIANCE") == 1
    assert [one.number for one in anchors.read()] == [4]
    with pytest.raises(StorageUnavailable, match="There is no bucket 'nowhere'"):
        anchor_elsewhere(trail.recorder, Announcer(), anchors_in("nowhere"))


def test_a_webhook_has_an_anchor_that_shows_it_too(post: Post, receiver: Receiver, tmp_path: Path) -> None:
    hook, secret = post.endpoints.create(receiver.url("/anchors"), events=["audit.anchored"])
    post.endpoints.create(receiver.url("/usual"))
    post.endpoints.create(receiver.url("/people"), events=["audit.anchored"], collections=["people"])
    assert hook.events == {"audit.anchored"}
    anchor_elsewhere(post.recorder, Announcer(post.catalog), None)
    post.dispatcher()
    until(lambda: receiver.of("/anchors"))
    (told,) = receiver.verified("/anchors", secret)
    assert (told["type"], told["data"]["collection"]) == ("audit.anchored", None)
    assert not receiver.of("/usual")
    assert not receiver.of("/people")
    key = post.recorder.key
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'shorter.db'}")) as shorter:
        Recorder(shorter, key).begin()
        for anchor in (told["data"]["anchor"], told["data"]["sealed"]):
            assert verification.verify(post.catalog, key, anchor).sound
            (found,) = verification.verify(shorter, key, anchor).findings
            assert found.what == "the anchor's row is not there"


def test_the_service_stores_them_and_the_command_reads_them(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, bucket = tmp_path / "data", locked(server, "of-the-service")
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(folder))
    monkeypatch.setenv("KENSPECKLE_AUDIT_ANCHORS_URL", f"s3://{bucket}/a/b")
    with closing(build(settings.load(), at_once=False)) as service:
        service.housekeeping.round()
    shutil.copytree(folder, tmp_path / "copy")
    with closing(build(settings.load(), at_once=False)) as service:
        service.guard.recorder.record(service.guard.recorder.entry("GetFace", "people"))
        service.housekeeping.round()
    assert CliRunner().invoke(app, ["audit", "verify"]).exit_code == 0
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    cut = CliRunner().invoke(app, ["audit", "verify"])
    assert (cut.exit_code, "which an anchor in the bucket names" in cut.output) == (1, True), cut.output
    examined = CliRunner().invoke(app, ["doctor"])
    assert "which an anchor in the bucket names" in " ".join(examined.output.split())
    monkeypatch.setenv("KENSPECKLE_AUDIT_ANCHORS_URL", "file:///tmp")
    with pytest.raises(SettingError, match="AUDIT_ANCHORS_URL names a bucket"):
        build(settings.load())
