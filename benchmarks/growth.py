"""What grows with a collection: the catalog's and the index's costs at several sizes, over simulated templates.

`python -m benchmarks.growth [SIZE...]` (10,000 and 1,000,000 faces) prints a table in Markdown. It needs about 1.6 kB
of disk a face, in the folder for temporary files. Templates are unit vectors of 128 dimensions whose spectrum decays
like that of real faces (participation ratio 26), so that distances of strangers spread as they do there.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import multiprocessing
import sqlite3
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Box, Collection, FaceDetail, Image, Pose, Quality, User, Vector
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.saved_codes import SavedCodes
from kenspeckle.ports import NewFace, NewPhotograph
from kenspeckle.usecases.recognition.purge import purge_deleted
from kenspeckle.usecases.transfer.storing import BATCH

DIMENSION = 128
PARTICIPATION = 26.0
NAME = "growth"
BESIDE = "beside"
BESIDE_FACES = 10_000
"""Faces of another collection, which is searched while the measured one is purged."""
TIMES = 21
TIMED = 100_000
"""Faces by which storing is timed, the last of a collection. Those before them are copied in the database, so that five
million take minutes."""
PURGING_SECONDS = 20.0
"""Longest that searches beside a purge are timed; the rest of a large one is the same again."""
TURN_SECONDS = 0.5
"""Searches beside a purge and without one follow each other in turns of this length."""
_ID = "lower(hex(randomblob(18)))"
COPIED = {
    "images": {"row": "n + 1", "image_id": _ID, "key": "n || '.jpg'", "identity": "n || '.jpg'"}
    | {"digest": "lower(hex(randomblob(32)))", "created_at": "1000.0 + n"},
    "faces": {"row": "n + 1", "image_row": "n + 1", "face_id": _ID, "template": "new.template"},
    "people": {"row": "n + 1", "person_id": "'person-' || lower(hex(randomblob(8)))", "name": "n", "name_key": "n"},
    "identities": {"identity": "n || '.jpg'", "person_row": "n + 1"},
    "members": {"face_row": "n + 1", "person_row": "n + 1"},
}
"""By table what differs in the rows of photograph n from those of the first, which is number 0."""
NOWHERE = FaceDetail(Box(0.1, 0.1, 0.2, 0.2), 99.0, (), Pose(0.0, 0.0, 0.0), Quality(80.0, 80.0))

ROWS = {
    "stored": "stored in batches, faces/s",
    "by_identity": "list by identity, ms",
    "by_user": "list by user, ms",
    "describe": "describe a collection, ms",
    "people": "a page of people, ms",
    "named": "people by name, ms",
    "aged": "find what is too old, ms",
    "first_scrub": "first scrub after a start, s",
    "delete": "delete a face, its commit, ms",
    "scrub": "scrub of the files after it, ms",
    "load": "index loaded from the catalog, s",
    "load_saved": "index loaded from its file of codes, s",
    "resident": "resident with the index, bytes a face",
    "search": "search, ms",
    "removed": "delete the collection, its commit, ms",
    "slower": "search of another collection beside its purge, times as long",
    "purge": "rows purged a second",
    "database": "database, MB",
}
"""What is measured, in this order."""


def run(sizes: Sequence[int], tick: Callable[[], None]) -> dict[str, Any]:
    """`rows`, one a size, and `goals` where the largest is ten times the smallest or more."""
    rows = []
    for size in sizes:
        # A process for each, so that memory is that of one collection and of nothing that came before.
        with _fresh_process() as pool:
            rows.append(pool.submit(_apart, size).result())
        tick()
    return {"rows": rows, "goals": _goals(rows)}


def _fresh_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def table(rows: Sequence[dict[str, float]]) -> str:
    """The table in Markdown, a column a size."""
    lines = [["", *(f"{one['faces']:,.0f} faces" for one in rows)], ["---"] * (len(rows) + 1)]
    lines += [[label, *(f"{one[name]:,.3g}" for one in rows)] for name, label in ROWS.items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _goals(rows: Sequence[dict[str, float]]) -> list[dict[str, Any]]:
    if len(rows) < 2 or rows[-1]["faces"] < 10 * rows[0]["faces"]:
        return []
    first, last = rows[0], rows[-1]
    listed = max(last[one] / first[one] for one in ("by_identity", "by_user", "describe", "people", "named"))
    limits = (
        ("lists, people and describe, in times of what they take at", listed, 2.0, "x"),
        ("committing a deletion, in times of what it takes at", last["delete"] / first["delete"], 2.0, "x"),
        ("search of another collection beside a purge, at", last["slower"], 1.5, "x"),
        ("committing the deletion of a collection, at", last["removed"] / 1000, 1.0, "s"),
        ("resident memory a face, at", last["resident"], 160.0, "B"),
    )
    told = f"{last['faces']:,.0f} faces"
    smaller = f"{first['faces']:,.0f} faces, at {told}"
    return [
        {"name": f"{name} {smaller if 'times of' in name else told}", "value": value, "limit": limit, "unit": unit}
        for name, value, limit, unit in limits
    ]


def templates(count: int, random: np.random.Generator) -> Vector:
    """(count, 128) unit vectors. Deviations of exp(-k / t) have a participation ratio near t."""
    spread = np.exp(-np.arange(DIMENSION) / PARTICIPATION).astype(np.float32)
    found: Vector = random.standard_normal((count, DIMENSION), np.float32) * spread
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def photographs(
    collection_id: str, count: int, random: np.random.Generator, first: int = 0
) -> Iterator[list[NewPhotograph]]:
    """Batches of photographs of one face each, each of an identity of its own: those numbered from `first` to
    `count`."""
    for start in range(first, count, BATCH):
        batch = []
        for number, template in enumerate(templates(min(BATCH, count - start), random), start):
            name = f"{number}.jpg"
            digest = hashlib.sha256(f"{collection_id} {number}".encode()).hexdigest()
            image = Image(
                str(uuid.uuid4()), collection_id, name, digest, "image/jpeg", 1, 1, 1, 1000.0 + number, kept=False
            )
            face = NewFace(str(uuid.uuid4()), NOWHERE, template)
            batch.append(NewPhotograph(image, name, [face], "1"))
        yield batch


def median_ms(act: Callable[[], object], times: int = TIMES) -> float:
    """Median of the time that `act` takes, ms."""
    return statistics.median(_ms(act) for _ in range(times))


def measure(size: int, folder: Path) -> dict[str, float]:
    """The row of one size: `faces`, and the members of ROWS."""
    random = np.random.default_rng(size)
    path = folder / "kenspeckle.db"
    url, timed = f"sqlite:///{path}", min(size, TIMED)
    with closing(SqlCatalog.open(url)) as catalog:
        catalog.create_collection(Collection(NAME, "sface", "contract", 1.0))
        if size > timed:
            _store(catalog, NAME, 0, 1, random)
    if size > timed:
        _fill(path, size - timed - 1, random)
    with closing(SqlCatalog.open(url)) as catalog:
        row = {"faces": float(size), "stored": timed / _store(catalog, NAME, size - timed, size, random)}
        catalog.create_collection(Collection(BESIDE, "sface", "contract", 1.0))
        _store(catalog, BESIDE, 0, min(size, BESIDE_FACES), random)
        ids = [one.face_id for one in catalog.faces(NAME, 100, None).items]
        catalog.create_user(User("u", NAME, "CREATED", 1.0))
        catalog.link_faces(NAME, "u", ids[:20], templates(1, random)[0], 100)
        row["by_identity"] = median_ms(lambda: catalog.faces(NAME, 100, None, external_image_id="7.jpg"))
        row["by_user"] = median_ms(lambda: catalog.faces(NAME, 100, None, user_id="u"))
        row["describe"] = median_ms(lambda: catalog.collection(NAME))
        row["people"] = median_ms(lambda: catalog.people(NAME, 100, None))
        row["named"] = median_ms(lambda: catalog.people(NAME, 100, None, name="77"))
        row["aged"] = median_ms(lambda: catalog.find_aged(NAME, 1003.0, 100))
        row["first_scrub"] = _ms(lambda: catalog.scrub(thorough=True)) / 1000
        deleted, scrubbed = [], []
        for face_id in ids[20 : 20 + TIMES]:
            deleted.append(_ms(lambda one=face_id: catalog.delete_faces(NAME, [one])))  # type: ignore[misc]  # bound now
            scrubbed.append(_ms(catalog.scrub))
        row["delete"], row["scrub"] = statistics.median(deleted), statistics.median(scrubbed)
        row["database"] = path.stat().st_size / 1e6
        with _fresh_process() as pool:
            row |= pool.submit(_load_rows, url, size).result()
        with closing(FollowingIndex(catalog, lambda name: DIMENSION)) as index:
            index.load(BESIDE, "face")
            index.load(NAME, "face")
            probe = templates(1, random)[0]
            row["search"] = median_ms(lambda: index.search(NAME, "face", probe, 10, 2.0))
            row["load_saved"] = _load_saved(catalog, path.parent / "codes")
            row |= _removal(catalog, index, probe)
    return row


def _load_rows(url: str, size: int) -> dict[str, float]:
    """Time and memory that the collection of `size` faces takes to load, in a process which has made no templates:
    memory that others have freed would be used again, and not be counted."""
    with closing(SqlCatalog.open(url)) as catalog, closing(FollowingIndex(catalog, lambda _: DIMENSION)) as index:
        index.load(BESIDE, "face")
        gc.collect()
        before = psutil.Process().memory_info().rss
        seconds = _ms(lambda: index.load(NAME, "face")) / 1000
        gc.collect()
        return {"load": seconds, "resident": (psutil.Process().memory_info().rss - before) / size}


def _load_saved(catalog: SqlCatalog, folder: Path) -> float:
    """Seconds to load the collection from its file of codes, right after it was saved."""
    saved = SavedCodes(folder, catalog, catalog, 1)
    with closing(FollowingIndex(catalog, lambda _: DIMENSION, saved=saved)) as first:
        first.load(NAME, "face")
        first.upkeep()
    with closing(FollowingIndex(catalog, lambda _: DIMENSION, saved=saved)) as again:
        return _ms(lambda: again.load(NAME, "face")) / 1000


def _apart(size: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return measure(size, Path(folder))


def _fill(path: Path, count: int, random: np.random.Generator) -> None:
    """Give the collection, which has one photograph, `count` more of other names, ids and templates."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF", "cache_size=-1500000"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("CREATE TEMP TABLE new (n INTEGER PRIMARY KEY, template BLOB)")
        database.execute("BEGIN")
        for start in range(1, count + 1, TIMED):
            some = templates(min(TIMED, count + 1 - start), random)
            new = ((number, one.tobytes()) for number, one in enumerate(some, start))
            database.executemany("INSERT INTO new VALUES (?, ?)", new)
        named = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?"
        indexes = [index for table in COPIED for index in database.execute(named, (table,))]
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        for table, differing in COPIED.items():
            columns = [column[1] for column in database.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(differing.get(one, f'first."{one}"') for one in columns)
            one = f"SELECT * FROM {table} LIMIT 1"
            database.execute(f"INSERT INTO {table} SELECT {values} FROM ({one}) AS first, new ORDER BY n")
        for _, index in indexes:
            database.execute(index)
        more = "face_count = face_count + ?, image_count = image_count + ?"
        database.execute(f"UPDATE collections SET {more}", (count, count))
        database.execute("COMMIT")
        database.execute("PRAGMA journal_mode=WAL")


def _store(catalog: SqlCatalog, collection_id: str, first: int, end: int, random: np.random.Generator) -> float:
    """Seconds that storing photographs by these numbers took, without the making of templates."""
    storing = 0.0
    for batch in photographs(collection_id, end, random, first):
        storing += _ms(lambda some=batch: catalog.add_photographs(collection_id, some, "contract")) / 1000  # type: ignore[misc]  # bound now
    return storing


def _removal(catalog: SqlCatalog, index: FollowingIndex, probe: Vector) -> dict[str, float]:
    """Deletes the collection, and searches another one beside its purge, in the steps and pauses of the job, and
    without, in turns: other work on the machine then slows both."""

    def search() -> object:
        return index.search(BESIDE, "face", probe, 10, 2.0)

    removed = _ms(lambda: catalog.delete_collection(NAME, purge=False))
    rows, stop, turn = [0], threading.Event(), threading.Event()

    def purge() -> None:
        for some in purge_deleted(catalog):
            rows[0] += some
            turn.wait()
            if stop.is_set():
                return

    working = threading.Thread(target=purge)
    alone, beside, purging = [], [], 0.0
    median_ms(search)
    working.start()
    while working.is_alive() and purging < PURGING_SECONDS:
        turn.clear()
        time.sleep(TURN_SECONDS / 5)  # a step may be under way
        alone += _search_for(TURN_SECONDS, search, lambda: True)
        turn.set()
        began = time.monotonic()
        beside += _search_for(TURN_SECONDS, search, working.is_alive)
        purging += time.monotonic() - began
    stop.set()
    working.join()
    slower = statistics.median(beside) / statistics.median(alone)
    return {"removed": removed, "slower": slower, "purge": rows[0] / purging}


def _search_for(seconds: float, search: Callable[[], object], goes_on: Callable[[], bool]) -> list[float]:
    """How long each search took, ms; one at least."""
    until, took = time.monotonic() + seconds, [_ms(search)]
    while time.monotonic() < until and goes_on():
        took.append(_ms(search))
    return took


def _ms(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", metavar="SIZE", type=int, nargs="*", default=[10_000, 1_000_000])
    print(table(run(parser.parse_args().sizes, lambda: None)["rows"]))


if __name__ == "__main__":
    main()
