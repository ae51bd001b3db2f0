"""What tests of the drop folder share: a real server that knows one person, a folder, the command as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kenspeckle.cli.app import app
from kenspeckle.cli.launch import Launched, launch
from tests import forks
from tests.faults.portraits import Portraits, sample

GRACE, EILEEN, ROCKET = (sample(name) for name in ("grace_hopper.jpg", "astronaut.png", "rocket.jpg"))


@pytest.fixture(scope="session")
def portraits() -> Portraits:
    return Portraits()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    with launch(tmp_path_factory.mktemp("watched"), settings={"KENSPECKLE_LOG_LEVEL": "WARNING"}) as running:
        httpx.put(f"{running.url}/v1/index/grace-hopper.jpg", content=GRACE.read_bytes()).raise_for_status()
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "drop"
    place.mkdir()
    return place


def words(folder: Path, url: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "kenspeckle", "watch", str(folder), "--url", url, "--json", "--settle", "0.2", *more]


def environment() -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KENSPECKLE_")}
    return {**kept, "KENSPECKLE_CONFIG": os.devnull}


def once(folder: Path, url: str, *more: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, lines and words of `kenspeckle watch --once`, in this process."""
    done = CliRunner().invoke(app, words(folder, url, "--once", *more)[3:])
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@contextmanager
def watching(folder: Path, url: str, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """`kenspeckle watch` at work; killed at the end where it has not ended by then."""
    process = forks.Popen(words(folder, url, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def result(photograph: Path) -> dict[str, Any]:
    """The result beside a photograph."""
    return dict(json.loads(photograph.with_name(photograph.name + ".json").read_bytes()))


def until(there: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that has to come."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
