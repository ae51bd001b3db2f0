"""Webhooks of a real server with real weights: what is told, who may manage them, and what a kill -9 leaves."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kenspeckle.api import webhook_schemas as shapes
from kenspeckle.cli.app import app
from kenspeckle.cli.launch import Launched, launch
from tests.faults.portraits import sample
from tests.ports import unused_port
from tests.webhooks.conftest import Post, Receiver, receiving, until

GRACE, EILEEN = (sample(name).read_bytes() for name in ("grace_hopper.jpg", "astronaut.png"))
ADMIN = "a" * 40
SETTINGS = {
    "KENSPECKLE_WEBHOOK_HOSTS": "127.0.0.1",
    "KENSPECKLE_WEBHOOK_SECONDS": "1",
    "KENSPECKLE_WEBHOOK_RETRIES": ",".join(["0.3"] * 50),
    "KENSPECKLE_LOG_LEVEL": "WARNING",
}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hooked")


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[Launched]:
    with launch(data_dir, settings={**SETTINGS, "KENSPECKLE_ADMIN_KEY": ADMIN}) as running:
        yield running


@pytest.fixture
def http(server: Launched) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30, headers={"x-api-key": ADMIN}) as client:
        yield client


def made(http: httpx.Client, url: str, **more: Any) -> dict[str, Any]:
    answer = http.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    shapes.WebhookWithSecret.model_validate(answer.json())
    return dict(answer.json())


def test_what_happens_is_told(http: httpx.Client, receiver: Receiver) -> None:
    hook = made(http, receiver.url("/told"))
    id_ = {"x-request-id": "request-of-mine"}
    face = http.put("/v1/index/grace-hopper.jpg", content=GRACE).json()["FaceRecords"][0]["Face"]["FaceId"]
    assert http.put("/v1/index/grace-hopper.jpg", content=GRACE).status_code == 200  # nothing new
    assert http.put("/v1/search?all_faces=true", content=GRACE, headers=id_).json()["matchedFaces"] == ["Grace hopper"]
    assert http.put("/v1/search", content=EILEEN).json()["matchedFaces"] == []
    until(lambda: len(receiver.of("/told")) == 2)
    assert http.delete(f"/v1/collections/kenspeckle/faces/{face}").status_code == 200
    until(lambda: len(receiver.of("/told")) == 4)
    told = {one["type"]: one["data"] for one in receiver.verified("/told", hook["secret"])}
    assert told.keys() == {"faces.indexed", "faces.matched", "faces.deleted", "erasure.completed"}
    assert told["faces.indexed"]["face_ids"] == told["faces.deleted"]["face_ids"] == [face]
    assert told["faces.indexed"]["name"] == "Grace hopper"
    completed = told["erasure.completed"]
    assert (completed["erased"], completed["face_count"], completed["collection"]) == ("faces", 1, "kenspeckle")
    assert http.get(f"/v1/receipts/{completed['receipt_id']}").json()["receipt"]["state"] == "complete"
    assert told["faces.matched"]["request_id"] == "request-of-mine"
    (match,) = told["faces.matched"]["matches"]
    assert (match["face_id"], match["external_image_id"], match["searched_face"]) == (face, "grace-hopper.jpg", 0)
    assert match["similarity"] > 99
    until(lambda: all(one["state"] == "delivered" for one in deliveries(http, hook)))
    assert 'kenspeckle_webhook_attempts_total{outcome="delivered"}' in http.get("/metrics").text
    for one in deliveries(http, hook):
        shapes.DeliveryAnswer.model_validate(one)


def test_recognition_over_comprefaces_protocol_is_told_and_counted(http: httpx.Client, receiver: Receiver) -> None:
    """Its clients hear of the best subject however little it resembles; webhooks and metrics do not."""
    hook = made(http, receiver.url("/compreface"), events=["faces.matched"])
    face = http.put("/v1/index/grace-hopper.jpg", content=GRACE).json()["FaceRecords"][0]["Face"]["FaceId"]

    def counted() -> tuple[int, int]:
        text = http.get("/metrics").text
        found = [re.search(rf'kenspeckle_searches_total{{outcome="{one}"}} (\d+)', text) for one in ("match", "miss")]
        return tuple(int(one[1]) for one in found if one)  # type: ignore[return-value]

    matches, misses = counted()
    for photograph in (EILEEN, GRACE):
        # So many that the search is asked again, wider: it is told once all the same.
        query = {"face_plugins": "calculator", "prediction_count": "5"}
        answer = http.post("/api/v1/recognition/recognize", params=query, files={"file": photograph})
        (found,) = answer.json()["result"]
        assert found["subjects"][0]["subject"] == "grace-hopper.jpg"
    assert counted() == (matches + 1, misses + 1)
    http.post("/api/v1/recognition/embeddings/recognize", json={"embeddings": [found["embedding"]]})
    assert counted() == (matches + 2, misses + 1)
    until(lambda: len(receiver.of("/compreface")) == 2)
    for told in receiver.verified("/compreface", hook["secret"]):
        assert (told["data"]["searched_faces"], told["data"]["match_count"]) == (1, 1)
        assert told["data"]["matches"][0]["face_id"] == face
    http.delete(f"/v1/webhooks/{hook['id']}")
    http.delete(f"/v1/collections/kenspeckle/faces/{face}")


def deliveries(http: httpx.Client, hook: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    answer = http.get(f"/v1/webhooks/{hook['id']}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["deliveries"])


def test_deleting_a_collection_is_told(http: httpx.Client, receiver: Receiver) -> None:
    hook = made(http, receiver.url("/passing"), collections=["passing"], events=["faces.deleted", "faces.indexed"])
    assert http.put("/v1/collections/passing").status_code == 201
    http.put("/v1/index/a.jpg?collection=passing", content=GRACE)
    http.put("/v1/index/a.jpg", content=GRACE)
    assert http.delete("/v1/collections/passing").status_code == 204
    until(lambda: any(b"whole_collection" in body for _, body in receiver.of("/passing")))
    told = receiver.verified("/passing", hook["secret"])
    assert {one["data"]["collection"] for one in told} == {"passing"}
    assert told[-1]["data"]["whole_collection"] is True


def test_managing(http: httpx.Client, receiver: Receiver) -> None:
    hook = made(http, receiver.url("/managed"), description="door")
    place = f"/v1/webhooks/{hook['id']}"
    assert hook["id"] in [one["id"] for one in http.get("/v1/webhooks").json()["webhooks"]]
    assert "secret" not in http.get(place).json()
    changed = http.patch(place, json={"events": ["faces.matched"], "enabled": False}).json()
    shapes.WebhookAnswer.model_validate(changed)
    assert (changed["state"], changed["events"], changed["description"]) == ("disabled", ["faces.matched"], "door")
    assert http.patch(place, json={"enabled": True}).json()["state"] == "enabled"
    rotated = http.post(f"{place}/rotate", json={"keep": "1h"}).json()
    assert rotated["secret"] != hook["secret"]
    assert rotated["old_secret_until"]
    tried = http.post(f"{place}/test").json()
    assert (tried["event"], tried["state"], tried["status"]) == ("webhook.test", "delivered", 204)
    assert len(receiver.verified("/managed", hook["secret"])) == 1
    for _ in range(2):
        http.post(f"{place}/test")
    first = http.get(f"{place}/deliveries", params={"limit": 2}).json()
    rest = http.get(f"{place}/deliveries", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert (len(first["deliveries"]), len(rest["deliveries"]), rest["cursor"]) == (2, 1, None)
    assert http.post(f"{place}/retry", json={}).json() == {"messages": 0}
    refused = http.post(f"{place}/retry", json={"message_id": tried["message_id"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert http.delete(place).json()["id"] == hook["id"]
    assert http.get(place).json()["code"] == "webhook_not_found"


def test_bad_input(http: httpx.Client, receiver: Receiver) -> None:
    for body, field in (
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": receiver.url("/x"), "events": ["faces.eaten"]}, "events"),
        ({"url": receiver.url("/x"), "odd": 1}, "odd"),
        ({}, "url"),
    ):
        answer = http.post("/v1/webhooks", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    hook = made(http, receiver.url("/x"))
    for query in ({"state": "lost"}, {"limit": 0}, {"cursor": "x"}):
        assert http.get(f"/v1/webhooks/{hook['id']}/deliveries", params=query).status_code == 422
    for keep in ("31d", "soon", "-1h"):
        assert http.post(f"/v1/webhooks/{hook['id']}/rotate", json={"keep": keep}).status_code == 422
    http.delete(f"/v1/webhooks/{hook['id']}")


def test_every_route_is_for_administrators_of_the_service(http: httpx.Client, server: Launched) -> None:
    document = http.get("/openapi.json").json()["paths"]
    asked = [(method, path) for path, one in document.items() if path.startswith("/v1/webhooks") for method in one]
    assert len(asked) == 9

    def key(*scopes: str, collections: tuple[str, ...] = ()) -> str:
        new = {"name": "k", "scopes": scopes, "collections": collections, "rate": "none"}
        return str(http.post("/v1/keys", json=new).json()["api_key"])

    everyday = key("index", "search", "read", "delete")
    bound = key("admin", collections=("kenspeckle",))
    with httpx.Client(base_url=server.url) as stranger:
        for (method, path), (sent, status) in itertools.product(asked, ((None, 401), (everyday, 403), (bound, 403))):
            headers = {"x-api-key": sent} if sent else {}
            answer = stranger.request(method, path.format(webhook_id="hook-x"), headers=headers, content=b"{")
            assert answer.status_code == status, (method, path, answer.text)


def run(data_dir: Path, *words: str, code: int = 0, text: bool = False) -> Any:
    done = CliRunner(env=SETTINGS).invoke(
        app, ["webhooks", *words, "--data-dir", str(data_dir), *([] if text else ["--json"])]
    )
    assert done.exit_code == code, done.output
    return done.output if text else json.loads(done.stdout)


def test_commands(http: httpx.Client, data_dir: Path, receiver: Receiver) -> None:
    hook = run(data_dir, "create", receiver.url("/command"), "--event", "faces.indexed", "--description", "lobby")
    id_ = hook["id"]
    assert http.get(f"/v1/webhooks/{id_}").json()["description"] == "lobby"
    assert run(data_dir, "test", id_)["state"] == "delivered"
    receiver.plan["/command"] = [500]
    assert run(data_dir, "test", id_, code=1)["status"] == 500
    assert "It arrived: 204" in run(data_dir, "test", id_, text=True)
    assert [one["state"] for one in run(data_dir, "log", id_)] == ["delivered", "failed", "delivered"]
    assert "It answered 500." in run(data_dir, "log", id_, "--state", "failed", text=True)
    changed = run(data_dir, "change", id_, "--collection", "a", "--event", "faces.matched")
    assert (changed["collections"], changed["events"]) == (["a"], ["faces.matched"])
    assert run(data_dir, "change", id_, "--all-collections")["collections"] == []
    assert run(data_dir, "disable", id_)["state"] == "disabled"
    assert run(data_dir, "enable", id_)["state"] == "enabled"
    assert run(data_dir, "rotate", id_, "--keep", "0")["secret"] != hook["secret"]
    assert run(data_dir, "retry", id_) == {"messages": 0}
    assert id_ in run(data_dir, "list", text=True)
    assert "secret" not in run(data_dir, "show", id_)
    run(data_dir, "delete", id_, text=True)
    assert "There is no webhook" in run(data_dir, "show", id_, code=1, text=True)
    assert "only https" in run(data_dir, "create", "http://8.8.8.8/", code=1, text=True)


def test_the_doctor_tells_of_endpoints_that_nothing_reaches(post: Post, tmp_path: Path) -> None:
    fine, failing, off = (post.endpoints.create("http://127.0.0.1:9/")[0].webhook_id for _ in range(3))
    post.catalog.note_health(failing, 1.0)
    post.endpoints.change(off, enabled=False)

    def found() -> dict[str, str]:
        done = CliRunner(env=SETTINGS).invoke(app, ["doctor", "--data-dir", str(tmp_path), "--json"])
        (check,) = (one for one in json.loads(done.stdout)["checks"] if one["check"] == "webhooks")
        return {one["what"].split("webhook ")[1].split(" ")[0]: one["code"] for one in check["findings"]}

    assert found() == {failing: "webhook_failing", off: "webhook_disabled"}
    post.dispatchers.clear()
    (tmp_path / "master.key").write_bytes(b"k" * 32)
    assert found()[fine] == "webhook_secret_lost"


def test_kill_9_between_commit_and_delivery_loses_nothing(tmp_path: Path) -> None:
    port = unused_port()
    with launch(tmp_path, settings=SETTINGS) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        hook = made(client, f"http://127.0.0.1:{port}/late")
        assert client.put("/v1/index/grace-hopper.jpg", content=GRACE).status_code == 200
        assert client.put("/v1/search", content=GRACE).json()["matchedFaces"] == ["Grace hopper"]
        until(lambda: client.get(f"/v1/webhooks/{hook['id']}").json()["state"] == "failing")
        sent = {one["message_id"] for one in deliveries(client, hook)}
        server.process.kill()
        server.process.wait()
    # What the kill caught on its way is left to the dead process until its lease ends: half a minute later.
    with closing(sqlite3.connect(tmp_path / "kenspeckle.db")) as database, database:
        database.execute("UPDATE deliveries SET due_at = due_at - 60")
    with receiving(port) as receiver, launch(tmp_path, settings=SETTINGS) as server:
        begun = time.monotonic()
        until(lambda: set(receiver.ids("/late")) == sent, 45)
        if time.monotonic() - begun > 25:  # seen, and not explained: an attempt that was lost until its lease ended
            with closing(sqlite3.connect(tmp_path / "kenspeckle.db")) as database:
                rows = database.execute("SELECT message_id, state, attempts, due_at, error FROM deliveries").fetchall()
            warnings.warn(f"a message waited for its lease: {rows}\n" + "\n".join(server.log), stacklevel=1)
        told = {one["type"] for one in receiver.verified("/late", hook["secret"])}
    assert told == {"faces.indexed", "faces.matched"}
