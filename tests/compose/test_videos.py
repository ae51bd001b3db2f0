"""Videos through the whole service: who is in them, after kills and erasure, with real networks and real videos."""

from __future__ import annotations

import io
import itertools
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image
from sqlalchemy import func, select

from kenspeckle.catalog.tables import jobs, video_faces, video_matches, video_tracks, videos
from kenspeckle.compose.conversion import convert_folder
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import UNFINISHED, Appearance, Attribute, Event, Job, JobKind, JobState, VideoFace, VideoSource
from kenspeckle.domain import operations as ops
from kenspeckle.domain.attributes import ALL
from kenspeckle.errors import (
    CollectionNotFound,
    Conflict,
    IdempotencyMismatch,
    ImageTooLarge,
    InvalidValue,
    JobNotFound,
    NoFace,
    NotOffered,
    QuotaExceeded,
)
from kenspeckle.settings import load
from kenspeckle.usecases.videos import analysis, operations
from kenspeckle.vision import closeup, two_stage, video_child
from kenspeckle.vision.closeup import CropFace
from kenspeckle.vision.video import ChildDecoder
from tests import forks
from tests.videos import EILEEN, GRACE, SAMPLES, brief, empty, make, shot, two_people

HOME = "kenspeckle"
HERE = "127.0.0.1"
_numbers = itertools.count(1)


@contextmanager
def built(folder: Path, **more: object) -> Iterator[Service]:
    service = build(load({"data_dir": folder, "host": HERE, **more}, environ={}))
    assert isinstance(service, Service)
    try:
        yield service
    finally:
        service.close()


def fill(service: Service, home: str = HOME) -> None:
    for name in (GRACE, EILEEN):
        service.recognizer.handle(
            ops.IndexFaces(collection_id=home, image=(SAMPLES / name).read_bytes(), external_image_id=name)
        )


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_people(tmp_path_factory.mktemp("video") / "two.mp4")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return brief(tmp_path_factory.mktemp("video") / "brief.mp4")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests that need no other: it costs seconds."""
    with built(tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture
def home(service: Service) -> str:
    """A collection of its own with both people."""
    name = f"home-{next(_numbers)}"
    service.recognizer.handle(ops.CreateCollection(collection_id=name))
    fill(service, name)
    return name


def start(service: Service, path: Path, home: str = HOME, **more: Any) -> Job:
    return service.recognizer.handle(ops.StartVideo(collection_id=home, source=VideoSource(path=str(path)), **more))


def done(service: Service, job: Job) -> Job:
    return service.jobs.run_one(job.job_id, patience=0)


def uploaded(service: Service, path: Path) -> dict[str, Any]:
    parts = service.local.context.videos
    assert parts is not None
    key = os.urandom(32)
    incoming = parts.staged.begin(key)
    incoming.write(path.read_bytes())
    incoming.close()
    return {"source": VideoSource(upload=incoming.name), "upload_key": key}


def appearances(service: Service, job: Job) -> tuple[Appearance, ...]:
    return service.recognizer.handle(ops.ListAppearances(job_id=job.job_id)).appearances


def names(some: tuple[Appearance, ...]) -> list[str | None]:
    return [one.matches[0].face.external_image_id if one.matches else None for one in some]


def left(service: Service, home: str) -> dict[str, int]:
    """Rows of the results of a collection's videos."""
    with service.catalog.database.read() as connection:
        here = select(videos.c.row).join(jobs, jobs.c.job_id == videos.c.job_id).where(jobs.c.collection_id == home)
        return {
            table.name: connection.execute(select(func.count()).select_from(table).where(column.in_(here))).scalar_one()
            for table, column in (
                (video_faces, video_faces.c.video_row),
                (video_tracks, video_tracks.c.video_row),
                (video_matches, video_matches.c.video_row),
            )
        }


def test_pictures_of_an_appearance_have_the_pixels_of_one_photograph_together(tmp_path: Path) -> None:
    picture = (SAMPLES / GRACE).read_bytes()
    with Image.open(SAMPLES / GRACE) as opened:
        most = 2 * opened.width * opened.height
    asked = ops.SearchAppearance(
        collection_id=HOME, images=(picture, picture), camera="hall", first_at=1.0, last_at=2.0, frames=3
    )
    with built(tmp_path, max_image_pixels=most) as service:
        assert service.recognizer.handle(asked).pictures == 2
        with pytest.raises(ImageTooLarge, match="pixels together"):
            service.recognizer.handle(replace(asked, images=(picture,) * 3))


def test_several_pictures_are_looked_at_as_closely_as_one_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Image.open(SAMPLES / GRACE) as opened:
        face = opened.convert("RGB").resize((60, 72))
    picture = Image.new("RGB", (1200, 720))
    for place in range(200):
        picture.paste(face.rotate(place * 97 % 360), (place % 20 * 60, place // 20 * 72))
    file = io.BytesIO()
    picture.save(file, "JPEG")
    crops: list[int] = []

    def look(*arguments: Any) -> CropFace | None:
        crops.append(1)
        return closely(*arguments)

    closely = closeup.look
    monkeypatch.setattr(closeup, "look", look)
    appearance = ops.SearchAppearance(
        collection_id=HOME, images=(file.getvalue(),) * 8, camera="hall", first_at=1.0, last_at=2.0, frames=8
    )
    with built(tmp_path) as service:
        for asked in (appearance, ops.CompareFaces(source=file.getvalue(), target=file.getvalue())):
            crops.clear()
            with suppress(NoFace):
                service.recognizer.handle(asked)
            assert 0 < len(crops) <= two_stage.CROPS + 8 * 12


def test_who_is_there_from_when_to_when_and_nobody_else(service: Service, home: str, video: Path) -> None:
    ended = done(service, start(service, video, home))
    assert ended.state is JobState.SUCCEEDED
    assert ended.result == {"people": 2, "known": 2, "milliseconds": 4800, "complete": True}
    found = appearances(service, ended)
    assert set(names(found)) == {GRACE, EILEEN}
    seen = {name: [(one.first_ms, one.last_ms) for one in found if names((one,)) == [name]] for name in (GRACE, EILEEN)}
    assert (seen[GRACE][0][0], seen[GRACE][-1][1]) == (0, 2800)
    assert seen[EILEEN][0][0] == 1600
    assert seen[EILEEN][-1][1] == 4800
    assert {one.person for one in found} == {0, 1}


def test_faces_by_time_and_by_person_page_by_page(service: Service, home: str, video: Path) -> None:
    ended = done(service, start(service, video, home))

    def all_of(by_person: bool) -> list[VideoFace]:
        found: list[VideoFace] = []
        cursor = None
        while True:
            page = service.recognizer.handle(
                ops.GetVideo(job_id=ended.job_id, by_person=by_person, limit=7, cursor=cursor)
            )
            found += page.faces
            cursor = page.cursor
            if cursor is None:
                return found

    by_time, by_person = all_of(False), all_of(True)
    assert len(by_time) == len(by_person) > 20
    assert [one.at for one in by_time] == sorted(one.at for one in by_time)
    assert by_person == sorted(by_time, key=lambda one: (one.person, one.at))
    assert all(one.matches and len(one.detail.landmarks) == 5 for one in by_time)


def test_detection_searches_nobody(service: Service, home: str, video: Path) -> None:
    job = service.recognizer.handle(ops.StartVideoDetection(source=VideoSource(path=str(video))))
    ended = done(service, job)
    page = service.recognizer.handle(ops.GetVideo(job_id=job.job_id, search=False))
    assert ended.result == {"people": 0, "known": 0, "milliseconds": 4800, "complete": True}
    assert len(page.faces) > 20
    assert {one.person for one in page.faces} == {None}
    for wrong in (ops.GetVideo(job_id=job.job_id), ops.ListAppearances(job_id=job.job_id)):
        with pytest.raises(JobNotFound):
            service.recognizer.handle(wrong)


def test_detection_tells_attributes_where_they_are_asked_for(service: Service, tmp_path: Path) -> None:
    short = make(tmp_path / "short.mp4", [(0.6, shot((EILEEN, 150, 20)))])
    asked = ops.StartVideoDetection(source=VideoSource(path=str(short)), attributes=ALL)
    job = service.recognizer.handle(asked)
    assert "GENDER" not in job.parameters["attributes"]  # type: ignore[operator]
    assert done(service, job).state is JobState.SUCCEEDED
    faces = service.recognizer.handle(ops.GetVideo(job_id=job.job_id, search=False)).faces
    assert len(faces) >= 2
    for one in faces:
        told = one.detail.attributes
        assert told is not None
        assert told.age is not None
        assert told.flags[Attribute.SMILE].value is True
        assert len(told.landmarks) + len(one.detail.landmarks) == 30


def test_results_show_the_present_names_of_people(service: Service, home: str, short: Path) -> None:
    ended = done(service, start(service, short, home))
    match = appearances(service, ended)[0].matches[0]
    assert match.person is not None
    service.recognizer.handle(
        ops.ChangePerson(
            collection_id=home, person_id=match.person.person_id, person_name="\u0413\u0440\u0435\u0439\u0441"
        )
    )
    found = appearances(service, ended)[0]
    assert found.matches[0].name == "\u0413\u0440\u0435\u0439\u0441"
    assert found.matches[0].face == match.face
    service.recognizer.handle(ops.ErasePerson(collection_id=home, person_id=match.person.person_id))
    assert found.person not in {one.person for one in appearances(service, ended)}


@pytest.mark.parametrize("step", ["checkpoint", "naming"])
def test_after_kill_9_another_process_goes_on(tmp_path: Path, video: Path, step: str) -> None:
    with built(tmp_path) as service:
        fill(service)
        whole = done(service, start(service, video))
        wanted = [(one.first_ms, one.last_ms, one.frames) for one in appearances(service, whole)]
        job = start(service, video)
    killed = forks.run([sys.executable, "-m", "tests.compose.killed_video", str(tmp_path), job.job_id, step])
    assert killed.returncode == -signal.SIGKILL
    with built(tmp_path) as service:
        assert service.catalog.video(job.job_id).position >= 1000
        ended = done(service, job)
        assert ended.state is JobState.SUCCEEDED
        assert ended.attempts in (1, 2)
        found = appearances(service, ended)
        assert [(one.first_ms, one.last_ms, one.frames) for one in found] == wanted
        assert set(names(found)) == {GRACE, EILEEN}
        with service.catalog.database.read() as connection:
            assert connection.execute(select(video_tracks.c.templates)).scalars().all() == [None] * (2 * len(wanted))


def test_erasure_takes_a_person_out_of_results(service: Service, home: str, short: Path) -> None:
    ended = done(service, start(service, short, home))
    assert GRACE in names(appearances(service, ended))
    service.recognizer.handle(ops.EraseIdentity(collection_id=home, external_image_id=GRACE))
    found = appearances(service, ended)
    assert set(names(found)) == {EILEEN}
    faces = service.recognizer.handle(ops.GetVideo(job_id=ended.job_id)).faces
    assert {one.person for one in faces} == {found[0].person}


def test_results_go_with_the_collection(service: Service, home: str, short: Path) -> None:
    done(service, start(service, short, home))
    asked = uploaded(service, short)
    job = service.recognizer.handle(ops.StartVideo(collection_id=home, **asked))
    staged = service.settings.data_dir / "videos" / asked["source"].upload
    assert staged.exists()
    service.recognizer.handle(ops.DeleteCollection(collection_id=home))
    assert not staged.exists()
    assert service.catalog.job(job.job_id).error == "The collection was deleted."
    while (purge := service.jobs._take()) is not None:
        service.jobs._begin(purge).join()
    assert set(left(service, home).values()) == {0}
    for gone in (ops.GetVideo(job_id=job.job_id), ops.ListAppearances(job_id=job.job_id)):
        with pytest.raises(JobNotFound):
            service.recognizer.handle(gone)


def test_results_go_at_the_age_of_the_collection_and_with_their_job(
    service: Service, home: str, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = done(service, start(service, short, home))
    service.recognizer.handle(ops.EraseAged(collection_id=home, days=1))
    assert appearances(service, ended)
    with service.catalog.database.write() as connection:
        connection.execute(videos.update().values(created_at=1.0))
    service.recognizer.handle(ops.EraseAged(collection_id=home, days=1))
    with pytest.raises(JobNotFound):
        appearances(service, ended)
    again = done(service, start(service, short, home))
    service.catalog.trim_jobs(float("inf"))
    service.local.work_off()
    assert set(left(service, home).values()) == {0}
    with pytest.raises(JobNotFound):
        appearances(service, again)


def test_results_are_erased_on_request_once_the_job_has_ended(service: Service, home: str, short: Path) -> None:
    job = start(service, short, home)
    with pytest.raises(Conflict):
        service.recognizer.handle(ops.EraseVideo(job_id=job.job_id))
    done(service, job)
    service.recognizer.handle(ops.EraseVideo(job_id=job.job_id))
    assert set(left(service, home).values()) == {0}
    with pytest.raises(JobNotFound):
        service.catalog.job(job.job_id)


def test_an_upload_is_encrypted_and_goes_with_its_job(tmp_path: Path, short: Path) -> None:
    with built(tmp_path, encryption=True) as service:
        fill(service)
        asked = uploaded(service, short)
        (stored,) = (tmp_path / "videos").iterdir()
        assert stored.stat().st_mode & 0o777 == 0o600
        assert stored.parent.stat().st_mode & 0o777 == 0o700
        assert b"ftyp" not in stored.read_bytes()[:64]
        job = service.recognizer.handle(ops.StartVideo(collection_id=HOME, **asked))
        with service.catalog.database.read() as connection:
            kept = connection.execute(select(videos.c.upload_key)).scalar_one()
        assert asked["upload_key"] not in kept
        ended = done(service, job)
        assert set(names(appearances(service, ended))) == {GRACE, EILEEN}
        assert list((tmp_path / "videos").iterdir()) == []


def test_templates_of_an_encrypted_collection_are_never_in_the_clear(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "people_of", lambda *_: (_ for _ in ()).throw(RuntimeError))
    monkeypatch.setattr("kenspeckle.catalog.sql.SqlCatalog.drop_results", lambda *_: None)
    sizes = []
    for encryption in (False, True):
        with built(tmp_path / str(encryption), encryption=encryption) as service:
            fill(service)
            done(service, start(service, short))
            with service.catalog.database.read() as connection:
                found = connection.execute(select(video_tracks.c.templates)).scalars().all()
            sizes.append({len(one) % 4 for one in found if one is not None})
    assert sizes == [{0}, {1}]


def test_what_is_told_of_faces_without_a_collection_is_encrypted_where_new_collections_are(tmp_path: Path) -> None:
    short = make(tmp_path / "short.mp4", [(0.6, shot((EILEEN, 150, 20)))])
    place = tmp_path / "data"

    def stored(service: Service) -> list[Any]:
        with service.catalog.database.read() as connection:
            found = list(connection.execute(select(video_faces.c.detail)).scalars())
            return [*found, *connection.execute(select(videos.c.upload_key)).scalars()]

    def shown(service: Service, job: Job) -> list[VideoFace]:
        page = service.recognizer.handle(ops.GetVideo(job_id=job.job_id, search=False))
        assert all(one.detail.attributes is not None and one.detail.attributes.age for one in page.faces)
        return list(page.faces)

    with built(place, encryption=True) as service:
        asked = uploaded(service, short)
        job = service.recognizer.handle(ops.StartVideoDetection(attributes=ALL, **asked))
        assert service.catalog.video(job.job_id).upload_key == asked["upload_key"]
        assert asked["upload_key"] not in stored(service)[-1]
        done(service, job)
        before = shown(service, job)
        *details, key = stored(service)
        assert len(before) == len(details) >= 2
        assert not any("eyeLeft" in one or "AgeRange" in one for one in details)
        assert len({*details}) == len(details)
    for encryption in (False, True):
        to = load({"data_dir": place, "host": HERE, "encryption": encryption}, environ={})
        convert_folder(to, lambda *_: None)
        with built(place, encryption=encryption) as service:
            assert shown(service, job) == before
            *details, key = stored(service)
            assert ["AgeRange" in one for one in details] == [not encryption] * len(details)
            assert (len(key) == 32) is not encryption


def test_a_cancelled_job_leaves_nothing(
    service: Service, home: str, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "STEP_MS", 1000)
    asked = uploaded(service, video)
    job = service.recognizer.handle(ops.StartVideo(collection_id=home, **asked))
    real = service.catalog.checkpoint

    def cancelling(*words: Any) -> None:
        real(*words)
        service.recognizer.handle(ops.CancelJob(job_id=job.job_id))
        running = service.jobs._running[job.job_id][1]
        with suppress(Exception):
            running.hold()

    monkeypatch.setattr(service.catalog, "checkpoint", cancelling)
    assert done(service, job).state is JobState.CANCELLED
    assert set(left(service, home).values()) == {0}
    assert list((service.settings.data_dir / "videos").iterdir()) == []


def test_a_job_that_fails_says_why_and_leaves_nothing(service: Service, home: str, tmp_path: Path) -> None:
    long = make(tmp_path / "long.mkv", [(2, empty)])
    with built(tmp_path / "other", max_video_seconds=1) as other:
        ended = done(other, start(other, long))
    assert ended.state is JobState.FAILED
    assert "longer than 1 s" in ended.error
    for path, message in ((SAMPLES / GRACE, "is a photograph"), (tmp_path / "nothing.mp4", "can't be read")):
        ended = done(service, start(service, path, home))
        assert ended.state is JobState.FAILED
        assert message in ended.error
    # Also where it lies encrypted.
    sent = service.recognizer.handle(ops.StartVideo(collection_id=home, **uploaded(service, SAMPLES / GRACE)))
    assert "is a photograph" in done(service, sent).error
    assert set(left(service, home).values()) == {0}


@pytest.mark.parametrize(
    ("end", "message"), [("SIGSEGV", "crashed"), ("SIGKILL", "more memory"), ("SIGSTOP", "standstill")]
)
def test_a_decoder_that_ends_or_hangs_halfway_fails_the_job_alone(
    service: Service, home: str, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, message: str
) -> None:
    """It is stopped by a signal after the first frame; the next video is looked at as ever."""
    ending = tmp_path / "child.py"
    ending.write_text(
        "import os, runpy, signal, sys\n"
        f"child = runpy.run_path({str(video_child.__file__)!r})\n"
        "real = child['main'].__globals__['send']\n"
        f"def send(*words):\n    real(*words)\n    os.kill(os.getpid(), signal.{end})\n"
        "child['main'].__globals__['send'] = send\n"
        "sys.exit(child['main']())\n"
    )
    parts = service.local.context.videos
    assert parts is not None
    with monkeypatch.context() as patch:
        patch.setattr("kenspeckle.vision.video.CHILD", ending)
        if end == "SIGSTOP":
            patch.setattr(parts.decoder, "_stalled", 3.0)
        ended = done(service, start(service, video, home))
    assert ended.state is JobState.FAILED
    assert message in ended.error
    assert set(left(service, home).values()) == {0}


def test_the_same_token_is_the_same_job_and_another_key_has_its_own(service: Service, home: str, video: Path) -> None:
    asked = {"token": "token-1", "key_id": "a"}
    first = start(service, video, home, **asked)
    assert start(service, video, home, **asked).job_id == first.job_id
    assert start(service, video, home, token="token-1", key_id="b").job_id != first.job_id
    with pytest.raises(IdempotencyMismatch):
        start(service, video, home, **asked, threshold=99.0)
    with pytest.raises(IdempotencyMismatch):
        start(service, video.with_name("other.mp4"), home, **asked)


def test_jobs_are_seen_by_the_keys_of_their_collection(service: Service, home: str, video: Path) -> None:
    job = start(service, video, home)
    detection = service.recognizer.handle(
        ops.StartVideoDetection(source=VideoSource(path=str(video)), key_id="a", only=["staff"])
    )
    seen = ops.GetVideo(job_id=job.job_id, only=[home])
    assert service.recognizer.handle(seen).video.job.job_id == job.job_id
    for job_id, only, key_id in ((job.job_id, ["staff"], "a"), (detection.job_id, ["staff"], "b")):
        with pytest.raises(JobNotFound):
            service.recognizer.handle(
                ops.GetVideo(job_id=job_id, search=job_id == job.job_id, only=only, key_id=key_id)
            )
    mine = ops.GetVideo(job_id=detection.job_id, search=False, only=["staff"], key_id="a")
    assert service.recognizer.handle(mine).video.job.job_id == detection.job_id


def test_what_can_not_be_started(service: Service, home: str, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CollectionNotFound):
        service.recognizer.handle(ops.StartVideo(collection_id="nobody", source=VideoSource(path=str(video))))
    with pytest.raises(InvalidValue, match="KENSPECKLE_SNS_TOPICS"):
        start(service, video, home, topic="arn:aws:sns:eu-central-1:000000000000:foreign")
    unfinished = sum(
        job.state in UNFINISHED and job.kind is JobKind.VIDEO
        for job in service.recognizer.handle(ops.ListJobs(limit=1000)).items
    )
    monkeypatch.setattr(operations, "MOST_UNFINISHED", unfinished + 1)
    start(service, video, home)
    with pytest.raises(QuotaExceeded):
        start(service, video, home)
    assert service.local.info()["offered"][-1] == "video"  # type: ignore[index]
    monkeypatch.setattr(ChildDecoder, "available", False)
    assert "video" not in service.local.info()["offered"]  # type: ignore[operator]
    with pytest.raises(NotOffered, match="PyAV"):
        start(service, video, home)


def test_the_end_is_told_to_webhooks_and_the_audit_trail(tmp_path: Path, short: Path) -> None:
    with built(tmp_path, webhook_hosts="127.0.0.1") as service:
        fill(service)
        hook, _ = service.guard.webhooks.create("http://127.0.0.1:9/ended", events=[Event.VIDEO])
        service.guard.announcer.forget()  # as a service that serves does; it has a list of before otherwise
        job = start(service, short, tag="entrance")
        done(service, job)
        appearances(service, job)
        (letter,) = service.catalog.claim(hook.webhook_id, time.time(), time.time() + 60, time.time() + 120, 9)
        told = orjson.loads(letter.payload)
        rows = {row.operation: row for row in service.catalog.audit_rows()}
    assert told["type"] == "video.ended"
    wanted = {"job_id": job.job_id, "state": "succeeded", "tag": "entrance", "people": 2, "known": 2}
    assert wanted.items() <= told["data"].items()
    assert GRACE not in letter.payload
    assert job.job_id in rows["StartFaceSearch"].facts
    assert orjson.loads(rows["EndJob"].facts)["people"] == 2
    assert rows["ListAppearances"].face_count == 2


def test_an_appearance_before_a_camera_is_named_by_several_pictures_and_told(tmp_path: Path) -> None:
    grace, eileen, rocket = ((SAMPLES / name).read_bytes() for name in (GRACE, EILEEN, "rocket.jpg"))
    with built(tmp_path, webhook_hosts="127.0.0.1") as service:
        hook, _ = service.guard.webhooks.create("http://127.0.0.1:9/seen", events=[Event.APPEARED])
        indexed = ops.IndexFaces(collection_id=HOME, image=grace, external_image_id="grace-hopper.jpg")
        face = service.recognizer.handle(indexed).records[0].face.face_id

        def appeared(*images: bytes) -> list[str]:
            about = {"camera": "hall", "first_at": 1.8e9, "last_at": 1.8e9 + 2, "frames": 9}
            asked = ops.SearchAppearance(collection_id=HOME, images=images, **about)  # type: ignore[arg-type]
            return [one.face.face_id for one in service.recognizer.handle(asked).matches]

        assert appeared(grace, grace, grace, eileen) == [face]
        assert appeared(grace, grace) == [], "two pictures name nobody"
        assert appeared(eileen, eileen, grace) == []
        with pytest.raises(NoFace):
            appeared(rocket)
        for wrong in ([], [grace] * 9):
            with pytest.raises(InvalidValue, match="1 to 8 pictures"):
                appeared(*wrong)
        letters = service.catalog.claim(hook.webhook_id, time.time(), time.time() + 60, time.time() + 120, 9)
    known, *unknown = (orjson.loads(one.payload) for one in letters)
    assert (known["type"], len(unknown)) == ("camera.appearance", 2)
    wanted = {"camera": "hall", "name": "Grace hopper", "frames": 9, "from": "2027-01-15T08:00:00.000Z", "ended": True}
    assert wanted.items() <= known["data"].items()
    assert [one["face_id"] for one in known["data"]["matches"]] == [face]
    assert all(one["data"]["matches"] == [] for one in unknown)
