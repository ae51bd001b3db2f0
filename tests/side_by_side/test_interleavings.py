"""Two processes on one data folder, stopped at each place where the one could spoil what the other has answered."""

from __future__ import annotations

import hashlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.errors import ImageNotFound
from kenspeckle.images.folder import FolderImages
from tests import forks
from tests.fakes.drawn import drawing

REPOSITORY = Path(__file__).parents[2]
PHOTOGRAPH = drawing(0.0).decode()
DIGEST = hashlib.sha256(PHOTOGRAPH.encode()).hexdigest()

SOON = 30.0
"""Longest wait for what has to come."""
WAITS = 0.4
"""So long nothing comes from who waits for another; whoever does not wait is done in a hundredth of it."""


class Process:
    """One of the two."""

    def __init__(self) -> None:
        self._process = forks.Popen(
            [sys.executable, "-m", "tests.side_by_side.process"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def ask(self, data: Path, do: str, pause: str = "", **words: Any) -> None:
        self.go(json.dumps({"data": str(data), "do": do, "pause": pause, **words}))

    def go(self, line: str = "") -> None:
        """Go on after a stop."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def says(self) -> dict[str, Any]:
        return self._said.get(timeout=SOON)

    def answer(self, data: Path, do: str, **words: Any) -> Any:
        self.ask(data, do, **words)
        return self.says()["answer"]

    def waits(self) -> bool:
        """Whether it is still at what it was asked last."""
        try:
            said = self._said.get(timeout=WAITS)
        except queue.Empty:
            return True
        self._said.put(said)
        return False

    def stop(self) -> None:
        """Kill it, as a crash does."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(json.loads(line))


@pytest.fixture(scope="module")
def running() -> Iterator[list[Process]]:
    processes = [Process(), Process()]
    yield processes
    for one in processes:
        one.stop()


@pytest.fixture
def both(running: list[Process], data: Path) -> tuple[Process, Process]:
    """Two processes at the same data folder; one that was killed is replaced."""
    running[:] = [one if one.runs else Process() for one in running]
    for one in running:
        one.answer(data, "start")
    return running[0], running[1]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def stored(data: Path) -> bool:
    """Whether the photograph is in its place; and nothing else is there than what the catalog needs."""
    with closing(SqlCatalog.open(f"sqlite:///{data / 'kenspeckle.db'}")) as catalog:
        wanted = bool(catalog.digests([DIGEST]))
        assert catalog.removals(10) == ()
    try:
        FolderImages(data / "images").get(DIGEST)
    except ImageNotFound:
        there = False
    else:
        there = True
    assert there == wanted
    assert not [one for one in (data / "images/staged").iterdir() if one.name != ".presence"]
    return there


def test_a_photograph_that_comes_again_while_it_is_removed_stays(both: tuple[Process, Process], data: Path) -> None:
    one, other = both
    faces = one.answer(data, "index", photograph=PHOTOGRAPH)
    one.ask(data, "delete", "delete", faces=faces)
    assert one.says() == {"paused": "delete"}
    other.ask(data, "index", photograph=PHOTOGRAPH)
    other.waits()
    one.go()
    assert one.says() == {"answer": faces}
    assert len(other.says()["answer"]) == 1
    assert stored(data)


def test_a_photograph_that_was_staged_before_it_was_removed_stays(both: tuple[Process, Process], data: Path) -> None:
    one, other = both
    one.answer(data, "index", photograph=PHOTOGRAPH)
    other.ask(data, "index", "add", photograph=PHOTOGRAPH, identity="eve")
    assert other.says() == {"paused": "add"}
    one.ask(data, "erase")
    one.waits()
    other.go()
    assert one.says() == {"answer": 1}
    assert len(other.says()["answer"]) == 1
    assert stored(data)


def test_a_photograph_that_is_erased_before_it_is_in_its_place_does_not_come_back(
    both: tuple[Process, Process], data: Path
) -> None:
    one, other = both
    other.ask(data, "index", "publish", photograph=PHOTOGRAPH)
    assert other.says() == {"paused": "publish"}
    one.ask(data, "erase")
    one.waits()
    other.go()
    assert len(other.says()["answer"]) == 1
    assert one.says() == {"answer": 1}
    assert not stored(data)


def test_what_a_start_moves_into_its_place_is_not_erased_meanwhile(
    both: tuple[Process, Process], running: list[Process], data: Path
) -> None:
    one, other = both
    other.ask(data, "index", "publish", photograph=PHOTOGRAPH)
    assert other.says() == {"paused": "publish"}
    other.stop()  # its faces are stored, the photograph is still staged
    running[1] = other = Process()
    other.ask(data, "start", "asked")
    assert other.says() == {"paused": "asked"}
    one.ask(data, "erase")
    one.waits()
    other.go()
    assert "answer" in other.says()
    assert one.says() == {"answer": 1}
    assert not stored(data)


def test_a_lock_ends_with_its_holder(both: tuple[Process, Process], data: Path) -> None:
    one, other = both
    faces = one.answer(data, "index", photograph=PHOTOGRAPH)
    one.ask(data, "delete", "delete", faces=faces)
    assert one.says() == {"paused": "delete"}
    other.ask(data, "index", photograph=PHOTOGRAPH)
    assert other.waits()
    one.stop()
    assert len(other.says()["answer"]) == 1
    other.answer(data, "start")
    assert stored(data)


def test_a_retry_after_a_kill_has_the_answer_that_was_lost(
    both: tuple[Process, Process], running: list[Process], data: Path
) -> None:
    one, other = both
    faces = one.answer(data, "index", photograph=PHOTOGRAPH)
    one.ask(data, "user", "acted", user="ada", token="t")
    assert one.says() == {"paused": "acted"}
    one.stop()
    assert other.answer(data, "user", user="ada", token="t") is None
    running[0] = one = Process()
    one.ask(data, "associate", "acted", user="ada", faces=faces, token="t")
    assert one.says() == {"paused": "acted"}
    one.stop()
    assert other.answer(data, "associate", user="ada", faces=faces, token="t") == faces


def test_a_token_in_two_processes_at_once_acts_once(both: tuple[Process, Process], data: Path) -> None:
    one, other = both
    one.ask(data, "user", "acted", user="ada", token="t")
    assert one.says() == {"paused": "acted"}
    other.ask(data, "user", user="ada", token="t")
    other.waits()
    one.go()
    assert one.says() == {"answer": None}
    assert other.says() == {"answer": None}
    other.ask(data, "user", user="eve", token="t")
    assert other.says() == {"error": "IdempotencyMismatch"}


def test_a_token_of_a_deleted_collection_is_forgotten(both: tuple[Process, Process], data: Path) -> None:
    one, other = both
    one.answer(data, "user", user="ada", token="t")
    other.answer(data, "anew")
    one.answer(data, "user", user="ada", token="t")
    other.ask(data, "user", user="ada", token="another")
    assert other.says() == {"error": "Conflict"}  # the user is there: it was made again


@pytest.mark.parametrize("place", ["add", "added", "publish"])
def test_a_batch_is_stored_whole_and_once_wherever_it_is_killed(
    both: tuple[Process, Process], data: Path, place: str
) -> None:
    """Before its transaction, after it, and between two photographs that come into their places."""
    one, other = both
    some = [drawing(float(number)).decode() for number in range(5)]
    one.ask(data, "bulk", place, photographs=some)
    assert one.says() == {"paused": place}
    one.stop()
    other.answer(data, "start")
    assert other.answer(data, "bulk", photographs=some) == [place == "add"] * 5
    assert other.answer(data, "bulk", photographs=some) == [False] * 5
    with closing(SqlCatalog.open(f"sqlite:///{data / 'kenspeckle.db'}")) as catalog:
        counts = catalog.counts()
    assert (counts["faces"], counts["images"]) == (5, 5)
    for photograph in some:
        assert FolderImages(data / "images").get(hashlib.sha256(photograph.encode()).hexdigest())


def test_two_processes_index_the_same_batch_once(both: tuple[Process, Process], data: Path) -> None:
    one, other = both
    some = [drawing(float(number)).decode() for number in range(5)]
    one.ask(data, "bulk", "add", photographs=some)
    assert one.says() == {"paused": "add"}
    other.ask(data, "bulk", photographs=some)
    assert other.waits()  # for the names of the photographs
    one.go()
    assert one.says() == {"answer": [True] * 5}
    assert other.says() == {"answer": [False] * 5}
