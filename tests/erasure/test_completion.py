"""Erasure of a service that serves: answered first, completed right after, and at the next start after a kill."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.sqlite import scrub
from kenspeckle.cli.app import app
from kenspeckle.cli.launch import launch
from kenspeckle.compose import embedded
from kenspeckle.domain import Deleted, Erased, Erasure, Event, KeptReceipt, Receipt, Secrets, Webhook
from kenspeckle.domain import operations as ops
from kenspeckle.errors import ReceiptNotFound
from kenspeckle.shapes.dump import receipt as shape
from kenspeckle.usecases.audit import receipts
from kenspeckle.usecases.recognition import collections, completion, upkeep
from tests.catalogs import gallery, new_face, photo
from tests.erasure.test_erasure import HOME, Held, variation

KEY = receipts.Receipts(b"r" * 32)


def until(happened: Callable[[], bool]) -> None:
    """Wait for it, at most as long as a machine may take that does much else."""
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    held = Held(tmp_path / "data", keep_images=False)
    yield held
    held.service.close()


def content_of(done: Deleted | Erased, held: Held) -> dict[str, Any]:
    assert done.receipt is not None
    return receipts.verify_receipt(shape(done.receipt), held.public_key)


def now_of(held: Held, receipt_id: str) -> dict[str, Any]:
    found = held.service.recognizer.handle(ops.GetReceipt(receipt_id=receipt_id))
    return receipts.verify_receipt(shape(found), held.public_key)


def test_a_deletion_is_answered_before_the_files_are_scrubbed(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = Webhook("hook-1", "http://127.0.0.1:9/x", "", frozenset({Event.COMPLETED}), frozenset(), 1.5)
    held.service.catalog.add_webhook(hook, Secrets(b"sealed"), 10)
    face, stays = held.store("goes", 1), held.store("stays", 2)
    go_on, scrubbed = threading.Event(), SqlCatalog.scrub

    def waits(catalog: SqlCatalog, *, thorough: bool = False) -> bool:
        go_on.wait(60)
        return scrubbed(catalog, thorough=thorough)

    monkeypatch.setattr(SqlCatalog, "scrub", waits)
    held.service.serve()
    done = held.service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[face]))
    pending = content_of(done, held)
    assert (pending["state"], pending["complete"], pending["completed_at"]) == ("pending", False, None)
    assert now_of(held, pending["id"]) == pending
    assert not held.service.catalog.deliveries(hook.webhook_id, None, 10, None).items
    go_on.set()
    until(lambda: bool(now_of(held, pending["id"])["complete"]))
    complete = now_of(held, pending["id"])
    assert held.kept() == {"stays"}
    assert complete["completed_at"] >= complete["at"]
    assert {**complete, "state": "pending", "complete": False, "completed_at": None} == pending
    (told,) = held.service.catalog.deliveries(hook.webhook_id, None, 10, None).items
    assert (told.event, told.collection_id) == (Event.COMPLETED, HOME)
    assert held.service.catalog.face(HOME, stays)


def test_who_may_see_a_receipt(held: Held) -> None:
    done = held.service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[held.store("goes", 1)]))
    receipt_id = str(content_of(done, held)["id"])
    assert now_of(held, receipt_id)["complete"], "without a server beside it, the command does it all"
    handle = held.service.recognizer.handle
    assert handle(ops.GetReceipt(receipt_id=receipt_id, only=[HOME])).receipt_id == receipt_id
    refusals = []
    for asked in (ops.GetReceipt(receipt_id=receipt_id, only=["others"]), ops.GetReceipt(receipt_id="receipt-0")):
        with pytest.raises(ReceiptNotFound) as refused:
            handle(asked)
        refusals.append(refused.value.message.replace(asked.receipt_id, ""))
    assert refusals[0] == refusals[1]


def test_a_kill_before_the_files_were_scrubbed_is_mended_at_the_next_start(tmp_path: Path) -> None:
    held = Held(tmp_path / "data", keep_images=False)
    face = held.store("goes", 1)
    held.service.local.context.scrubber.deferred = True  # as in a process that serves, which dies after the answer
    done = held.service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[face]))
    receipt_id = str(content_of(done, held)["id"])
    assert held.kept() == {"goes"}
    held.service.close()
    again = Held(tmp_path / "data", keep_images=False)
    again.secrets = held.secrets
    try:
        assert not now_of(again, receipt_id)["complete"], "a command leaves it to a service"
        again.service.serve()
        until(lambda: bool(now_of(again, receipt_id)["complete"]))
        assert again.kept() == set()
    finally:
        again.service.close()


def test_a_stop_completes_what_is_pending(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "TOGETHER_SECONDS", 3600)  # the thread's own round never comes
    face = held.store("goes", 1)
    held.service.serve()
    done = held.service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[face]))
    receipt_id = str(content_of(done, held)["id"])
    held.service.close()
    assert held.kept() == set()
    with closing(SqlCatalog.open(held.settings.catalog)) as catalog:
        assert catalog.receipt(receipt_id).receipt.complete


def test_saved_codes_go_before_the_receipt_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "SAVED_FROM", 1)
    monkeypatch.setattr(upkeep, "EVERY_SECONDS", 0.01)
    files = tmp_path / "data" / "codes"

    def saved(held: Held) -> list[int]:
        """Faces of each file that the catalog knows."""
        return [one.faces for one, _ in held.service.catalog.mirrors()]

    first = Held(tmp_path / "data", keep_images=False)
    with closing(first.service):
        face, stays = first.store("goes", 1), first.store("stays", 2)
        first.service.serve()  # loads, and saves what it has loaded
        until(lambda: saved(first) == [2])
    again = Held(tmp_path / "data", keep_images=False)
    again.secrets = first.secrets
    monkeypatch.setattr(upkeep, "EVERY_SECONDS", 3600)
    with closing(again.service):
        again.service.serve()
        assert saved(again) == [2]
        assert len(list(files.iterdir())) == 1
        done = again.service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[face]))
        receipt_id = str(content_of(done, again)["id"])
        until(lambda: bool(now_of(again, receipt_id)["complete"]))
        assert saved(again) == []
        assert list(files.iterdir()) == []
        found = again.service.recognizer.handle(ops.SearchImage(collection_id=HOME, image=variation(1), threshold=0.0))
        assert [one.face.face_id for one in found.searches[0].matches] == [stays]
    with closing(SqlCatalog.open(again.settings.catalog)) as catalog:
        assert [one.faces for one, _ in catalog.mirrors()] == [1], "a stop saves what is left"
    elsewhere = Held(tmp_path / "data", keep_images=False, index_url="milvus://127.0.0.1:9/kenspeckle")
    with closing(elsewhere.service):
        assert saved(elsewhere) == [], "no receipt waits for what nothing keeps"
        assert list(files.iterdir()) == []


def test_a_receipt_waits_for_readers(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub, "SECONDS", 0.05)
    monkeypatch.setattr(completion, "AGAIN_SECONDS", 0.05)
    face = held.store("goes", 1)
    held.service.serve()
    with held.service.catalog.database.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM faces").scalar()
        done = held.service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[face]))
        receipt_id = str(content_of(done, held)["id"])
        held.service.local.completion.round()
        assert not now_of(held, receipt_id)["complete"]
    until(lambda: bool(now_of(held, receipt_id)["complete"]))
    assert held.kept() == set()


def test_the_receipt_of_a_large_collection_waits_for_its_job(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "PURGED_AT_ONCE", 1)
    handle = held.service.recognizer.handle
    handle(ops.CreateCollection(collection_id="large"))
    faces = {held.store(name, number, "large") for number, name in enumerate("abc")}
    small = held.store("small", 5)
    jobs = held.service.jobs
    monkeypatch.setattr(jobs, "_most", 0)  # nothing is purged yet
    held.service.serve()
    pending = content_of(handle(ops.EraseCollection(collection_id="large")), held)
    assert (set(pending["faces"]), pending["face_count"], pending["image_count"]) == (faces, 3, 3)
    other = content_of(handle(ops.DeleteFaces(collection_id=HOME, face_ids=[small])), held)
    until(lambda: bool(now_of(held, other["id"])["complete"]))
    assert held.kept() == {"a", "b", "c"}
    assert not now_of(held, pending["id"])["complete"]
    monkeypatch.setattr(jobs, "_most", 1)
    jobs.nudge()
    until(lambda: bool(now_of(held, pending["id"])["complete"]))
    assert held.kept() == set()


def test_receipts_in_the_catalog(catalog_url: str) -> None:
    with closing(SqlCatalog.open(catalog_url)) as catalog:
        assert bool(catalog.remains()) == (not catalog_url.startswith("sqlite"))
        catalog.create_collection(gallery())
        catalog.add_faces(photo(1), "1.jpg", [new_face(1)], "v1")

        def kept(number: int, completed_at: float | None) -> KeptReceipt:
            receipt = Receipt(
                {"id": f"receipt-{number}", "complete": completed_at is not None}, "key", f"sign {number}"
            )
            return KeptReceipt(receipt.receipt_id, "people", Erasure.FACES, 1.5, completed_at, receipt)

        for number in (1, 2, 3):
            catalog.add_receipt(kept(number, None))
        catalog.add_receipt(kept(4, 10.5))
        assert [one.receipt_id for one in catalog.pending_receipts(2)] == ["receipt-1", "receipt-2"]
        assert catalog.complete_receipt(kept(1, 20.5), ())
        assert not catalog.complete_receipt(kept(1, 30.5), ()), "another process has done it"
        assert not catalog.complete_receipt(kept(5, 30.5), ())
        assert catalog.receipt("receipt-1") == kept(1, 20.5)
        assert catalog.trim_receipts(20.0) == 1
        assert catalog.trim_receipts(20.0) == 0
        with pytest.raises(ReceiptNotFound):
            catalog.receipt("receipt-4")
        assert [one.receipt_id for one in catalog.pending_receipts(9)] == ["receipt-2", "receipt-3"]


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_over_http_and_from_the_shell(tmp_path: Path) -> None:
    folder, file = tmp_path / "data", tmp_path / "receipt.json"
    with launch(folder) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        key = http.get("/v1/info").json()["receipts"]["public_key"]
        for number, name in enumerate(("a", "b", "c")):
            http.put(f"/v1/index/{name}", content=variation(number))
        signed = http.delete("/v1/images/a").json()["Receipt"]
        place = f"/v1/receipts/{signed['receipt']['id']}"
        until(lambda: http.get(place).json()["receipt"]["state"] == "complete")
        assert receipts.verify_receipt(http.get(place).json(), key)["name"] == "a"
        unknown = http.get("/v1/receipts/receipt-0")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "receipt_not_found")
        done = run("erase", "--identity", "b", "--yes", "--receipt", str(file), "--url", server.url)
        assert done.exit_code == 0, done.output
        complete = orjson.loads(file.read_bytes())
        assert receipts.verify_receipt(complete, key)["state"] == "complete"
        shown = run("receipts", "show", complete["receipt"]["id"], "--json", "--url", server.url)
        assert orjson.loads(shown.stdout) == complete
        again = tmp_path / "again.json"
        waited = run("receipts", "wait", complete["receipt"]["id"], "--receipt", str(again), "--url", server.url)
        assert (waited.exit_code, "Complete." in waited.output) == (0, True)
        assert orjson.loads(again.read_bytes()) == complete
        assert run("receipts", "show", "receipt-0", "--url", server.url).exit_code == 1
        face = http.get("/v1/collections/kenspeckle/faces").json()["Faces"][0]["FaceId"]
    gone = orjson.loads(run("faces", "delete", face, "--yes", "--json", "--data-dir", str(folder)).stdout)
    assert receipts.verify_receipt(gone["Receipt"], key)["state"] == "complete"


def test_a_command_completes_what_a_service_left(tmp_path: Path) -> None:
    held = Held(tmp_path / "data", keep_images=False)
    face = held.store("goes", 1)
    held.service.local.context.scrubber.deferred = True
    done = held.service.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=[face]))
    receipt_id = str(content_of(done, held)["id"])
    assert held.kept() == {"goes"}
    held.service.close()
    assert "Pending" in run("receipts", "show", receipt_id, "--data-dir", str(held.folder)).output
    waited = run("receipts", "wait", receipt_id, "--data-dir", str(held.folder))
    assert waited.exit_code == 0, waited.output
    assert held.kept() == set()
