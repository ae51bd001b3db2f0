"""Jobs that index: slices that several processes do, taken over after a death, with the real catalog."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from kenspeckle.catalog.tables import index_slices
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.domain import Job, JobState, LineResult, LineStatus
from kenspeckle.domain import operations as ops
from kenspeckle.errors import CollectionNotFound, Conflict, InvalidValue, JobNotFound, StorageFull, StorageUnavailable
from kenspeckle.images.client_buckets import ClientBuckets
from kenspeckle.ports import Slice
from kenspeckle.settings import load
from kenspeckle.usecases.indexing import operations, work
from tests.faults.portraits import Portraits
from tests.videos import EILEEN, GRACE, SAMPLES

HOME = "kenspeckle"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the operator has configured as a bucket."""
    folder = tmp_path_factory.mktemp("desk")
    for name in (GRACE, EILEEN):
        shutil.copy(SAMPLES / name, folder / name)
    shutil.copy(SAMPLES / "coffee.png", folder / "coffee.png")
    (folder / "torn.jpg").write_bytes((SAMPLES / GRACE).read_bytes()[:2000])
    portraits = Portraits()
    for number in range(6):
        (folder / f"p{number}.jpg").write_bytes(portraits[number])
    return folder


def built(folder: Path, desk: Path) -> Service:
    settings = load({"data_dir": folder, "host": "127.0.0.1", "s3_buckets": f"desk=file://{desk}"}, environ={})
    service = build(settings)
    assert isinstance(service, Service)
    return service


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def service(data: Path, desk: Path) -> Iterator[Service]:
    made = built(data, desk)
    yield made
    made.close()


@pytest.fixture
def home(service: Service, request: pytest.FixtureRequest) -> str:
    name = request.node.name[:60]
    service.recognizer.handle(ops.CreateCollection(collection_id=name))
    return str(name)


def manifest(tmp_path: Path, *lines: dict[str, Any]) -> str:
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return str(path)


def portraits(count: int) -> list[dict[str, Any]]:
    return [{"file": f"desk/p{number}.jpg", "identity": f"p{number}"} for number in range(count)]


def start(service: Service, home: str, path: str, **more: Any) -> Job:
    return service.recognizer.handle(ops.StartIndexing(collection_id=home, path=path, **more))


def results(service: Service, job: Job) -> list[LineResult]:
    return list(service.recognizer.handle(ops.ListIndexResults(job_id=job.job_id)).items)


def faces(service: Service, home: str) -> int:
    return service.recognizer.handle(ops.DescribeCollection(collection_id=home)).face_count


def left(service: Service, job: Job) -> int:
    """Slices that are kept of the job."""
    with service.catalog.database.read() as connection:
        of = select(func.count()).select_from(index_slices).where(index_slices.c.job_id == job.job_id)
        return int(connection.execute(of).scalar_one())


def test_every_line_has_its_result(service: Service, home: str, tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        {"url": f"s3://desk/{GRACE}", "identity": "grace", "metadata": {"place": "Arlington"}},
        {"file": f"desk/{EILEEN}"},
        {"file": "desk/coffee.png", "identity": "coffee"},
        {"file": "desk/torn.jpg", "identity": "torn"},
        {"file": "desk/nowhere.jpg", "identity": "nobody"},
        *[{"file": f"desk/{GRACE}", "identity": "grace", "metadata": {"place": "Arlington"}}] * 40,
    )
    job = start(service, home, path)
    assert (job.state, job.total) == (JobState.QUEUED, 45)
    with pytest.raises(Conflict, match=job.job_id):
        start(service, home, path)
    ended = service.jobs.run_one(job.job_id, patience=0)
    assert (ended.state, ended.done, ended.total) == (JobState.SUCCEEDED, 45, 45)
    assert ended.result == {"indexed": 2, "present": 40, "no_face": 1, "failed": 2}
    found = {one.number: one for one in results(service, job)}
    assert [found[number].status.value for number in range(2, 6)] == ["indexed", "no_face", "failed", "failed"]
    assert (found[1].identity, len(found[1].face_ids), found[2].identity) == ("grace", 1, None)
    assert found[3].reason == "No face found"
    assert (found[4].code, found[5].code) == ("damaged_image", "invalid_s3_object")
    # Of the same photograph one line is stored; which, when two slices have it, is not said.
    grace = [found[number].status for number in (1, *range(6, 46))]
    assert sorted(grace) == [LineStatus.INDEXED, *[LineStatus.PRESENT] * 40]
    assert faces(service, home) == 2
    image, _ = service.recognizer.handle(ops.GetImage(collection_id=home, key="grace"))
    assert image.metadata == {"place": "Arlington"}
    service.recognizer.handle(ops.EraseIdentity(collection_id=home, external_image_id="grace"))
    again = {one.number: one for one in results(service, job)}
    assert again[1] == LineResult(1, LineStatus.ERASED, found[1].image_id)
    with service.catalog.database.read() as connection:
        kept = connection.execute(select(index_slices.c.wanted, index_slices.c.results)).all()
    assert all(one.wanted is None and "grace" not in one.results for one in kept)


def test_what_can_not_be_used_begins_nothing(service: Service, home: str, tmp_path: Path) -> None:
    before = service.recognizer.handle(ops.ListJobs(limit=1)).items
    for line, why in (
        ({"url": "s3://other/a.jpg"}, "'other'"),
        ({"file": "../desk/a.jpg"}, "folder '..'"),
        ({"file": "desk/../a.jpg"}, "'.' or '..'"),
    ):
        with pytest.raises(InvalidValue, match=why):
            start(service, home, manifest(tmp_path, *portraits(2), line))
    with pytest.raises(InvalidValue, match="KENSPECKLE_S3_BUCKETS"):
        start(service, home, manifest(tmp_path, *portraits(2)), only=[home])  # the folder is for keys without limits
    with pytest.raises(CollectionNotFound):
        start(service, "nowhere", manifest(tmp_path, *portraits(2)))
    assert service.recognizer.handle(ops.ListJobs(limit=1)).items == before


def test_another_process_helps_and_takes_over(
    service: Service, data: Path, desk: Path, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice whose process died comes back once its lease has ended; what is stored already is stored once."""
    monkeypatch.setattr(operations, "SLICE", 2)
    job = start(service, home, manifest(tmp_path, *portraits(6)))
    assert service.catalog.take_slice(job.job_id, "early", 30) is None  # nobody runs it yet
    now = service.catalog.now()
    assert service.catalog.take_job([job.kind], "dying", now, now + 30, now + 60) is not None
    dead = service.catalog.take_slice(job.job_id, "dying", 30)
    assert dead is not None
    service.recognizer.handle(
        ops.IndexFaces(collection_id=home, image=(desk / "p0.jpg").read_bytes(), external_image_id="p0", key="p0")
    )  # it died after its photographs were stored
    other = built(data, desk)
    try:
        assert other.local.index_work is not None
        other.local.index_work._help_once()
        assert faces(service, home) == 5
        assert service.catalog.slice_counts(job.job_id) == (4, 6)
        monkeypatch.setattr(service.catalog.database, "now", lambda: now + 31)
        monkeypatch.setattr(service.jobs, "_now", lambda: now + 31)
        ended = service.jobs.run_one(job.job_id, patience=0)
    finally:
        other.close()
    assert ended.state is JobState.SUCCEEDED
    assert ended.result == {"indexed": 5, "present": 1}
    assert faces(service, home) == 6
    assert not service.catalog.hold_slice(dead, 30)


def test_a_slice_that_processes_died_over_is_done_line_by_line(
    service: Service, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many were killed over the slice, none of its lines is refused; one is that was at hand each time."""
    monkeypatch.setattr(operations, "SLICE", 2)
    job = start(service, home, manifest(tmp_path, *portraits(6)))
    now = service.catalog.now()
    assert service.catalog.take_job([job.kind], "dying", now, now, now + 60) is not None
    for number in range(10):
        assert service.catalog.take_slice(job.job_id, f"dying-{number}", 0) is not None
    taken = service.catalog.take_slice(job.job_id, "dying", 0)
    assert taken is not None
    service.catalog.note_line(taken, [LineResult(1, LineStatus.NO_FACE, reason="No face found")], 2, work.MOST_BEGUN)
    assert service.catalog.slice_counts(job.job_id) == (1, 6)
    ended = service.jobs.run_one(job.job_id, patience=0)
    assert ended.result == {"indexed": 4, "no_face": 1, "failed": 1}
    assert [one.code for one in results(service, job)] == [None, "internal_error", *[None] * 4]


def test_a_line_at_hand_when_a_bucket_goes_away_is_not_blamed(
    service: Service, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PAUSE_SECONDS", 0.01)
    failures = iter([StorageUnavailable("The bucket does not answer.")] * 2 * work.MOST_BEGUN)
    read = ClientBuckets.read

    def failing(self: ClientBuckets, *words: Any, **more: Any) -> bytes:
        if failure := next(failures, None):
            raise failure
        return read(self, *words, **more)

    monkeypatch.setattr(ClientBuckets, "read", failing)
    job = start(service, home, manifest(tmp_path, *portraits(2)))
    now = service.catalog.now()
    assert service.catalog.take_job([job.kind], "dying", now, now, now + 60) is not None
    for number in range(2):
        assert service.catalog.take_slice(job.job_id, f"dying-{number}", 0) is not None
    assert service.jobs.run_one(job.job_id, patience=0).result == {"indexed": 2}


def test_a_cancelled_job_keeps_what_it_stored(
    service: Service, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "SLICE", 1)
    job = start(service, home, manifest(tmp_path, *portraits(6)))
    index = service.local.index_work
    assert index is not None
    plain, begun = index.index, threading.Event()

    def cancelling(operation: ops.IndexPhotographs) -> Any:
        answer = plain(operation)
        if not begun.is_set():
            begun.set()
            service.recognizer.handle(ops.CancelJob(job_id=job.job_id))
        return answer

    monkeypatch.setattr(index, "index", cancelling)
    ended = service.jobs.run_one(job.job_id, patience=0)
    assert ended.state is JobState.CANCELLED
    assert 1 <= faces(service, home) < 6
    assert {one.status for one in results(service, job)} == {LineStatus.INDEXED}
    service.local.work_off()
    with service.catalog.database.read() as connection:
        kept = select(index_slices.c.row).where(index_slices.c.job_id == job.job_id, index_slices.c.wanted.is_not(None))
        assert connection.execute(kept).first() is None


def test_a_job_is_cancelled_once_no_other_process_stores_for_it(
    service: Service, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who erases what a cancelled job has stored erases all of it."""
    monkeypatch.setattr(operations, "SLICE", 1)
    monkeypatch.setattr(work, "AT_ONCE", 1)
    job = start(service, home, manifest(tmp_path, *portraits(6)))
    index = service.local.index_work
    assert index is not None
    monkeypatch.setattr(index, "at_once", 1)
    plain = index.index
    elsewhere: list[Slice] = []

    def cancelling(operation: ops.IndexPhotographs) -> Any:
        taken = service.catalog.take_slice(job.job_id, "elsewhere", 3600)
        assert taken is not None
        elsewhere.append(taken)
        service.recognizer.handle(ops.CancelJob(job_id=job.job_id))
        return plain(operation)

    def state() -> JobState:
        return service.recognizer.handle(ops.GetJob(job_id=job.job_id)).state

    waited = service.catalog.slices_held

    def held(job_id: str) -> bool:
        found = waited(job_id)
        if found:
            assert state() is JobState.RUNNING
            assert service.catalog.hold_slice(elsewhere[0], 3600), "it is finished, not given up"
            result = LineResult(elsewhere[0].lines[0].number, LineStatus.NO_FACE)
            service.catalog.finish_slice(elsewhere[0], [result])
        return found

    monkeypatch.setattr(index, "index", cancelling)
    monkeypatch.setattr(service.catalog, "slices_held", held)
    ended = service.jobs.run_one(job.job_id, patience=0)
    assert (ended.state, ended.done, ended.total) == (JobState.CANCELLED, 2, 6)
    assert [one.status for one in results(service, job)] == [LineStatus.INDEXED, LineStatus.NO_FACE]


def test_a_process_that_helps_takes_a_slice_as_its_turn_comes(
    service: Service, data: Path, desk: Path, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that it took and only held would be stored after the job was cancelled."""

    def ahead(do: Callable[[Any], Any], items: Iterable[Any], workers: int) -> Iterator[Any]:
        """As `parallel`, whose threads begin later than it takes what they are to work on."""
        source = iter(items)
        while some := list(islice(source, 2 * workers)):
            yield from (copy_context().run(do, one) for one in some)

    monkeypatch.setattr(operations, "SLICE", 1)
    monkeypatch.setattr(work, "parallel", ahead)
    job = start(service, home, manifest(tmp_path, *portraits(6)))
    now = service.catalog.now()
    assert service.catalog.take_job([job.kind], "running", now, now + 30, now + 60) is not None
    other = built(data, desk)
    try:
        index = other.local.index_work
        assert index is not None
        plain = index.index

        def cancelling(operation: ops.IndexPhotographs) -> Any:
            if not faces(service, home):
                service.recognizer.handle(ops.CancelJob(job_id=job.job_id))
            return plain(operation)

        monkeypatch.setattr(index, "index", cancelling)
        index._help_once()
    finally:
        other.close()
    assert faces(service, home) == 1
    assert service.catalog.slice_counts(job.job_id) == (1, 6)
    assert not service.catalog.slices_held(job.job_id)


def test_a_deleted_collection_ends_its_job(service: Service, home: str, tmp_path: Path) -> None:
    job = start(service, home, manifest(tmp_path, *portraits(2)))
    service.recognizer.handle(ops.DeleteCollection(collection_id=home))
    ended = service.recognizer.handle(ops.GetJob(job_id=job.job_id))
    assert (ended.state, ended.error) == (JobState.FAILED, "The collection was deleted.")
    service.catalog.purge()
    assert left(service, job) == 0


def test_a_bucket_that_does_not_answer_or_a_full_disk_is_asked_again(
    service: Service, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PAUSE_SECONDS", 0.01)
    away = StorageUnavailable("The bucket does not answer.")
    read, failures = ClientBuckets.read, iter([away, StorageFull("The disk is full.")])

    def failing(self: ClientBuckets, *words: Any, **more: Any) -> bytes:
        if failure := next(failures, None):
            raise failure
        return read(self, *words, **more)

    monkeypatch.setattr(ClientBuckets, "read", failing)
    job = start(service, home, manifest(tmp_path, *portraits(2)))
    assert service.jobs.run_one(job.job_id, patience=0).result == {"indexed": 2}
    monkeypatch.setattr(work, "MOST_FAILURES", 2)
    failures = iter([away] * 1000)
    job = start(service, home, manifest(tmp_path, *portraits(2)))
    ended = service.jobs.run_one(job.job_id, patience=0)
    assert (ended.state, ended.error) == (JobState.FAILED, "The bucket does not answer.")


def test_slices_without_a_job_are_forgotten_after_a_day(
    service: Service, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = replace(Job("job-forsaken", start(service, home, manifest(tmp_path, *portraits(1))).kind, home, 1.0))
    service.catalog.add_slices(job.job_id, home, 0, [[]])
    service.local.work_off()
    assert left(service, job) == 1
    now = service.catalog.now()
    monkeypatch.setattr(service.catalog.database, "now", lambda: now + 2 * 86400)
    service.local.work_off()
    assert left(service, job) == 0
    with pytest.raises(JobNotFound):
        service.recognizer.handle(ops.ListIndexResults(job_id=job.job_id))
