"""A collection comes to another pack: real networks, real photographs, over REST and in between its steps."""

from __future__ import annotations

import io
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import func, select, update

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.sqlite.copies import SqliteCopies, SqliteReplacer
from kenspeckle.catalog.tables import faces as stored_faces
from kenspeckle.catalog.tables import images, staged
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import FaceDetail, Job, JobKind, JobState
from kenspeckle.domain import operations as ops
from kenspeckle.encryption.cipher import FACE
from kenspeckle.errors import CollectionNotFound, Conflict, InvalidValue, ModelMissing, StorageFull
from kenspeckle.models import registry
from kenspeckle.ports import Photo
from kenspeckle.settings import load
from kenspeckle.vision import engine as vision
from tests import forks
from tests.encryption import secrets
from tests.faults.test_full_disk import _fill, small_disk
from tests.moving.conftest import Command, command, commands
from tests.rekognition.served import running

__all__ = ["command", "commands", "small_disk"]

MODELS = load(environ={}).models_dir
SAMPLES = MODELS / "samples"
OLD, NEW = "centerface-dlib", "sface"
HOME = "people"


@cache
def variation(name: str, share: float = 1.0) -> bytes:
    """A sample in other bytes, at `share` of its size."""
    file = io.BytesIO()
    with Image.open(SAMPLES / name) as picture:
        size = (round(picture.width * share), round(picture.height * share))
        picture.convert("RGB").resize(size).save(file, "JPEG", quality=92)
    return file.getvalue()


@cache
def together() -> bytes:
    """Both people side by side."""
    file = io.BytesIO()
    grace, eileen = (Image.open(io.BytesIO(variation(name, 0.7))) for name in ("grace_hopper.jpg", "astronaut.png"))
    sheet = Image.new("RGB", (grace.width + eileen.width, max(grace.height, eileen.height)), "gray")
    sheet.paste(grace, (0, 0))
    sheet.paste(eileen, (grace.width, 0))
    sheet.save(file, "JPEG", quality=92)
    return file.getvalue()


@contextmanager
def built(folder: Path, **more: object) -> Iterator[Service]:
    service = build(load({"data_dir": folder, "host": "127.0.0.1", "pack": OLD, "workers": 2, **more}, environ={}))
    assert isinstance(service, Service)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the four faces; seeing them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("filled")
    with built(folder) as made:
        fill(made)
    return folder


@pytest.fixture
def service(filled: Path, tmp_path: Path) -> Iterator[Service]:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with built(tmp_path) as made:
        yield made


def fill(service: Service) -> None:
    """Four faces of two people, one of them a user."""
    ask = service.recognizer.handle
    ask(ops.CreateCollection(collection_id=HOME, pack=OLD))
    for identity, data in (
        ("grace", variation("grace_hopper.jpg")),
        ("eileen", variation("astronaut.png")),
        ("both", together()),
    ):
        ask(ops.IndexFaces(collection_id=HOME, image=data, external_image_id=identity, key=f"{identity}.jpg"))
    ask(ops.CreateUser(collection_id=HOME, user_id="hopper"))
    mine = [one.face_id for one in faces(service) if one.external_image_id == "grace"]
    ask(ops.AssociateFaces(collection_id=HOME, user_id="hopper", face_ids=mine))


def faces(service: Service, name: str = HOME) -> Any:
    return service.recognizer.handle(ops.ListFaces(collection_id=name)).items


def pack(service: Service) -> str:
    return service.recognizer.handle(ops.DescribeCollection(collection_id=HOME)).pack


def found(service: Service, data: bytes, threshold: float = 80) -> list[str]:
    answer = service.recognizer.handle(ops.SearchImage(collection_id=HOME, image=data, threshold=threshold))
    return sorted(match.face.external_image_id or "" for match in answer.searches[0].matches)


def staged_rows(service: Service) -> int:
    with service.catalog.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(staged)).scalar_one())


def start(service: Service) -> Job:
    return service.recognizer.handle(ops.UpgradeCollection(collection_id=HOME, pack=NEW))


def run(service: Service, job: Job) -> Job:
    return service.jobs.run_one(job.job_id, patience=0)


def before(
    service: Service, monkeypatch: pytest.MonkeyPatch, method: str, number: int, act: Callable[[], object]
) -> None:
    """Do `act` in front of the call of that number of a method of the catalog."""
    real, calls = getattr(service.catalog, method), [0]

    def called(*words: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            act()
        return real(*words, **named)

    monkeypatch.setattr(service.catalog, method, called)


def test_ids_names_users_and_boxes_stay_and_templates_are_of_the_new_pack(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with built(tmp_path) as service:
        stored = {one.face_id: one for one in faces(service)}
        details = {
            face_id: service.recognizer.handle(ops.GetFace(collection_id=HOME, face_id=face_id)).detail
            for face_id in stored
        }
        with running(service.serve()) as url, httpx.Client(base_url=url, timeout=60) as http:
            revision = http.get(f"/v1/collections/{HOME}").json()["Revision"]
            begun = http.post(f"/v1/collections/{HOME}/upgrade", json={"pack": NEW})
            assert begun.status_code == 202, begun.text
            job = service.finish(begun.json()["job_id"], lambda job: None)
            assert (job.state, job.done, job.total) == (JobState.SUCCEEDED, 4, 4), job.error
            shown = http.get(f"/v1/jobs/{job.job_id}").json()
            assert shown["result"] == {
                "pack": NEW,
                "faces": 4,
                "from_photographs": 4,
                "from_thumbnails": 0,
                "by_stored_landmarks": 0,
            }
            told = http.get(f"/v1/collections/{HOME}").json()
            assert (told["Pack"], told["FaceCount"], told["UserCount"]) == (NEW, 4, 1)
            assert told["Revision"] > revision
            again = http.post(f"/v1/collections/{HOME}/upgrade", json={"pack": NEW})
            assert (again.status_code, again.json()["code"]) == (409, "conflict")
            listed = http.get(f"/v1/collections/{HOME}/faces").json()
            assert {one["IndexFacesModelVersion"] for one in listed["Faces"]} == {registry.SFACE.info.version}
        for one in faces(service):
            known = stored[one.face_id]
            assert (one.external_image_id, one.box, one.user_id) == (known.external_image_id, known.box, known.user_id)
            record = service.recognizer.handle(ops.GetFace(collection_id=HOME, face_id=one.face_id))
            assert record.detail == details[one.face_id]
        assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]
        itself = service.recognizer.handle(ops.SearchImage(collection_id=HOME, image=variation("grace_hopper.jpg")))
        assert itself.searches[0].matches[0].similarity > 99.9, "a photograph finds itself as if it were indexed now"
        users = service.recognizer.handle(
            ops.SearchUsersByImage(collection_id=HOME, image=variation("grace_hopper.jpg", 0.8), threshold=80)
        )
        assert [one.user.user_id for one in users.matches] == ["hopper"]
        assert staged_rows(service) == 0
        trail = [row.operation for row in service.catalog.audit_rows()]
        assert "UpgradeCollection" in trail
        assert "EndJob" in trail


def test_the_shell_upgrades_and_says_of_what(filled: Path, tmp_path: Path, command: Command) -> None:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    here = ["--data-dir", str(tmp_path), "--json"]
    done = command("collections", "upgrade", HOME, "--pack", NEW, *here)
    assert done.code == 0, done.err
    assert (done.json["state"], done.json["result"]["from_photographs"]) == ("succeeded", 4)
    assert command("collections", "show", HOME, *here).json["FaceModelVersion"] == NEW
    same = command("collections", "upgrade", HOME, "--pack", NEW, *here)
    assert (same.code, "is of the pack 'sface' already" in same.err) == (1, True)
    (listed,) = command("jobs", "list", *here).json
    assert listed == done.json
    assert command("jobs", "show", listed["job_id"], *here).json == listed
    left = command("collections", "upgrade", HOME, "--pack", OLD, "--no-wait", *here).json
    assert left["state"] == "queued"
    assert command("jobs", "cancel", left["job_id"], *here).json["state"] == "cancelled"
    assert command("jobs", "wait", left["job_id"], *here).code == 1
    assert "cancelled" in command("jobs", "list", "--data-dir", str(tmp_path)).out


def test_without_photographs_thumbnails_do(tmp_path: Path) -> None:
    with built(tmp_path, keep_images=False) as service:
        fill(service)
        job = run(service, start(service))
        assert job.state is JobState.SUCCEEDED, job.error
        assert job.result is not None
        assert (job.result["from_photographs"], job.result["from_thumbnails"]) == (0, 4)
        assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]
        assert found(service, variation("astronaut.png", 0.8)) == ["both", "eileen"]


def test_a_face_that_the_pack_does_not_see_is_aligned_by_its_landmarks(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = vision.Engine.detect

    def detect(
        self: vision.Engine, photo: Photo, *, largest_only: bool = False, part: float = 1.0
    ) -> tuple[FaceDetail, ...]:
        return () if self.pack.name == NEW else blind(self, photo, largest_only=largest_only, part=part)

    with monkeypatch.context() as patch:
        patch.setattr(vision.Engine, "detect", detect)
        job = run(service, start(service))
    assert job.result is not None
    assert (job.result["faces"], job.result["by_stored_landmarks"]) == (4, 4)
    assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]


def test_what_comes_goes_and_moves_meanwhile_is_right_after_the_switch(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = service.recognizer.handle
    by = {one.external_image_id: one.face_id for one in faces(service)}

    def meanwhile() -> None:
        assert pack(service) == OLD
        assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]
        ask(ops.IndexFaces(collection_id=HOME, image=variation("astronaut.png", 0.9), external_image_id="later"))
        ask(ops.DeleteFaces(collection_id=HOME, face_ids=[by["eileen"]]))
        ask(ops.DisassociateFaces(collection_id=HOME, user_id="hopper", face_ids=[by["grace"]]))
        late = [one.face_id for one in faces(service) if one.external_image_id == "later"]
        ask(ops.AssociateFaces(collection_id=HOME, user_id="hopper", face_ids=late))

    before(service, monkeypatch, "switch", 1, meanwhile)
    job = run(service, start(service))
    assert job.state is JobState.SUCCEEDED, job.error
    assert sorted(one.external_image_id for one in faces(service)) == ["both", "both", "grace", "later"]
    assert found(service, variation("astronaut.png", 0.8)) == ["both", "later"]
    users = ask(ops.SearchUsersByImage(collection_id=HOME, image=variation("astronaut.png", 0.8), threshold=80))
    assert [one.user.user_id for one in users.matches] == ["hopper"]


def test_the_first_search_after_the_switch_reads_no_template_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were loaded before, while the old ones served; what went meanwhile is not among them."""
    by = {one.external_image_id: one.face_id for one in faces(service)}
    assert found(service, variation("astronaut.png", 0.8)) == ["both", "eileen"]

    def meanwhile() -> None:
        service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[by["eileen"]]))

    before(service, monkeypatch, "switch", 1, meanwhile)
    assert run(service, start(service)).state is JobState.SUCCEEDED
    before(service, monkeypatch, "snapshot", 1, lambda: pytest.fail("the collection was read again"))
    assert found(service, variation("astronaut.png", 0.8)) == ["both"]
    assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]
    assert pack(service) == NEW


@pytest.mark.parametrize("method", ["read_stored", "add_faces", "link_faces", "snapshot"])
def test_a_request_in_the_middle_of_the_switch_is_answered_by_the_new_pack(
    service: Service, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """A template of one pack is never compared with one of the other, nor stored among them."""
    ask, job = service.recognizer.handle, start(service)
    by = {one.external_image_id: one.face_id for one in faces(service)}
    before(service, monkeypatch, method, 1, lambda: run(service, job))
    if method in ("read_stored", "snapshot"):
        assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]
    elif method == "add_faces":
        done = ask(ops.IndexFaces(collection_id=HOME, image=variation("astronaut.png", 0.9), external_image_id="late"))
        assert done.model == registry.SFACE.info.version
        assert found(service, variation("astronaut.png", 0.8)) == ["both", "eileen", "late"]
    else:
        ask(ops.CreateUser(collection_id=HOME, user_id="collins"))
        ask(ops.AssociateFaces(collection_id=HOME, user_id="collins", face_ids=[by["eileen"]]))
        users = ask(ops.SearchUsersByImage(collection_id=HOME, image=variation("astronaut.png", 0.8), threshold=80))
        assert [one.user.user_id for one in users.matches] == ["collins"]
    assert pack(service) == NEW


def test_cancelled_it_leaves_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kenspeckle.usecases.jobs.runner.HOLD_SECONDS", 0.0)
    job = start(service)
    before(service, monkeypatch, "stage", 2, lambda: service.recognizer.handle(ops.CancelJob(job_id=job.job_id)))
    assert run(service, job).state is JobState.CANCELLED
    assert (pack(service), staged_rows(service)) == (OLD, 0)
    assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]


def test_refusals_change_nothing(service: Service, tmp_path: Path) -> None:
    ask = service.recognizer.handle
    with pytest.raises(Conflict, match="is of the pack 'centerface-dlib' already"):
        ask(ops.UpgradeCollection(collection_id=HOME, pack=OLD))
    with pytest.raises(InvalidValue, match="no model pack 'none'"):
        ask(ops.UpgradeCollection(collection_id=HOME, pack="none"))
    with pytest.raises(CollectionNotFound):
        ask(ops.UpgradeCollection(collection_id="nowhere", pack=NEW))
    first = start(service)
    with pytest.raises(Conflict, match=first.job_id):
        start(service)
    ask(ops.CancelJob(job_id=first.job_id))
    service.local.context.engines._installed = not_installed  # type: ignore[attr-defined]  # of PackEngines
    with pytest.raises(ModelMissing):
        start(service)
    assert pack(service) == OLD


def not_installed(name: str) -> None:
    raise ModelMissing(f"The pack '{name}' is not installed; run: kenspeckle models pull {name}")


def test_of_a_collection_that_is_deleted_it_ends(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """One made anew under its name is another one."""
    ask, job = service.recognizer.handle, start(service)

    def deleted() -> None:
        ask(ops.DeleteCollection(collection_id=HOME))
        fill(service)

    before(service, monkeypatch, "stage", 2, deleted)
    ended = run(service, job)
    assert (ended.state, ended.error) == (JobState.FAILED, "The collection was deleted.")
    assert (pack(service), staged_rows(service)) == (OLD, 0)


def test_faces_without_a_picture_keep_the_old_pack_and_are_named(service: Service) -> None:
    """Nothing vanishes: what can't be described stays, with all others, as it is."""
    ask = service.recognizer.handle
    by = {one.external_image_id: one.face_id for one in faces(service)}
    digest = service.catalog.image(HOME, "grace.jpg").digest
    service.images.delete([service.local.context.photographs.name(HOME, digest)])
    ended = run(service, start(service))
    assert ended.state is JobState.FAILED
    assert ended.error.startswith(
        f"1 of 4 faces has no picture by which the pack 'sface' can describe them: {by['grace']}."
    )
    assert ended.result is not None
    assert (ended.result["impossible"], ended.result["face_ids"]) == (1, [by["grace"]])
    assert (pack(service), staged_rows(service)) == (OLD, 0)
    with service.catalog.database.write() as connection:
        connection.execute(update(images).where(images.c.key == "grace.jpg").values(kept=False))
    with pytest.raises(Conflict, match=f"1 of 4 faces has neither .*{by['grace']}"):
        start(service)
    ask(ops.EraseIdentity(collection_id=HOME, external_image_id="grace"))
    assert run(service, start(service)).state is JobState.SUCCEEDED


def test_erasure_takes_what_is_staged(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    by = {one.external_image_id: one.face_id for one in faces(service)}

    def erase() -> None:
        with service.catalog.database.read() as connection:
            secret = bytes(
                connection.execute(
                    select(staged.c.template)
                    .join(stored_faces, stored_faces.c.row == staged.c.face_row)
                    .where(stored_faces.c.face_id == by["grace"])
                ).scalar_one()
            )
        assert len(secret) == 4 * 128
        assert secrets.found([secret], secrets.raw(tmp_path))
        done = service.recognizer.handle(ops.EraseIdentity(collection_id=HOME, external_image_id="grace"))
        assert done.complete
        assert secrets.found([secret], secrets.raw(tmp_path)) == 0

    before(service, monkeypatch, "switch", 1, erase)
    ended = run(service, start(service))
    assert ended.result is not None
    assert (ended.state, ended.result["faces"]) == (JobState.SUCCEEDED, 3)


def test_of_an_encrypted_collection_nothing_is_staged_in_the_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with built(tmp_path / "data", encryption=True) as service:
        fill(service)
        plain: list[bytes] = []

        def look() -> None:
            content = service.catalog.content(HOME)
            with service.catalog.database.read() as connection:
                found = connection.execute(
                    select(stored_faces.c.face_id, staged.c.template).join(
                        staged, stored_faces.c.row == staged.c.face_row
                    )
                ).all()
            plain.extend(content.open(bytes(template), FACE, face_id) for face_id, template in found)
            assert secrets.found(plain, secrets.raw(tmp_path / "data")) == 0

        before(service, monkeypatch, "switch", 1, look)
        assert run(service, start(service)).state is JobState.SUCCEEDED
        assert len(plain) == 4
        assert secrets.found(plain, secrets.raw(tmp_path / "data")) == 0
        assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]


def test_a_backup_is_made_without_what_is_staged(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy, job = tmp_path / "copy.db", start(service)

    def back_up() -> None:
        assert staged_rows(service) == 4
        SqliteCopies(tmp_path / "kenspeckle.db").make(copy, lambda done, total: None)

    before(service, monkeypatch, "switch", 1, back_up)
    assert run(service, job).state is JobState.SUCCEEDED
    SqliteReplacer(tmp_path / "elsewhere.db").prepare(copy)
    with closing(SqlCatalog.open(f"sqlite:///{copy}")) as restored:
        assert restored.collection(HOME).pack == OLD
        assert restored.count_staged(HOME, registry.SFACE.info.contract) == {}
        ended = restored.job(job.job_id)
        assert (ended.state, ended.error[:24]) == (JobState.FAILED, "A backup was restored th")


def test_what_a_process_left_that_was_taken_over_stores_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, command: Command, tmp_path: Path
) -> None:
    """It slept longer than its lease; meanwhile the job was cancelled by another one."""
    job = start(service)

    def taken_over() -> None:
        later = time.time() + 100
        assert service.catalog.take_job([JobKind.UPGRADE], "another", later, later + 30, later + 60)
        service.catalog.finish_job(job.job_id, "another", JobState.CANCELLED, later, "", None)

    before(service, monkeypatch, "switch", 1, taken_over)
    assert run(service, job).state is JobState.CANCELLED
    assert pack(service) == OLD
    said = command("doctor", "--json", "--data-dir", str(tmp_path)).json
    told = [one for check in said["checks"] for one in check["findings"] if one["code"] == "staged_templates"]
    assert "4 templates" in told[0]["what"]
    service.local.work_off()
    assert staged_rows(service) == 0, "the next round of housekeeping removes what nobody will use"


def test_a_full_disk_in_the_middle_loses_nothing(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kenspeckle.usecases.jobs.runner.LEASE_SECONDS", 0.0)
    with built(small_disk / "data", audit_required=False) as service:
        fill(service)
        fillers: list[Path] = []
        job = start(service)
        before(service, monkeypatch, "stage", 2, lambda: fillers.append(_fill(small_disk)))
        with suppress(StorageFull):  # where not even that it failed can be written
            ended = run(service, job)
            assert (ended.state, "full" in ended.error) == (JobState.FAILED, True)
        assert fillers
        assert pack(service) == OLD
        assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]
        with suppress(Conflict), pytest.raises(StorageFull):
            start(service)
        fillers[0].unlink()
        left = service.recognizer.handle(ops.GetJob(job_id=job.job_id))
        again = run(service, job if left.state is JobState.RUNNING else start(service))
        assert again.state is JobState.SUCCEEDED, again.error
        assert (pack(service), staged_rows(service)) == (NEW, 0)
        assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]


@pytest.mark.parametrize("step", ["staged", "staging", "switching", "switched"])
def test_killed_at_any_step_it_goes_on(service: Service, tmp_path: Path, step: str) -> None:
    job = start(service)
    killed = forks.run(
        [sys.executable, "-m", "tests.compose.killed_upgrade", str(tmp_path), job.job_id, step], timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    left = service.recognizer.handle(ops.GetJob(job_id=job.job_id))
    assert left.state is JobState.RUNNING, "nobody was there to say otherwise"
    assert pack(service) == (NEW if step == "switched" else OLD)
    assert staged_rows(service) == {"staged": 1, "staging": 1, "switching": 4, "switched": 4}[step]
    assert found(service, variation("grace_hopper.jpg", 0.8)) == ["both", "grace"]
    ended = run(service, job)
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert ended.result == {
        "pack": NEW,
        "faces": 4,
        "from_photographs": 4,
        "from_thumbnails": 0,
        "by_stored_landmarks": 0,
    }
    assert (pack(service), staged_rows(service)) == (NEW, 0)
    assert found(service, variation("astronaut.png", 0.8)) == ["both", "eileen"]
