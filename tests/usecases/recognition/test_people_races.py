"""People changed by several at once: by threads of a process, and by processes on one data folder."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kenspeckle.domain import operations as ops
from kenspeckle.errors import KenspeckleError
from tests import forks
from tests.usecases.recognition.test_groups import HOME, Album

REPOSITORY = Path(__file__).parents[3]
WORKER = """
import json, sys
from kenspeckle.domain import operations
from kenspeckle.errors import KenspeckleError
from tests.usecases.recognition.test_groups import HOME, Album
album = Album(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    kind, words = json.loads(line)
    try:
        album.recognizer.handle(getattr(operations, kind)(collection_id=HOME, **words))
        print("done", flush=True)
    except KenspeckleError as error:
        print(type(error).__name__, flush=True)
album.close()
"""


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Album]:
    with closing(Album(f"sqlite:///{tmp_path / 'kenspeckle.db'}")) as one:
        yield one


def stored(album: Album, *names: str) -> dict[str, str]:
    """People with two faces each; their ids by name."""
    for at, name in enumerate(names):
        for copy in (0.0, 0.1):
            album.store(4.0 * at + copy, name=f"{name}.jpg")
    return {one.name.lower(): one.person_id for one in album.people()}


def merge(one: str, into: str) -> tuple[str, dict[str, Any]]:
    return "MergePeople", {"person_id": one, "into": into}


def at_once(album: Album, asked: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Each in a thread of its own; what became of them."""
    barrier, said = threading.Barrier(len(asked)), [""] * len(asked)

    def work(at: int, kind: str, words: dict[str, Any]) -> None:
        barrier.wait()
        try:
            album.recognizer.handle(getattr(ops, kind)(collection_id=HOME, **words))
            said[at] = "done"
        except KenspeckleError as error:
            said[at] = type(error).__name__

    threads = [threading.Thread(target=work, args=(at, *one)) for at, one in enumerate(asked)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return said


class Workers:
    """Processes on the same data folder."""

    def __init__(self, url: str, count: int) -> None:
        self._all = [
            forks.Popen(
                [sys.executable, "-c", WORKER, url],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]
        assert [self._line(one) for one in self._all] == ["ready"] * count

    @staticmethod
    def _line(one: subprocess.Popen[str]) -> str:
        assert one.stdout is not None
        return one.stdout.readline().strip()

    def at_once(self, asked: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        """Each by a process of its own."""
        used = self._all[: len(asked)]
        for process, one in zip(used, asked, strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps(one) + "\n")
            process.stdin.flush()
        return [self._line(one) for one in used]

    def close(self) -> None:
        for one in self._all:
            one.communicate()


Together = Callable[[Sequence[tuple[str, dict[str, Any]]]], list[str]]


def check_merges(album: Album, together: Together) -> None:
    """Two into each other, three in a circle, two into a third: whoever is second finds nobody; no face is lost."""
    people = stored(album, "ada", "bob", "eve")
    said = together([merge(people["ada"], people["bob"]), merge(people["bob"], people["ada"])])
    assert sorted(said) == ["PersonNotFound", "done"]
    assert sorted(one.face_count for one in album.people()) == [2, 4]
    album.recognizer.handle(ops.UndoPeople(collection_id=HOME))
    assert {one.person_id for one in album.people()} == set(people.values())
    circle = [merge(people[one], people[to]) for one, to in (("ada", "bob"), ("bob", "eve"), ("eve", "ada"))]
    assert sorted(together(circle)) == ["PersonNotFound", "done", "done"]
    (whole,) = album.people()
    assert whole.face_count == 6
    for _ in range(2):
        album.recognizer.handle(ops.UndoPeople(collection_id=HOME))
    assert {one.person_id: one.face_count for one in album.people()} == dict.fromkeys(people.values(), 2)
    assert together([merge(people[one], people["eve"]) for one in ("ada", "bob")]) == ["done", "done"]
    (whole,) = album.people()
    assert (whole.name, whole.face_count) == ("Eve", 6)


def check_erasure(album: Album, together: Together) -> None:
    """A merge while one of the two is erased: a face is either erased or with the one who is left, never in between."""
    for number in range(3):
        ada, bob = stored(album, f"ada{number}", f"bob{number}").values()
        said = together([merge(ada, bob), ("ErasePerson", {"person_id": ada})])
        assert sorted(said) == ["PersonNotFound", "done"]
        (left,) = album.people()
        assert (left.person_id, left.face_count) == (bob, 4 if said[0] == "done" else 2)
        everyone = album.recognizer.handle(ops.ListFaces(collection_id=HOME)).items
        assert len(everyone) == left.face_count
        album.recognizer.handle(ops.ErasePerson(collection_id=HOME, person_id=bob))
    ada, bob = stored(album, "ada", "bob").values()
    said = together([merge(ada, bob), ("ErasePerson", {"person_id": bob})])
    # First merged, both are erased; first erased, there is nobody to be merged into.
    left_faces = sum(one.face_count for one in album.people())
    assert (said, left_faces) in ((["done", "done"], 0), (["PersonNotFound", "done"], 2))
    assert len(album.recognizer.handle(ops.ListFaces(collection_id=HOME)).items) == left_faces


@pytest.mark.parametrize("check", [check_merges, check_erasure])
def test_by_threads(album: Album, check: Callable[[Album, Together], None]) -> None:
    check(album, lambda asked: at_once(album, asked))


@pytest.mark.parametrize("check", [check_merges, check_erasure])
def test_by_processes(album: Album, check: Callable[[Album, Together], None], tmp_path: Path) -> None:
    with closing(Workers(f"sqlite:///{tmp_path / 'kenspeckle.db'}", 3)) as workers:
        check(album, workers.at_once)
