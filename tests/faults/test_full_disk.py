"""A full disk: a clear 507 with nothing stored, and writing again once there is room.

Reading goes on where the operator allows that without its row in the audit trail."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kenspeckle.cli.launch import launch
from tests.faults.conftest import listed_faces
from tests.faults.portraits import Portraits

LENIENT = {"KENSPECKLE_AUDIT_REQUIRED": "false"}

SIZE = 24 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB in memory."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("a small disk is mounted for this, which needs root on Linux")
    place = tmp_path / "disk"
    place.mkdir()
    options = f"size={SIZE},mode=700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(place: Path) -> Path:
    """A file that takes all the room there is."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return filler


def test_a_full_disk(portraits: Portraits, small_disk: Path) -> None:
    data_dir = small_disk / "data"
    acknowledged: dict[str, list[str]] = {}

    def index(client: httpx.Client, number: int) -> int:
        name, photograph = portraits.named(number)
        answer = client.put(f"/v1/index/{name}", content=photograph)
        if answer.status_code == 200:
            acknowledged[name] = [record["Face"]["FaceId"] for record in answer.json()["FaceRecords"]]
        else:
            assert answer.status_code == 507, answer.text
            problem = answer.json()
            assert problem["code"] == "storage_full"
            assert str(small_disk) not in answer.text
        return answer.status_code

    with launch(data_dir, settings=LENIENT) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        assert [index(client, number) for number in range(5)] == [200] * 5
        filler = _fill(small_disk)
        # The last free pages of files that are there may take a few more; then every photograph is refused.
        refused = [number for number in range(5, 35) if index(client, number) == 507]
        assert len(refused) > 10
        _reads(client, acknowledged, portraits)
        filler.unlink()
        assert [index(client, number) for number in refused] == [200] * len(refused)
        assert listed_faces(client) == acknowledged
        filler = _fill(small_disk)
        server.process.kill()
        server.process.wait()

    # A server starts on a full disk too, reads, and writes again as soon as there is room.
    with launch(data_dir, settings=LENIENT) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        _reads(client, acknowledged, portraits)
        assert index(client, 1000) == 507
        filler.unlink()
        assert index(client, 1000) == 200
        assert listed_faces(client) == acknowledged


def test_nothing_is_answered_that_can_not_be_recorded(portraits: Portraits, small_disk: Path) -> None:
    with launch(small_disk / "data") as server, httpx.Client(base_url=server.url, timeout=30) as client:
        name, photograph = portraits.named(0)
        assert client.put(f"/v1/index/{name}", content=photograph).status_code == 200
        filler = _fill(small_disk)
        # What is there of files takes a few more rows.
        answered = 0
        while (answer := client.get(f"/v1/images/{name}")).status_code == 200:
            answered += 1
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        assert "audit" in answer.json()["detail"]
        assert client.get("/healthz").status_code == 200
        filler.unlink()
        assert client.get(f"/v1/images/{name}").status_code == 200
        rows = client.get("/v1/audit", params={"operation": "GetImage", "limit": 1000}).json()["rows"]
        assert len([row for row in rows if row["outcome"] == "ok"]) == answered + 1


def _reads(client: httpx.Client, acknowledged: dict[str, list[str]], portraits: Portraits) -> None:
    # Nothing can be stored, so no traffic is wanted; what comes all the same is answered.
    until = time.monotonic() + 30
    while (answer := client.get("/readyz")).status_code == 200:  # what was found a moment ago holds for 5 s
        assert time.monotonic() < until
        time.sleep(0.1)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert listed_faces(client) == acknowledged
    found = client.put("/v1/search", content=portraits[0], params={"max_faces": 4096})
    assert found.status_code == 200
    matches = {match["Face"]["FaceId"] for match in found.json()["faces"]["FaceMatches"]}
    assert acknowledged["portrait-0.jpg"][0] in matches
    assert client.get("/v1/images/portrait-0.jpg").content == portraits[0]
