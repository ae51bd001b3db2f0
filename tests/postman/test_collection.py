"""The Postman collection: what the OpenAPI document says now, and true of a real server, as newman finds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kenspeckle.cli.launch import launch
from tests.postman.newman import COLLECTION, KEPT, Newman, failures, requests

ADMIN = "the-admin-key-of-a-server-that-lives-for-this-test-only"


def test_the_kept_files_are_what_the_openapi_document_makes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "docs.postman.generate", str(tmp_path)]
    subprocess.run(command, cwd=KEPT.parents[1], check=True, timeout=30)
    made = {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()}
    assert len(made) == 3
    assert made == {file.name: file.read_text("utf-8") for file in KEPT.glob("*.json")}, "run: make docs"


def test_every_operation_is_in_it_with_tests_of_status_and_shape() -> None:
    document = json.loads(KEPT.with_name("openapi.json").read_text("utf-8"))
    operations = {one["operationId"] for methods in document["paths"].values() for one in methods.values()}
    scripts = {"\n".join(request["event"][0]["script"]["exec"]) for request in requests()}
    for operation in operations:
        script = next(one for one in scripts if f'pm.test("{operation}: status is' in one)
        assert "jsonSchema" in script or "the type that is documented" in script


def test_every_variable_that_a_request_uses_has_a_value_in_both_environments() -> None:
    whole = COLLECTION.read_text("utf-8")
    kept = {"faceId", "otherFaceId", "keyId"}
    assert all(f'collectionVariables.set(\\"{name}\\"' in whole for name in kept)
    for file in KEPT.glob("*environment.json"):
        values = {one["key"]: one["value"] for one in json.loads(file.read_text("utf-8"))["values"]}
        assert values["apiKey"] == "", "no key may be published"
        assert {"baseUrl", "apiKey", "collection", "hasOperations", "hasKeys"} <= set(values)


@pytest.fixture(scope="module")
def newman() -> Newman:
    return Newman.installed()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with real weights that asks for a key."""
    with launch(tmp_path_factory.mktemp("postman"), settings={"KENSPECKLE_ADMIN_KEY": ADMIN}) as server:
        yield server.url


@pytest.mark.timeout(240)
def test_the_whole_collection_holds_on_a_real_server(newman: Newman, url: str, tmp_path: Path) -> None:
    status, run = newman.run("local", tmp_path, baseUrl=url, apiKey=ADMIN)
    assert failures(run) == []
    assert status == 0
    unoffered = {one["item"]["name"] for one in run["executions"] if one["response"]["code"] == 501}
    assert "The receipt of an erasure as it is now" not in unoffered, "only Amazon's side has none"
    assert run["stats"]["requests"]["total"] == len(list(requests()))
    assert run["stats"]["assertions"]["total"] >= 4 * run["stats"]["requests"]["total"]
    left = httpx.get(f"{url}/v1/collections", headers={"x-api-key": ADMIN}).json()
    assert left["CollectionIds"] == ["kenspeckle"], "it clears up behind itself"


def test_an_environment_without_keys_leaves_their_folder_out(newman: Newman, url: str, tmp_path: Path) -> None:
    keys = ("--folder", "Keys and audit trail")
    status, run = newman.run("local", tmp_path, *keys, baseUrl=url, apiKey=ADMIN, hasKeys="false")
    assert (status, run["stats"]["requests"]["total"]) == (0, 0)


def test_the_run_fails_where_the_server_refuses(newman: Newman, url: str, tmp_path: Path) -> None:
    folders = ("--folder", "Service", "--folder", "Operations")
    status, run = newman.run("local", tmp_path, *folders, baseUrl=url, apiKey="ksp_wrong")
    assert status != 0
    assert {name for name, _ in failures(run)} >= {"What this server is", "Metrics for Prometheus"}
