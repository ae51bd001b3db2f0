"""A service with a vector database: it builds the index of a large collection itself, follows it, answers over it, and
removes there what is erased. One service, from its start to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest

from kenspeckle.compose.data_folder import storage
from kenspeckle.compose.embedded import build
from kenspeckle.compose.service import Service
from kenspeckle.doctor import mirrors
from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.domain import JobKind, JobState, Vector
from kenspeckle.domain import operations as ops
from kenspeckle.errors import Conflict
from kenspeckle.index.address import parse
from kenspeckle.index.milvus import Milvus
from kenspeckle.ports import Mirror, MirrorState, NewFace, VectorStore
from kenspeckle.settings import load
from kenspeckle.usecases.jobs.queue import wait
from kenspeckle.usecases.mirrors import following
from kenspeckle.usecases.recognition import completion
from tests.catalogs import detail, photo
from tests.milvus_server import MilvusServer

LARGE = 200
NAME = "people"


@dataclass
class Running:
    service: Service
    app: Any
    store: VectorStore

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def one() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **more)

        return asyncio.run(one())

    @property
    def mirror(self) -> Mirror | None:
        return self.service.catalog.describe_mirrored(NAME).current(self.store.place)

    def ready(self) -> Mirror:
        """The mirror once it holds the newest revision."""
        until(lambda: (mirror := self.mirror) is not None and mirror.revision == self.service.catalog.revision(NAME))
        assert self.mirror is not None
        return self.mirror


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not true():
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.05)


def template(number: int) -> Vector:
    found = np.random.default_rng(number).standard_normal(128).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found), np.float32)


def examined(running: Running) -> set[str]:
    """Codes of what the doctor finds."""
    settings = running.service.settings
    inspection = storage(settings).inspect(None)
    with closing(inspection):
        found = Examined("mirrors", "Vector database")
        mirrors.check(Instance(settings, True, lambda *_: None, time.time, inspection), found)
    return {one.code for one in found.findings}


def store_face(service: Service, number: int) -> None:
    face = NewFace(f"00000000-0000-4000-8000-{number:012}", detail(number), template(number))
    service.catalog.add_faces(photo(number, NAME, kept=False), f"{number}.jpg", [face], "v1")


@pytest.fixture(scope="module")
def running(milvus: MilvusServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("service")
    with milvus.database() as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "ROUND_SECONDS", 0.3)
        patch.setattr(following, "COMPACT_SECONDS", 0.0)
        patch.setattr(completion, "AGAIN_SECONDS", 0.5)
        given = {"data_dir": folder, "host": "127.0.0.1", "index_url": url, "index_faces": LARGE}
        service = build(load(given, environ={}))
        assert isinstance(service, Service)
        address = parse(url)
        assert address is not None
        store = Milvus(address)
        try:
            service.recognizer.handle(ops.CreateCollection(collection_id=NAME))
            for number in range(LARGE):
                store_face(service, number)
            yield Running(service, service.serve(), store)
        finally:
            service.close()
            store.close()


def test_a_large_collection_comes_to_milvus_and_is_searched_there(running: Running) -> None:
    mirror = running.ready()
    assert mirror.state is MirrorState.READY
    (job,) = running.service.recognizer.handle(ops.ListJobs()).items
    ended = wait(running.service.recognizer, job.job_id, 60)
    assert (ended.kind, ended.state) == (JobKind.SYNC, JobState.SUCCEEDED)
    answer = running.ask("POST", f"/v1/collections/{NAME}/faces/00000000-0000-4000-8000-{3:012}/search?threshold=0")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-kenspeckle-approximate"] == f"{LARGE} of {LARGE}"
    text = running.ask("GET", "/metrics").text
    assert f'kenspeckle_index_faces_total{{how="approximate"}} {LARGE}.0' in text


def test_what_is_stored_later_comes_there_without_a_job(running: Running) -> None:
    running.ready()
    store_face(running.service, 1000)
    mirror = running.ready()
    assert running.store.count(mirror.name) == LARGE + 1
    assert len(running.service.recognizer.handle(ops.ListJobs()).items) == 1


def test_an_erasure_is_complete_once_it_is_gone_there_too(running: Running) -> None:
    mirror = running.ready()
    (row,) = [
        one.row
        for one in running.service.catalog.read_stored(NAME, "face", range(1, 2 * LARGE))
        if one.face and one.face.external_image_id == "1000.jpg"
    ]
    digests = running.store.digests(mirror.name, row - 1, row)
    assert digests is not None
    assert list(digests) == [row]
    erased = running.service.recognizer.handle(ops.EraseIdentity(collection_id=NAME, external_image_id="1000.jpg"))
    receipt = erased.receipt
    assert receipt is not None
    assert not receipt.complete
    assert "Milvus at 127.0.0.1" in str(receipt.content["remains"])

    def complete() -> bool:
        found = running.service.recognizer.handle(ops.GetReceipt(receipt_id=receipt.receipt_id))
        if not found.complete:
            return False
        now = running.mirror
        assert now is not None
        assert now.compacted > mirror.revision, "the receipt was complete before Milvus had removed it"
        assert "its garbage collector" in str(found.content["remains"]), "what nobody here can remove is still named"
        return True

    until(complete)
    assert running.store.digests(mirror.name, row - 1, row) == {}


def test_a_mirror_that_was_lost_is_built_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "AGAIN_SECONDS", 0.5)
    mirror = running.ready()
    running.store.drop(mirror.name)
    store_face(running.service, 1001)
    until(lambda: (now := running.mirror) is not None and now.row != mirror.row)
    assert running.store.count(running.ready().name) == LARGE + 1
    for job in running.service.recognizer.handle(ops.ListJobs()).items:
        wait(running.service.recognizer, job.job_id, 60)


def test_an_operator_has_it_compared_and_rebuilt(running: Running) -> None:
    mirror = running.ready()
    rows, _ = running.service.catalog.templates_after(NAME, 0, 10)
    assert examined(running) == set()
    running.store.remove(mirror.name, rows[:2])
    assert examined(running) == {"index_wrong"}
    started = running.ask("POST", f"/v1/collections/{NAME}/sync", json={})
    assert started.status_code == 202, started.text
    ended = wait(running.service.recognizer, started.json()["job_id"], 60)
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert ended.result is not None
    assert ended.result["wrong"] == 2
    rebuilt = running.service.recognizer.handle(ops.SyncCollection(collection_id=NAME, rebuild=True))
    ended = wait(running.service.recognizer, rebuilt.job_id, 60)
    assert ended.state is JobState.SUCCEEDED, ended.error
    until(lambda: running.store.names() == (running.ready().name,))


def test_a_small_collection_stays_in_process_and_says_why(running: Running) -> None:
    running.service.recognizer.handle(ops.CreateCollection(collection_id="small"))
    with pytest.raises(Conflict, match="INDEX_FACES=200"):
        running.service.recognizer.handle(ops.SyncCollection(collection_id="small"))


def test_a_collection_that_is_deleted_is_removed_there(running: Running) -> None:
    running.ready()
    erased = running.service.recognizer.handle(ops.EraseCollection(collection_id=NAME))
    receipt = erased.receipt
    assert receipt is not None

    def complete() -> bool:
        return running.service.recognizer.handle(ops.GetReceipt(receipt_id=receipt.receipt_id)).complete

    until(complete)
    assert running.store.names() == ()
