"""A clock that is wrong, goes back or leaps: keys end when they should, nothing is erased early, the trail holds."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kenspeckle.cli.launch import Launched, launch
from tests import forks
from tests.faults.conftest import listed_faces
from tests.faults.portraits import Portraits

DAY = 86_400.0

SHIM = """
import os, time
_true = time.time
def _skewed():
    try:
        with open(os.environ["SKEW_FILE"]) as file:
            return _true() + float(file.read())
    except (OSError, ValueError):
        return _true()
time.time = _skewed
"""
"""Runs before everything else of a Python: its clock is as wrong as the file says, at every moment."""


@dataclass(frozen=True)
class Skew:
    """By how much the clock of servers and commands that get `environment` is wrong."""

    file: Path
    environment: dict[str, str]

    def __call__(self, seconds: float) -> None:
        beside = self.file.with_suffix(".new")
        beside.write_text(str(seconds))
        beside.replace(self.file)


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """PYTHONPATH of processes with a wrong clock; a process that has it is what they are forks of."""
    folder = tmp_path_factory.mktemp("shim")
    (folder / "sitecustomize.py").write_text(SHIM)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    with forks.forking(environment={**os.environ, "PYTHONPATH": path, "SKEW_FILE": str(folder / "none")}):
        yield path


@pytest.fixture
def skew(tmp_path: Path, shim: str) -> Skew:
    return Skew(tmp_path / "skew", {"SKEW_FILE": str(tmp_path / "skew"), "PYTHONPATH": shim})


Command = Callable[..., tuple[int, object]]


@pytest.fixture
def command(skew: Skew, tmp_path: Path) -> Command:
    """`kenspeckle WORDS... --json` with the wrong clock; exit code and what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KENSPECKLE_")}

    def run(*words: str) -> tuple[int, object]:
        line = [sys.executable, "-m", "kenspeckle", *words, "--json", "--data-dir", str(tmp_path / "data")]
        done = forks.run(line, env=environment | skew.environment)
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout)

    return run


def put(client: httpx.Client, portraits: Portraits, number: int) -> None:
    name, photograph = portraits.named(number)
    client.put(f"/v1/index/{name}", content=photograph).raise_for_status()


def settled(server: Launched, client: httpx.Client, faces: int) -> None:
    """Wait for the round of housekeeping that a start begins with."""
    until = time.monotonic() + 20
    while len(listed_faces(client)) != faces and time.monotonic() < until:
        time.sleep(0.05)
    assert len(listed_faces(client)) == faces, "\n".join(server.log)


def test_keys_end_by_the_clock_that_is(portraits: Portraits, skew: Skew, command: Command, tmp_path: Path) -> None:
    skew(0)
    _, admin = command("keys", "create", "admin", "--scope", "admin")
    _, short = command("keys", "create", "short", "--expires", "1h")
    assert isinstance(admin, dict)
    assert isinstance(short, dict)
    with launch(tmp_path / "data", settings=skew.environment) as server, httpx.Client(base_url=server.url) as client:

        def status(key: dict[str, str]) -> int:
            time.sleep(0.6)  # so long a process believes what it read of a key
            return client.get("/v1/collections", headers={"x-api-key": key["api_key"]}).status_code

        for wrong, expected in ((0, 200), (2 * 3600, 401), (-400 * DAY, 200), (400 * DAY, 401), (0, 200)):
            skew(wrong)
            assert (status(short), status(admin)) == (expected, 200)
        assert "unexpected error" not in "\n".join(server.log)


def test_retention_and_the_trail(portraits: Portraits, skew: Skew, command: Command, tmp_path: Path) -> None:
    data = tmp_path / "data"
    skew(0)
    with launch(data, settings=skew.environment) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        put(client, portraits, 0)
    assert command("collections", "retain", "kenspeckle", "30")[0] == 0

    # A clock that has gone back a year erases nothing, and what is stored by it is found and recorded.
    skew(-365 * DAY)
    with launch(data, settings=skew.environment) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        put(client, portraits, 1)
        settled(server, client, 2)
        found = client.put("/v1/search", content=portraits[1], params={"max_faces": 10}).json()
        assert len(found["faces"]["FaceMatches"]) >= 1
        # While it runs, it leaps ahead and back; requests go on.
        for wrong in (400 * DAY, -400 * DAY, 0):
            skew(wrong)
            put(client, portraits, 2)
            assert len(listed_faces(client)) == 3
        skew(-365 * DAY)
        put(client, portraits, 3)
    # The doctor sees that rows are ahead of the clock, and that the trail holds: its order is of numbers, not of times.
    code, report = command("doctor")
    assert code == 1
    assert isinstance(report, dict)
    states = {one["check"]: one["state"] for one in report["checks"]}
    assert (states["clock"], states["audit"]) == ("fault", "sound")

    # With the right clock again, what was stored a year ago by the wrong one is old: it goes, and nothing else.
    skew(0)
    with launch(data, settings=skew.environment) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        settled(server, client, 2)
        assert listed_faces(client).keys() == {"portrait-0.jpg", "portrait-2.jpg"}
    code, verified = command("audit", "verify")
    assert (code, isinstance(verified, dict) and verified["sound"]) == (0, True)
    code, rows = command("audit", "show", "--limit", "1000")
    assert isinstance(rows, list)
    numbers = [row["number"] for row in rows]
    assert numbers == list(range(len(rows), 0, -1))
    times = [row["at"] for row in rows]
    assert times != sorted(times, reverse=True)
    assert "RetentionReceipt" in {row["operation"] for row in rows}
