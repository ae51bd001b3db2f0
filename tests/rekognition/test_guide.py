"""docs/rekognition.md says what is so: its tables name what the code has, and its guide's code runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kenspeckle.domain import Of
from kenspeckle.rekognition.operations import OPERATIONS
from tests.rekognition.portraits import portrait
from tests.rekognition.served import Served, served

PAGE = Path(__file__).parents[2].joinpath("docs", "rekognition.md").read_text("utf-8")
SCRIPTS = {
    code.split(":", 1)[0].removeprefix("# "): code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
}


def test_the_table_of_operations() -> None:
    rows = re.findall(r"^\| (\w+) \| (\w+) (\\\* )?\|", PAGE, re.MULTILINE)
    told = {name: (scope, bool(star)) for name, scope, star in rows if name in OPERATIONS}
    assert told == {name: (str(one.right.scope), one.right.of is Of.ANYTHING) for name, one in OPERATIONS.items()}


def test_every_error_code_is_told() -> None:
    source = "".join(
        path.read_text("utf-8") for path in Path(__file__).parents[2].glob("src/kenspeckle/rekognition/*.py")
    )
    codes = set(re.findall(r'"(\w+Exception|InternalServerError)"', source))
    assert len(codes) > 20
    assert not {code for code in codes if code not in PAGE}


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[Served]:
    """Stands in for Amazon: the same protocol, other face ids."""
    with served(tmp_path / "amazon-keys") as server:
        yield server


def test_the_migration_guide(amazon: Served, tmp_path: Path) -> None:
    photographs, probes = tmp_path / "photographs", tmp_path / "probes"
    photographs.mkdir()
    probes.mkdir()
    client = amazon.client()
    client.create_collection(CollectionId="visitors", Tags={"team": "door"})
    client.create_user(CollectionId="visitors", UserId="ada")
    old = []
    for name, person in {"ada-1.png": 0.0, "ada-2.png": 0.1, "eve.png": 1.5}.items():
        photographs.joinpath(name).write_bytes(portrait(person))
        probes.joinpath(name).write_bytes(portrait(person + 0.02))
        image = {"Bytes": portrait(person)}
        indexed = client.index_faces(CollectionId="visitors", Image=image, ExternalImageId=name)
        old.append(indexed["FaceRecords"][0]["Face"]["FaceId"])
    client.associate_faces(CollectionId="visitors", UserId="ada", FaceIds=old[:2])
    probes.joinpath("nobody.png").write_bytes(portrait())

    with served(tmp_path / "own-keys") as own:
        assert run(amazon, own, tmp_path) == ["3 of 3 faces, 1 users", "4 of 4 alike"]
        moved = own.client()
        assert {user["UserId"] for user in moved.list_users(CollectionId="visitors")["Users"]} == {"ada"}
        names = {face["ExternalImageId"] for face in moved.list_faces(CollectionId="visitors", UserId="ada")["Faces"]}
        assert names == {"ada-1.png", "ada-2.png"}
        arn = moved.describe_collection(CollectionId="visitors")["CollectionARN"]
        assert moved.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "door"}


def run(amazon: Served, own: Served, folder: Path) -> list[str]:
    """What the guide's scripts print, one after the other; only the address of the example is another."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ENDPOINT_URL_REKOGNITION": amazon.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    scripts = [
        SCRIPTS[name].replace("http://127.0.0.1:8080", own.url) for name in ("export.py", "index.py", "compare.py")
    ]
    # In one process, for importing boto3 is most of the time; each script in names of its own.
    code = "".join(f"exec(compile({script!r}, 'guide', 'exec'), {{}})\n" for script in scripts)
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
