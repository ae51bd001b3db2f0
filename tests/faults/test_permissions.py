"""The data folder's permissions are cut while a server runs: clear refusals, nothing acknowledged lost, and no restart
needed once they are back.

Root may read everything. The server here is one without that right (CAP_DAC_OVERRIDE), as every service should be."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kenspeckle.cli.launch import launch
from kenspeckle.client.errors import CommandFailed
from tests import forks
from tests.faults.conftest import listed_faces
from tests.faults.portraits import Portraits

BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.fixture(scope="module")
def ordinary() -> Iterator[tuple[str, ...]]:
    """Words of a command that runs another to which permissions apply."""
    if os.geteuid() != 0:
        yield ()
        return
    if shutil.which(BOUND[0]) is None:
        pytest.skip("setpriv (util-linux) is not here, and without it permissions do not apply to root")
    with forks.forking(BOUND):
        yield BOUND


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    data = tmp_path / "data"
    data.mkdir(0o700)
    yield data
    for one in (data, data / "images", data / "images" / "staged"):
        if one.exists():
            one.chmod(0o700)


def doctor(ordinary: tuple[str, ...], data: Path) -> dict[str, set[str]]:
    """What the doctor finds under the same rights, by check."""
    command = [*ordinary, sys.executable, "-m", "kenspeckle", "doctor", "--json", "--data-dir", str(data)]
    done = forks.run(command)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    checks = json.loads(done.stdout)["checks"]
    return {one["check"]: {finding["code"] for finding in one["findings"]} for one in checks if one["findings"]}


def test_permissions_cut_while_it_runs(portraits: Portraits, ordinary: tuple[str, ...], folder: Path) -> None:
    acknowledged: dict[str, list[str]] = {}

    def index(client: httpx.Client, number: int) -> int:
        name, photograph = portraits.named(number)
        answer = client.put(f"/v1/index/{name}", content=photograph)
        if answer.status_code == 200:
            acknowledged[name] = [record["Face"]["FaceId"] for record in answer.json()["FaceRecords"]]
        else:
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable"), answer.text
            assert str(folder) not in answer.text
        return answer.status_code

    with launch(folder, before=ordinary) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        assert [index(client, number) for number in range(3)] == [200] * 3
        for closed in (folder, folder / "images", folder / "images" / "staged"):
            closed.chmod(0)
            assert [index(client, number) for number in range(10, 14)] == [503] * 4
            assert client.get("/healthz").status_code == 200
            if closed == folder:
                found = doctor(ordinary, folder)
                assert "folder_no_access" in found["folder"]
                assert "database_no_access" in found["database"]
            elif closed.name == "images":
                assert client.get("/v1/images/portrait-0.jpg").status_code == 503
                # Faces are found without their photographs.
                answer = client.put("/v1/search", content=portraits[0])
                assert answer.status_code == 200
                assert answer.json()["matchedFaces"]
                assert doctor(ordinary, folder)["photographs"] == {"images_no_access"}
            closed.chmod(0o700)
            assert index(client, 20) == 200
            assert listed_faces(client) == acknowledged
            assert client.get("/readyz").status_code == 200
        assert [index(client, number) for number in range(10, 14)] == [200] * 4
        assert "unexpected error" not in "\n".join(server.log)
        server.process.kill()
        server.process.wait()

    for file in ("kenspeckle.db", "master.key"):
        (folder / file).chmod(0)
        with pytest.raises(CommandFailed, match="can't be"), launch(folder, before=ordinary):
            pass
        (folder / file).chmod(0o600)
    with launch(folder, before=ordinary) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        assert listed_faces(client) == acknowledged
