"""Other real clients live their whole life against the service: the AWS command line, and the SDK for JavaScript."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from awscli.clidriver import create_clidriver

from kenspeckle.usecases.access.credentials import Created
from tests.npm import installed, node
from tests.rekognition.portraits import portrait
from tests.rekognition.served import REGION, Served

SCRIPTS = Path(__file__).with_name("js")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of ada and eve as files."""
    made = tmp_path_factory.mktemp("photographs")
    for name, person in {"ada-1.png": 0.0, "ada-2.png": 0.1, "eve-1.png": 1.5}.items():
        made.joinpath(name).write_bytes(portrait(person))
    return made


@pytest.fixture
def aws(locked_server: Served, admin: Created, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment in which `aws` reaches the server, and nothing of this machine's own configuration."""
    for name in {name for name in os.environ if name.startswith("AWS_")} - {"AWS_DATA_PATH"}:
        monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": admin.access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": admin.secret_access_key or "",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_REKOGNITION": locked_server.url,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("aws")
def test_the_aws_command_line(
    locked_server: Served, folder: Path, fresh: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    name = fresh()
    of = ("--collection-id", name)
    program = Path(sys.executable).with_name("aws")
    words = [str(program), "rekognition", "create-collection", *of]
    made = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(made.stdout)["StatusCode"] == 200

    driver = create_clidriver()  # The program again, without its second of start for every command.

    def run(*words: str) -> Any:
        status = driver.main(["rekognition", *words])
        done = capsys.readouterr()
        return json.loads(done.out or "{}") if status == 0 else done.err

    assert "ResourceAlreadyExistsException" in run("create-collection", *of)
    locked_server.buckets.objects["photos", "ada-2.png", None] = portrait(0.1)
    image = f"fileb://{folder / 'ada-1.png'}"
    face = run("index-faces", *of, "--image-bytes", image)["FaceRecords"][0]["Face"]["FaceId"]
    run("index-faces", *of, "--image", '{"S3Object":{"Bucket":"photos","Name":"ada-2.png"}}')
    assert run("search-faces-by-image", *of, "--image-bytes", image)["FaceMatches"][0]["Face"]["FaceId"] == face
    assert len(run("list-faces", *of, "--page-size", "1")["Faces"]) == 2
    run("create-user", *of, "--user-id", "ada")
    assert run("associate-faces", *of, "--user-id", "ada", "--face-ids", face)["UserStatus"] == "ACTIVE"
    assert run("describe-collection", *of)["UserCount"] == 1
    assert run("delete-collection", *of)["StatusCode"] == 200


@pytest.fixture(scope="module")
def scripts() -> Path:
    return installed(SCRIPTS)


@pytest.mark.timeout(240)
def test_the_sdk_for_javascript(
    scripts: Path, locked_server: Served, admin: Created, folder: Path, fresh: Callable[[], str]
) -> None:
    name = fresh()
    words = [locked_server.url, REGION, admin.access_key_id or "", admin.secret_access_key or "", name, str(folder)]
    js = node()
    done = subprocess.run(
        [js.program, "life.mjs", *words],
        cwd=scripts,
        env=js.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert -60 < seen.pop("age") < 60
    assert seen == {
        "status": 200,
        "duplicate": f"The collection id: {name} already exists",
        "tags": {"team": "front desk", "floor": "2"},
        "faces": 3,
        "arns": True,
        "byImage": ["ada-1.png", "ada-2.png"],
        "byFace": ["ada-2.png"],
        "detected": 1,
        "unmatched": 1,
        "associated": 2,
        "usersByImage": ["ada"],
        "usersByFace": ["ada"],
        "listed": 3,
        "users": [{"UserId": "ada", "UserStatus": "ACTIVE"}],
        "collection": True,
        "refused": "AccessDeniedException",
        "deleted": 2,
        "gone": 200,
    }
