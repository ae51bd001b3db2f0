"""The Postman collection: what the OpenAPI document says now, and true of a real server, as newman finds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kenspeckle import settings
from kenspeckle.cli.launch import launched
from tests.npm import installed

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / "docs" / "postman"
COLLECTION = KEPT / "kenspeckle.postman_collection.json"
ADMIN = "the-admin-key-of-a-server-that-lives-for-this-test-only"


def test_the_kept_files_are_what_the_openapi_document_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(KEPT / "generate.py"), str(tmp_path)], check=True, timeout=30)
    made = {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()}
    assert len(made) == 3
    assert made == {file.name: file.read_text("utf-8") for file in KEPT.glob("*.json")}, "run: make docs"


def test_every_operation_is_in_it_with_tests_of_status_and_shape() -> None:
    document = json.loads(KEPT.with_name("openapi.json").read_text("utf-8"))
    operations = {one["operationId"] for methods in document["paths"].values() for one in methods.values()}
    scripts = {"\n".join(request["event"][0]["script"]["exec"]) for request in _requests()}
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
        assert {"baseUrl", "apiKey", "collection", "hasKeys"} <= set(values)


@pytest.fixture(scope="module")
def newman() -> Path:
    return installed(HERE) / "node_modules" / ".bin" / "newman"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with real weights that asks for a key."""
    with launched(tmp_path_factory.mktemp("postman"), settings={"KENSPECKLE_ADMIN_KEY": ADMIN}) as server:
        yield server.url


def _run(newman: Path, url: str, key: str, report: Path, *more: str) -> tuple[int, Any]:
    """Exit status and report of a run with the local environment."""
    words: list[str] = [
        str(newman),
        "run",
        str(COLLECTION),
        "--environment",
        str(KEPT / "local.postman_environment.json"),
    ]
    words += ["--env-var", f"baseUrl={url}", "--env-var", f"apiKey={key}", *more]
    words += ["--working-dir", str(settings.load(environ={}).models_dir / "samples")]
    words += ["--reporters", "json", "--reporter-json-export", str(report)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    return done.returncode, json.loads(report.read_text("utf-8"))["run"]


@pytest.mark.timeout(240)
def test_the_whole_collection_holds_on_a_real_server(newman: Path, url: str, tmp_path: Path) -> None:
    for time in ("once", "and once more, for it clears up behind itself"):
        status, run = _run(newman, url, ADMIN, tmp_path / "report.json")
        assert [(one["source"]["name"], one["error"]["message"]) for one in run["failures"]] == [], time
        assert status == 0
        assert run["stats"]["requests"]["total"] == len(list(_requests()))
        assert run["stats"]["assertions"]["total"] >= 4 * run["stats"]["requests"]["total"]


def test_an_environment_without_keys_leaves_their_folder_out(newman: Path, url: str, tmp_path: Path) -> None:
    keys = ("--folder", "Keys and audit trail")
    status, run = _run(newman, url, ADMIN, tmp_path / "report.json", *keys, "--env-var", "hasKeys=false")
    assert (status, run["stats"]["requests"]["total"]) == (0, 0)


def test_the_run_fails_where_the_server_refuses(newman: Path, url: str, tmp_path: Path) -> None:
    status, run = _run(newman, url, "ksp_wrong", tmp_path / "report.json", "--folder", "Service")
    assert status != 0
    assert {one["source"]["name"] for one in run["failures"]} >= {"What this server is", "Numbers for Prometheus"}


def _requests() -> Iterator[Any]:
    for folder in json.loads(COLLECTION.read_text("utf-8"))["item"]:
        yield from folder["item"]
