"""`kill -9` in the middle of backup, restore, export, import and migration: what is there is whole, and doing it again
ends well.

`make soak` has the long form (tests/soak.py)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from kenspeckle.catalog.schema import VERSIONS
from kenspeckle.usecases.archive.reader import Archive
from kenspeckle.usecases.backup.restore import check
from kenspeckle.usecases.transfer.reader import ExportFile
from tests.moving.conftest import Command
from tests.moving.folders import PEOPLE, make, numbers_of, opened, shown
from tests.moving.schemas import FIRST, as_it_can_have, as_of_old, version_of
from tests.soak import kills

REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(3600)

# Imports once and forks a process for each command that it reads, so that a kill costs no start of Python.
NURSERY = """
import os, signal, sys
import kenspeckle.catalog.sqlite.copies, kenspeckle.catalog.export
import kenspeckle.vision.decode, kenspeckle.models.registry
import alembic.command, alembic.config
import kenspeckle.images.store, kenspeckle.usecases.backup.restore, kenspeckle.usecases.transfer.import_, rich.progress
import typer.main
from kenspeckle.cli.app import app

# Building the commands takes longer than what they do here.
command = typer.main.get_command(app)
voice = os.dup(1)

def say(*words):
    os.write(voice, (" ".join(map(str, words)) + "\\n").encode())

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        say("ready", os.getpid())
        null = os.open(os.devnull, os.O_WRONLY)  # what commands say of themselves
        os.dup2(null, 1), os.dup2(null, 2)
        try:
            command.main(line.split(), standalone_mode=False)
        finally:
            say("done", os.getpid())
            signal.pause()  # whoever runs it kills it, done or not, and so never another process of that number
    os.waitpid(child, 0)
    say("dead", child)
"""


class Nursery:
    """Runs commands, and kills them."""

    def __init__(self, asks: IO[str], answers: IO[str]) -> None:
        self._asks = asks
        self._answers = answers

    def run(self, *words: object, seconds: float | None = None, until: Callable[[], bool] | None = None) -> float:
        """Run a command to its end, for so many seconds, or until something holds; how long it lived."""
        self._asks.write(" ".join(map(str, words)) + "\n")
        self._asks.flush()
        ready, child = self._answers.readline().split()
        assert ready == "ready"
        start = time.monotonic()
        if until is not None:
            while not until():
                assert time.monotonic() < start + 60, "it never came to hold"
                time.sleep(0.0005)
        elif seconds is None:
            assert self._answers.readline() == f"done {child}\n"
        else:
            time.sleep(seconds)
        lived = time.monotonic() - start
        os.kill(int(child), signal.SIGKILL)
        while (line := self._answers.readline()) != f"dead {child}\n":
            assert line == f"done {child}\n"
        return lived


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KENSPECKLE_")}
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Nursery(process.stdin, process.stdout)
        process.stdin.close()


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("old") / "data", range(8))


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("new") / "data", range(5, 30))


def test_killed_backups(nursery: Nursery, new: Path, tmp_path: Path) -> None:
    before = shown(new)
    whole = nursery.run("backup", tmp_path / "whole.tar", "--data-dir", new)
    half = tmp_path / "half.tar"
    for _ in range(20):  # Nearly always the first is cut off: it is killed as soon as something lies beside its place.
        nursery.run("backup", half, "--data-dir", new, until=lambda: any(tmp_path.glob("half.tar*")))
        if not half.exists():
            break
        half.unlink()
    assert not half.exists(), "none was cut off"
    assert list(tmp_path.glob("half.tar*")), "it was not at work yet"
    nursery.run("backup", half, "--data-dir", new)
    assert [one.name for one in tmp_path.glob("half.tar*")] == [half.name]
    for number in kills("backup", short=3):
        path = tmp_path / f"{number}.tar"
        nursery.run("backup", path, "--data-dir", new, seconds=random.uniform(0, 1.2 * whole))
        if path.exists():
            with path.open("rb") as file:
                assert check(Archive(file), lambda *_: None).photographs == 25
        else:
            nursery.run("backup", path, "--data-dir", new)
            assert path.exists()
        assert [one.name for one in tmp_path.iterdir() if one.name.startswith(path.name)] == [path.name]
    assert shown(new) == before


def test_killed_restores(nursery: Nursery, command: Command, old: Path, new: Path, tmp_path: Path) -> None:
    """Old or new, never in between; and restoring again gives the new one."""
    states = {"old": shown(old), "new": shown(new)}
    nursery.run("backup", tmp_path / "new.tar", "--data-dir", new)
    shutil.copytree(old, tmp_path / "first")
    whole = nursery.run("restore", tmp_path / "new.tar", "--replace", "--data-dir", tmp_path / "first")
    assert shown(tmp_path / "first") == states["new"]
    seen: list[str] = []
    for number in kills("restore over another", short=3):
        place = tmp_path / f"data{number}"
        shutil.copytree(old, place)
        seconds = random.uniform(0.2, 1.6) * whole
        nursery.run("restore", tmp_path / "new.tar", "--replace", "--data-dir", place, seconds=seconds)
        found = shown(place)
        (state,) = (name for name, what in states.items() if what == found)
        seen.append(state)
        if state == "old":
            assert command("restore", tmp_path / "new.tar", "--replace", "--data-dir", place).code == 0
            assert shown(place) == states["new"]
        shutil.rmtree(place)
    assert len(set(seen)) == 2 or len(seen) < 50


def test_killed_restores_into_nothing(nursery: Nursery, command: Command, new: Path, tmp_path: Path) -> None:
    expected = shown(new)
    nursery.run("backup", tmp_path / "new.tar", "--data-dir", new)
    whole = nursery.run("restore", tmp_path / "new.tar", "--data-dir", tmp_path / "first")
    for number in kills("restore into nothing", short=3):
        place = tmp_path / f"data{number}"
        nursery.run("restore", tmp_path / "new.tar", "--data-dir", place, seconds=random.uniform(0, 1.1) * whole)
        if not (place / "kenspeckle.db").exists():
            assert command("restore", tmp_path / "new.tar", "--data-dir", place).code == 0
        assert shown(place) == expected
        shutil.rmtree(place)


def test_killed_exports_and_imports(nursery: Nursery, command: Command, new: Path, tmp_path: Path) -> None:
    expected = shown(new)
    path = tmp_path / "people.tar"
    whole = nursery.run("export", PEOPLE, tmp_path / "first.tar", "--images", "--data-dir", new)
    for _ in kills("export", short=3):
        path.unlink(missing_ok=True)
        seconds = random.uniform(0, 1.1) * whole
        nursery.run("export", PEOPLE, path, "--images", "--data-dir", new, seconds=seconds)
        if path.exists():
            with path.open("rb") as file:
                assert ExportFile(file).verify(lambda *_: None).images == 25
    path, faces = tmp_path / "first.tar", sum(len(numbers_of(number)) for number in range(5, 30))
    whole = nursery.run("import", path, "--data-dir", tmp_path / "first")
    assert shown(tmp_path / "first") == expected
    for number in kills("import", short=3):
        place = tmp_path / f"data{number}"
        nursery.run("import", path, "--data-dir", place, seconds=random.uniform(0, whole))
        with opened(place) as folder:
            stored = folder.catalog.counts()["faces"]
        done = command("import", path, "--data-dir", place, "--json")
        assert done.code == 0, done.err
        assert (done.json["present"], done.json["faces"]) == (stored, faces - stored)
        assert shown(place) == expected
        shutil.rmtree(place)


def test_killed_migrations(nursery: Nursery, new: Path, tmp_path: Path) -> None:
    """The old schema or the new one, never in between; and the next start brings it up to date with all that it had."""
    expected = as_it_can_have(shown(new))
    old = as_of_old(new, tmp_path / "old")
    shutil.copytree(old, tmp_path / "first")
    whole = nursery.run("collections", "list", "--data-dir", tmp_path / "first")
    assert shown(tmp_path / "first") == expected
    seen: list[str] = []
    for number in kills("migration", short=4):
        place = tmp_path / f"data{number}"
        shutil.copytree(old, place)
        nursery.run("collections", "list", "--data-dir", place, seconds=random.uniform(0.1, 1.1) * whole)
        seen.append(version_of(place))
        assert shown(place) == expected
        assert version_of(place) == VERSIONS[-1]
        shutil.rmtree(place)
    assert set(seen) <= {FIRST, VERSIONS[-1]}
    assert len(set(seen)) == 2 or len(seen) < 50
