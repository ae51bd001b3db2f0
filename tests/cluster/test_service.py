"""The whole service in this process over a real PostgreSQL: what only runs with real networks and a real video."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from botocore.awsrequest import AWSRequest
from sqlalchemy import Table, func, select

from kenspeckle.catalog.postgres.clock import ServerClock
from kenspeckle.catalog.tables import jobs, members, people, video_faces, videos
from kenspeckle.compose.service import Service
from kenspeckle.domain import Attribute, Job, JobKind, JobState
from kenspeckle.domain import operations as ops
from kenspeckle.ports import AuditQuery
from tests.compose.test_videos import HOME, appearances, built, done, fill, names, start, uploaded
from tests.postgres import Server
from tests.rekognition.signing import sign
from tests.s3server import S3Server, served_s3
from tests.videos import EILEEN, GRACE, SAMPLES, brief, two_people

AGE = frozenset({Attribute.AGE_RANGE})


def test_attributes_people_and_a_video_until_all_are_erased(postgres: Server, tmp_path: Path) -> None:
    with postgres.database() as url, built(tmp_path, catalog_url=url) as service:
        ask = service.recognizer.handle
        for name in (GRACE, EILEEN):
            image = (SAMPLES / name).read_bytes()
            made = ask(ops.IndexFaces(collection_id=HOME, image=image, external_image_id=name, attributes=AGE))
            (record,) = made.records
            stored = ask(ops.GetFace(collection_id=HOME, face_id=record.face.face_id))
            assert stored.detail == record.detail
            assert stored.detail.attributes is not None
            assert stored.detail.attributes.age is not None
        named = {one.external_image_ids: one.person_id for one in ask(ops.ListPeople(collection_id=HOME)).items}
        ended = done(service, start(service, two_people(tmp_path / "two.mp4")))
        assert set(names(appearances(service, ended))) == {GRACE, EILEEN}
        gone = ask(ops.ErasePerson(collection_id=HOME, person_id=named[GRACE,]))
        assert gone.receipt is not None
        assert not gone.receipt.complete
        assert len(gone.receipt.remains) == 2
        assert set(names(appearances(service, ended))) == {EILEEN}
        with service.catalog.database.write() as connection:
            connection.execute(videos.update().values(created_at=1.0))
        ask(ops.EraseAged(collection_id=HOME, days=1))
        assert rows(service, videos) == rows(service, video_faces) == 0
        ask(ops.EraseIdentity(collection_id=HOME, external_image_id=EILEEN))
        assert rows(service, people) == rows(service, members) == 0


def test_a_video_that_one_replica_was_sent_is_looked_at_by_another(postgres: Server, tmp_path: Path) -> None:
    with ExitStack() as stack:
        url, s3 = stack.enter_context(postgres.database()), stack.enter_context(served_s3())
        asked = {"catalog_url": url, "images_url": f"s3://{s3.bucket('of-replicas')}/here", "master_key": "ab" * 32}
        one, other = (stack.enter_context(built(tmp_path / name, **asked)) for name in ("one", "other"))
        fill(one)
        sent = uploaded(one, brief(tmp_path / "brief.mp4"))
        job = one.recognizer.handle(ops.StartVideo(collection_id=HOME, **sent))
        assert any("videos/" in key for key in keys(s3))
        ended = done(other, job)
        assert ended.state is JobState.SUCCEEDED, ended.error
        assert GRACE in names(appearances(one, ended))
        assert not any("videos/" in key for key in keys(s3)), "it goes with its job"
        again = one.recognizer.handle(ops.StartVideo(collection_id=HOME, **uploaded(one, tmp_path / "brief.mp4")))
        other.recognizer.handle(ops.CancelJob(job_id=again.job_id))
        other.local.work_off()
        assert not any("videos/" in key for key in keys(s3)), "also where nobody looks at it any more"


def keys(s3: S3Server) -> list[str]:
    return [one["Key"] for one in s3.client.list_objects_v2(Bucket="of-replicas").get("Contents", ())]


def test_leases_and_times_go_by_the_clock_of_the_database(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica whose clock is ten minutes slow: what it writes has the time that all others have."""
    ahead = 600.0
    asked = ServerClock._ask

    def ask(self: ServerClock) -> None:
        asked(self)
        assert self._ahead is not None
        self._ahead += ahead

    monkeypatch.setattr(ServerClock, "_ask", ask)
    with postgres.database() as url, built(tmp_path, catalog_url=url, webhook_hosts="127.0.0.1") as service:
        began = time.time() + ahead
        catalog, ask_ = service.catalog, service.recognizer.handle
        hook, _ = service.guard.webhooks.create("http://127.0.0.1:9/x", events=["faces.indexed"])
        image = (SAMPLES / GRACE).read_bytes()
        made = ask_(ops.IndexFaces(collection_id=HOME, image=image, external_image_id=GRACE))
        key = service.access.create("desk").key
        gone = ask_(ops.DeleteFaces(collection_id=HOME, face_ids=[made.records[0].face.face_id]))
        assert gone.receipt is not None
        kept = catalog.receipt(gone.receipt.receipt_id)
        catalog.add_job(Job("job-1", JobKind.PURGE, HOME, catalog.now()))
        taken = service.jobs._take()
        assert taken is not None
        with catalog.database.read() as connection:
            lease = connection.execute(select(jobs.c.lease_until)).scalar_one()
        (told,) = catalog.deliveries(hook.webhook_id, None, 9, None).items
        row = next(iter(catalog.find_audit(AuditQuery(operation="DeleteFaces"), 1)))
        times = (made.records[0].face.created_at, key.created_at, kept.created_at, lease - 30, told.created_at, row.at)
        assert [one for one in times if not began - 60 <= one <= time.time() + ahead + 60] == []


def test_signatures_are_judged_by_the_clock_of_the_database(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica whose clock is ten minutes slow takes what a client signs now, and not what is ten minutes old."""
    asked = ServerClock._ask

    def ask(self: ServerClock) -> None:
        asked(self)
        assert self._ahead is not None
        self._ahead += 600

    monkeypatch.setattr(ServerClock, "_ask", ask)
    with postgres.database() as url, built(tmp_path, catalog_url=url) as service:
        key = service.access.create("desk", aws=True)
        transport = httpx.ASGITransport(service.serve())

        async def ask_signed(ahead: float) -> int:
            at = datetime.now(UTC) + timedelta(seconds=ahead)
            monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: at)
            headers = {"Content-Type": "application/x-amz-json-1.1", "Host": "127.0.0.1"}
            headers["X-Amz-Target"] = "RekognitionService.ListCollections"
            request = AWSRequest("POST", "http://127.0.0.1/", headers, b"{}")
            signed = sign(request, key, service.settings.aws_region).prepare()
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                answer = await client.post("/", content=b"{}", headers=dict(signed.headers.items()))
            return answer.status_code

        assert [asyncio.run(ask_signed(ahead)) for ahead in (600, 0)] == [200, 400]


def rows(service: Service, table: Table) -> int:
    with service.catalog.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())
