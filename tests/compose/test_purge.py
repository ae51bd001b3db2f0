"""The deletion of a large collection: answered at once, its rows removed by a job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import faces, images, thumbnails, users
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import Job, JobKind, JobState
from kenspeckle.domain import operations as ops
from kenspeckle.errors import CollectionNotFound
from kenspeckle.settings import load
from kenspeckle.usecases.jobs.queue import wait
from kenspeckle.usecases.jobs.runner import Cancelled, GivenBack, Progress
from kenspeckle.usecases.recognition import collections, purge
from kenspeckle.usecases.recognition.purge import Purge
from tests.catalogs import digest, gallery, new_face, person, photo, stored_face, template

LARGE = 60


@contextmanager
def built(folder: Path) -> Iterator[Service]:
    service = build(load({"data_dir": folder, "host": "127.0.0.1", "pack": "sface"}, environ={}))
    assert isinstance(service, Service)
    try:
        yield service
    finally:
        service.close()


def fill(catalog: SqlCatalog) -> None:
    """Two collections; photograph 1 is in both."""
    for name in ("people", "others"):
        catalog.create_collection(gallery(name))
    for number in range(LARGE):
        catalog.add_faces(photo(number), f"{number}.jpg", [new_face(number, b"jpeg")], "v1")
    catalog.create_user(person("ada"))
    catalog.link_faces("people", "ada", ["face-3"], template(3), 100)
    stored_face(catalog, 1, "others")


def rows_of(catalog: SqlCatalog) -> dict[str, int]:
    with catalog.database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (faces, images, thumbnails, users)
        }


def in_files(folder: Path, number: int) -> bool:
    wanted = template(number).tobytes()
    return any(wanted in file.read_bytes() for file in folder.rglob("kenspeckle.db*"))


def progress_of(job: Job) -> Progress:
    return Progress(job, "owner", lambda done, total: True, lambda: None)


def test_it_is_answered_at_once_and_purged_by_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "PURGED_AT_ONCE", 10)
    with built(tmp_path) as service:
        fill(service.catalog)
        service.serve()
        service.recognizer.handle(ops.DeleteCollection(collection_id="people"))
        with pytest.raises(CollectionNotFound):
            service.catalog.faces("people", 1, None)
        service.catalog.create_collection(gallery("people"))
        stored_face(service.catalog, 100)
        (job,) = service.recognizer.handle(ops.ListJobs()).items
        assert job.kind is JobKind.PURGE
        ended = wait(service.recognizer, job.job_id, 30)
        assert ended.state is JobState.SUCCEEDED
        assert ended.result is not None
        assert ended.result["complete"] is True
        assert rows_of(service.catalog) == {"faces": 2, "images": 2, "thumbnails": 0, "users": 0}
        assert service.catalog.removals(100) == ()
        assert service.catalog.digests([digest(1), digest(2), digest(100)]) == {digest(1), digest(100)}
        assert not any(in_files(tmp_path, number) for number in range(2, LARGE))
        assert in_files(tmp_path, 1)
        assert in_files(tmp_path, 100)


def test_a_small_one_is_gone_with_the_answer(tmp_path: Path) -> None:
    with built(tmp_path) as service:
        fill(service.catalog)
        service.serve()
        service.recognizer.handle(ops.DeleteCollection(collection_id="people"))
        assert rows_of(service.catalog)["faces"] == 1
        assert service.recognizer.handle(ops.ListJobs()).items == ()
    assert not in_files(tmp_path, 5)


def test_one_that_was_stopped_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "MOST", 20)
    monkeypatch.setattr(purge, "REPORT_SECONDS", 0.0)
    with built(tmp_path) as service:
        fill(service.catalog)
        service.catalog.delete_collection("people", purge=False)
        context = service.local.context
        job = context.jobs.submit(JobKind.PURGE, "people")
        progress = progress_of(job)
        steps: list[int] = []

        def closes(done: int, total: int) -> None:
            steps.append(done)
            if len(steps) == 2:
                raise GivenBack

        monkeypatch.setattr(progress, "step", closes)
        with pytest.raises(GivenBack):
            Purge(context).run(job, progress)
        assert 0 < rows_of(service.catalog)["faces"] < LARGE + 1
    with built(tmp_path) as service:
        assert service.catalog.has_remains(), "a start leaves it to the job that is queued"
        service.serve()
        assert wait(service.recognizer, job.job_id, 30).state is JobState.SUCCEEDED
        assert not service.catalog.has_remains()
        assert rows_of(service.catalog)["faces"] == 1


def test_it_waits_for_photographs_now_and_then_and_not_at_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under photographs without a pause each wait takes a second, and a step with its rest a tenth of that."""
    monkeypatch.setattr(purge, "MOST", 20)
    monkeypatch.setattr(purge, "REPORT_SECONDS", 3600.0)
    waited: list[None] = []
    with built(tmp_path) as service:
        fill(service.catalog)
        service.catalog.delete_collection("people", purge=False)
        job = service.local.context.jobs.submit(JobKind.PURGE, "people")
        Purge(service.local.context).run(job, Progress(job, "owner", lambda *_: True, lambda: waited.append(None)))
        assert not service.catalog.has_remains()
    assert len(waited) == 2, "at its beginning, and before photographs are removed"


def test_what_was_deleted_is_purged_though_somebody_cancels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with built(tmp_path) as service:
        fill(service.catalog)
        service.catalog.delete_collection("people", purge=False)
        job = service.local.context.jobs.submit(JobKind.PURGE, "people")
        progress = progress_of(job)

        def cancelled(done: int, total: int) -> None:
            raise Cancelled

        monkeypatch.setattr(progress, "step", cancelled)
        Purge(service.local.context).run(job, progress)
        assert not service.catalog.has_remains()


def test_a_kill_before_the_job_was_queued_is_mended_at_the_next_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'kenspeckle.db'}"
    with closing(SqlCatalog.open(url)) as catalog:
        fill(catalog)
        assert catalog.delete_collection("people", purge=False) == ()
        assert catalog.has_remains()
    with closing(SqlCatalog.open(url)) as catalog:
        assert not catalog.has_remains()
        assert set(catalog.removals(100)) == {digest(number) for number in range(LARGE) if number != 1}
