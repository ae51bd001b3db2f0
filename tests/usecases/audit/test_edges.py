"""The audit trail of a real server: who asked by which edge, from where, and who was not let in."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import orjson
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from kenspeckle import settings
from kenspeckle.cli.app import app
from kenspeckle.cli.launch import launch

ADMIN = "a" * 40
GRACE = settings.load(environ={}).models_dir / "samples" / "grace_hopper.jpg"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audited")


@pytest.fixture(scope="module")
def http(data_dir: Path) -> Iterator[httpx.Client]:
    with (
        launch(data_dir, settings={"KENSPECKLE_ADMIN_KEY": ADMIN}) as server,
        httpx.Client(base_url=server.url, timeout=30, headers={"x-api-key": ADMIN}) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def pair(http: httpx.Client) -> dict[str, Any]:
    answer = http.post("/v1/keys", json={"name": "desk", "scopes": ["index", "search"], "aws": True, "rate": "none"})
    return dict(answer.json())


def rows(http: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = http.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


def run(*words: str, data_dir: Path) -> Any:
    done = CliRunner().invoke(app, [*words, "--data-dir", str(data_dir), "--json"])
    assert done.exit_code == 0, done.output
    return orjson.loads(done.stdout)


def test_rest(http: httpx.Client, pair: dict[str, Any]) -> None:
    key = {"x-api-key": pair["api_key"], "x-request-id": "request-of-rest"}
    with httpx.Client(base_url=http.base_url, headers=key, timeout=30) as client:
        done = client.put("/v1/index/grace-hopper.jpg", content=GRACE.read_bytes())
        assert done.status_code == 200, done.text
        face = done.json()["FaceRecords"][0]["Face"]["FaceId"]
        assert client.put("/v1/search", content=GRACE.read_bytes()).json()["matchedFaces"] == ["Grace hopper"]
        assert client.put("/v1/search", content=b"no image").status_code == 415
    found = rows(http, key=pair["id"])
    assert [(one["operation"], one["outcome"]) for one in found] == [
        ("SearchFacesByImage", "unsupported_image"),
        ("SearchFacesByImage", "ok"),
        ("IndexFaces", "ok"),
    ]
    for one in found[1:]:
        assert (one["faces"], one["name"], one["collection"]) == ([face], "desk", "kenspeckle")
        assert (one["request_id"], one["address"]) == ("request-of-rest", "127.0.0.1")


def test_wire(http: httpx.Client, pair: dict[str, Any]) -> None:
    client = boto3.client(
        "rekognition",
        endpoint_url=str(http.base_url),
        region_name="us-east-1",
        aws_access_key_id=pair["access_key_id"],
        aws_secret_access_key=pair["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    answer = client.detect_faces(Image={"Bytes": GRACE.read_bytes()})
    found = rows(http, operation="DetectFaces")[0]
    assert (found["who"], found["facts"]) == (pair["id"], {"detected": 1})
    assert found["request_id"] == answer["ResponseMetadata"]["RequestId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_collection(CollectionId="kenspeckle")
    assert refused(http, "AccessDeniedException")["who"] == pair["id"]


def test_faces_are_counted_whichever_edge_asks(http: httpx.Client, pair: dict[str, Any]) -> None:
    def counted() -> list[float]:
        numbers = dict(line.rsplit(" ", 1) for line in http.get("/metrics").text.splitlines() if line[0] != "#")
        return [float(numbers[f"kenspeckle_faces_{what}_total"]) for what in ("indexed", "searched")]

    client = boto3.client(
        "rekognition",
        endpoint_url=str(http.base_url),
        region_name="us-east-1",
        aws_access_key_id=pair["access_key_id"],
        aws_secret_access_key=pair["secret_access_key"],
    )
    indexed, searched = counted()
    for _ in range(2):  # the second one finds it stored
        client.index_faces(CollectionId="kenspeckle", Image={"Bytes": GRACE.read_bytes()}, ExternalImageId="counted")
    client.search_faces_by_image(CollectionId="kenspeckle", Image={"Bytes": GRACE.read_bytes()})
    assert counted() == [indexed + 1, searched + 1]
    http.put("/v1/search", content=GRACE.read_bytes())
    assert counted() == [indexed + 1, searched + 2]


def refused(http: httpx.Client, code: str) -> dict[str, Any]:
    """The row of a refusal, which is written within a second or so."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = [one for one in rows(http, operation="RequestRefused") if one["outcome"] == code]
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"no refusal {code} was recorded")


def test_who_was_not_let_in(http: httpx.Client, pair: dict[str, Any]) -> None:
    with httpx.Client(base_url=http.base_url) as stranger:
        for _ in range(30):
            assert stranger.put("/v1/search", content=b"x").status_code == 401
        assert stranger.get("/v1/audit", headers={"x-api-key": pair["api_key"]}).status_code == 403
    one = refused(http, "unauthenticated")
    assert (one["who"], one["address"], one["facts"]["route"]) == ("nobody", "127.0.0.1", "PUT /v1/search")
    assert refused(http, "forbidden")["who"] == pair["id"]
    found = [row for row in rows(http, operation="RequestRefused") if row["outcome"] == "unauthenticated"]
    assert sum(row["facts"]["count"] for row in found) == 30
    assert len(found) < 10


def test_keys(http: httpx.Client) -> None:
    made = http.post("/v1/keys", json={"name": "passing", "scopes": ["search"]}).json()
    http.delete(f"/v1/keys/{made['id']}")
    last, first = rows(http, limit=2)
    assert (first["operation"], last["operation"]) == ("CreateKey", "RevokeKey")
    assert last["facts"]["key"] == first["facts"]["key"] == made["id"]
    assert first["name"] == "admin"
    assert made["api_key"] not in orjson.dumps([first, last]).decode()
    seeded = rows(http, operation="CreateKey")[-1]
    assert (seeded["facts"]["key_name"], seeded["who"]) == ("admin", "cli")


def test_commands(http: httpx.Client, data_dir: Path, tmp_path: Path) -> None:
    http.put("/v1/index/by-hand.jpg", content=GRACE.read_bytes())
    listed = run("audit", "show", "--operation", "IndexFaces", "--limit", "1", data_dir=data_dir)
    assert [(one["operation"], one["name"]) for one in listed] == [("IndexFaces", "admin")]
    assert run("audit", "show", "--since", "0s", data_dir=data_dir) == []
    run("keys", "create", "by hand", data_dir=data_dir)
    assert run("audit", "show", "--operation", "CreateKey", data_dir=data_dir)[0]["who"] == "cli"
    verified = run("audit", "verify", data_dir=data_dir)
    assert verified["sound"]
    assert run("audit", "verify", "--anchor", verified["anchor"], data_dir=data_dir)["sound"]
    file = tmp_path / "audit.jsonl"
    done = run("audit", "export", str(file), data_dir=data_dir)
    lines = [orjson.loads(line) for line in io.BytesIO(file.read_bytes())]
    assert [one["number"] for one in lines] == list(range(1, done["rows"] + 1))
    beyond = "9" * 25
    assert len(run("audit", "show", "--limit", beyond, data_dir=data_dir)) >= done["rows"]
    assert run("audit", "export", str(tmp_path / "none"), "--after", beyond, data_dir=data_dir)["rows"] == 0
    wrong = CliRunner().invoke(app, ["audit", "verify", "--anchor", "3:" + "0" * 64, "--data-dir", str(data_dir)])
    assert wrong.exit_code == 1
    assert "row 3: not the row that the anchor names" in wrong.output


def test_bad_questions(http: httpx.Client) -> None:
    for query in ({"limit": 0}, {"since": "yesterday"}, {"before": "x"}):
        assert http.get("/v1/audit", params=query).status_code == 422
