"""The real server under fault tests: one that they share, and its memory."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kenspeckle.cli.launch import Launched, launch
from kenspeckle.images.folder import PRESENCE
from tests.faults.portraits import Portraits, sample


@pytest.fixture(scope="session")
def portraits() -> Portraits:
    return Portraits()


@pytest.fixture(scope="session")
def faceless() -> bytes:
    return sample("rocket.jpg").read_bytes()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """One open server for all tests that leave it alive."""
    # Patience: what is tested is that hostile requests do no harm, not that a busy machine sheds load.
    patient = {"KENSPECKLE_LOG_LEVEL": "WARNING", "KENSPECKLE_WAIT_SECONDS": "120"}
    with launch(tmp_path_factory.mktemp("faults"), settings=patient) as running:
        yield running


@pytest.fixture
def client(server: Launched) -> Iterator[httpx.Client]:
    """Asks the shared server, and sees after the test that it lives, is ready and logged no unexpected error."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client
        assert server.process.poll() is None, "\n".join(server.log)
        assert client.get("/readyz").status_code == 200
    told = [line for line in server.log if "unexpected error" in line or "Traceback" in line]
    assert not told, "\n".join(server.log)


def resident_mib(pid: int) -> float:
    """Resident memory of a process, in MiB."""
    listed = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(listed.stdout) / 1024


def listed_faces(client: httpx.Client, collection: str = "kenspeckle") -> dict[str, list[str]]:
    """Face ids by ExternalImageId, of the whole collection."""
    found: dict[str, list[str]] = {}
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
        answer = client.get(f"/v1/collections/{collection}/faces", params=query)
        assert answer.status_code == 200, answer.text
        for face in answer.json()["Faces"]:
            found.setdefault(face["ExternalImageId"], []).append(face["FaceId"])
        cursor = answer.json().get("NextToken")
        if cursor is None:
            return found


def stored_photographs(data_dir: Path) -> set[str]:
    """Names of the files in the image store, what is staged included."""
    return {file.name for file in (data_dir / "images").rglob("*") if file.is_file() and file.name != PRESENCE}
