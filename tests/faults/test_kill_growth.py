"""`kill -9` of what large collections need: photographs in batches, files of codes, scrubs and purges.

After each kill the next process finds what was acknowledged and nothing that was deleted, by the file of codes as by
the catalog; deleted collections leave no row, and deleted templates none of their bytes. `make soak` has the long form
(tests/soak.py)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import func, select

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import faces, images
from kenspeckle.errors import CollectionNotFound
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.saved_codes import SavedCodes
from tests.catalogs import DIMENSION, template
from tests.faults.test_kill_catalog import REPOSITORY
from tests.soak import kills

BATCH = 12
FAR = float("inf")
LINES = 6
"""A kill comes after at most so many steps that were told."""

# Imports once and forks a writer for each line that it reads, which works until it is killed.
NURSERY = """
import os, sys
from pathlib import Path
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.saved_codes import SavedCodes
from kenspeckle.ports import NewPhotograph
from tests.catalogs import DIMENSION, gallery, new_face, photo

folder, size = sys.argv[1], int(sys.argv[2])

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def batch(name, first):
    return [
        NewPhotograph(photo(number, name), f"{number}.jpg", [new_face(number)], "v1")
        for number in range(first, first + size)
    ]

def write(turn):
    catalog = SqlCatalog.open(f"sqlite:///{folder}/kenspeckle.db")
    say("ready", os.getpid())
    saved = SavedCodes(Path(folder) / "codes", catalog, catalog, least=1)
    index = FollowingIndex(catalog, lambda _: DIMENSION, 1, saved=saved)
    name, first = f"people-{turn}", 1_000_000 * turn
    catalog.create_collection(gallery(name))
    while True:
        catalog.add_photographs(name, batch(name, first), "contract")
        say("stored", *range(first, first + size))
        index.load(name, "face")
        index.upkeep(last=True)
        say("saved")
        gone = range(first, first + 3)
        catalog.delete_faces(name, [f"face-{number}" for number in gone])
        say("deleted", *gone)
        index.drop_outdated()
        catalog.scrub()
        say("scrubbed")
        first += size
        whole = f"gone-{first}"
        catalog.create_collection(gallery(whole))
        catalog.add_photographs(whole, batch(whole, first), "contract")
        index.load(whole, "face")
        index.upkeep(last=True)
        catalog.delete_collection(whole, purge=False)
        say("deleted", *range(first, first + size))
        while catalog.purge_some(5):
            say("purging")
        first += size

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
def test_killed_at_any_step_nothing_is_lost_and_nothing_deleted_is_left(tmp_path: Path) -> None:
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path}/kenspeckle.db")):
        pass
    with _nursery(tmp_path) as nursery:
        for turn in kills("a catalog that purges, scrubs and saves", short=8):
            stored, deleted = _write_until_killed(nursery, turn)
            _check(tmp_path, turn, stored, deleted)


@contextmanager
def _nursery(folder: Path) -> Iterator[tuple[IO[str], IO[str]]]:
    command = [sys.executable, "-c", NURSERY, str(folder), str(BATCH)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdin, process.stdout
        process.stdin.close()


def _write_until_killed(nursery: tuple[IO[str], IO[str]], turn: int) -> tuple[set[int], set[int]]:
    """Numbers of the faces of which the writer said that they were stored, and that they were deleted."""
    asks, answers = nursery
    asks.write(f"{turn}\n")
    ready, child = answers.readline().split()
    assert ready == "ready"
    told = [answers.readline() for _ in range(random.randint(0, LINES))]
    time.sleep(random.uniform(0.0, 0.05))
    os.kill(int(child), signal.SIGKILL)
    while (line := answers.readline()) != f"dead {child}\n":
        told.append(line)
    stored: set[int] = set()
    deleted: set[int] = set()
    for word, *numbers in map(str.split, told):
        if word in ("stored", "deleted"):
            (stored if word == "stored" else deleted).update(map(int, numbers))
    return stored, deleted


def _check(folder: Path, turn: int, stored: set[int], deleted: set[int]) -> None:
    """A start right after the kill; the collection is deleted at its end."""
    name = f"people-{turn}"
    with closing(SqlCatalog.open(f"sqlite:///{folder}/kenspeckle.db")) as catalog:
        saved = SavedCodes(folder / "codes", catalog, catalog, least=1)
        saved.sweep()
        there = _found(catalog, name, saved)
        assert there == _found(catalog, name, None), "the file of codes tells what the catalog has"
        gone = stored - deleted - there
        assert len(gone) in (0, 3), "at most those whose deletion was not told yet"
        assert all((number - 1_000_000 * turn) % (2 * BATCH) < 3 for number in gone)
        assert not deleted & there
        assert len(there) % 3 == 0, "a batch comes as a whole, and those of one request go together"
        for one in catalog.collections(100, None).items:
            if one.collection_id.startswith("gone-"):
                catalog.delete_collection(one.collection_id)
        with catalog.database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            for table in (faces, images):
                rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
                assert rows == len(there), "nothing of a deleted collection is left"
        _check_bytes(folder, catalog, saved, deleted)
        if there:
            catalog.delete_collection(name)


def _found(catalog: SqlCatalog, name: str, saved: SavedCodes | None) -> set[int]:
    """Numbers of the faces that a search finds, of an index that was just loaded."""
    with closing(FollowingIndex(catalog, lambda _: DIMENSION, 1, saved=saved)) as index:
        try:
            matches = index.search(name, "face", template(1), 4096, FAR)
        except CollectionNotFound:
            return set()
    return {int(one.face.face_id.removeprefix("face-")) for one, _ in matches if one.face}


def _check_bytes(folder: Path, catalog: SqlCatalog, saved: SavedCodes, deleted: set[int]) -> None:
    """What the next start does for receipts that are pending leaves no template of a deleted face in any file."""
    saved.drop_outdated()
    assert catalog.scrub(thorough=True)
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert [number for number in deleted if template(number).tobytes() in everything] == []
