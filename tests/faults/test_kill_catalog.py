"""`kill -9` in the middle of writes: nothing acknowledged is lost, nothing is there twice or in part.

`make soak` has the long form (tests/soak.py)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Face
from kenspeckle.errors import ImageNotFound
from tests.catalogs import gallery, held, photo, template
from tests.soak import kills

REPOSITORY = Path(__file__).parents[2]

# Imports once and forks a writer for each line that it reads, so that a kill costs no start of Python.
NURSERY = """
import os, sys
from kenspeckle.catalog.sql import SqlCatalog
from tests.catalogs import new_face, photo

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def write(start):
    catalog = SqlCatalog.open(sys.argv[1])
    say("ready", os.getpid())
    for number in range(start, start + 100_000):
        faces = [new_face(10 * number + one) for one in range(1 + number % 3)]
        # Each photograph twice, as a client does that saw no answer.
        catalog.add_faces(photo(number), "same", faces, "v1")
        catalog.add_faces(photo(number), "same", [new_face(10 * number + 9)], "v1")
        say("stored", number)
        if number % 4 == 0:
            catalog.delete_faces("people", [face.face_id for face in faces])
            say("deleted", number)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            write(int(line))
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    say("dead", child)
"""


@pytest.mark.timeout(3600)
def test_killed_writers_lose_and_double_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'kenspeckle.db'}"
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(gallery())
    stored: set[int] = set()
    deleted: set[int] = set()
    before = tried = killed = 0
    with _nursery(url) as nursery:
        for _ in kills("a catalog that stores and deletes", short=15):
            killed += 1
            _write_until_killed(nursery, tried, stored, deleted)
            before, tried = tried, max(stored | {tried}) + 2
            with closing(SqlCatalog.open(url)) as catalog:
                _check(catalog, range(before, tried), stored, deleted)
    assert len(stored) >= killed
    with closing(SqlCatalog.open(url)) as catalog, catalog.database.read() as connection:
        _check(catalog, range(tried), stored, deleted)
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


@contextmanager
def _nursery(url: str) -> Iterator[tuple[IO[str], IO[str]]]:
    command = [sys.executable, "-c", NURSERY, url]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdin, process.stdout
        process.stdin.close()


def _write_until_killed(nursery: tuple[IO[str], IO[str]], start: int, stored: set[int], deleted: set[int]) -> None:
    """Adds the numbers of photographs of which the writer said that they were stored or deleted."""
    asks, answers = nursery
    asks.write(f"{start}\n")
    ready, child = answers.readline().split()
    assert ready == "ready"
    # A kill meets work however slow the machine is: the first answer is waited for.
    line = answers.readline()
    time.sleep(random.uniform(0.0, 0.15))
    os.kill(int(child), signal.SIGKILL)
    while line != f"dead {child}\n":
        word, number = line.split()
        (stored if word == "stored" else deleted).add(int(number))
        line = answers.readline()


def _check(catalog: SqlCatalog, tried: Iterable[int], stored: set[int], deleted: set[int]) -> None:
    found = Counter(int(one.face_id.removeprefix("face-")) for one in _faces(catalog))
    assert max(found.values(), default=1) == 1
    assert all(number % 10 != 9 for number in found), "the second try of a stored photograph stored nothing"
    by_photo = Counter(number // 10 for number in found)
    for number in tried:
        try:
            image = catalog.image("people", f"{number}.jpg")
        except ImageNotFound:
            image = None
        assert by_photo[number] == (0 if image is None else 1 + number % 3), "a photograph comes with all its faces"
        if number in deleted:
            assert image is None
        elif number in stored and number % 4:
            assert image == photo(number)
    assert sorted(held(catalog).values()) == sorted(template(number).tobytes() for number in found)
    collection = catalog.collection("people")
    assert (collection.face_count, catalog.counts()["images"]) == (len(found), len(+by_photo))


def _faces(catalog: SqlCatalog) -> list[Face]:
    found: list[Face] = []
    cursor = None
    while True:
        page = catalog.faces("people", 1000, cursor)
        found += page.items
        if (cursor := page.cursor) is None:
            return found
