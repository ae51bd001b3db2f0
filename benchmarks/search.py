"""Measures exact search against a plain read of the same bytes, with the memory it takes and what it finds.

Templates are drawn so that their spectrum decays as that of real ones does: 128 components of which about 26 matter
(the participation ratio of 456 faces of photographs was 26), eight photographs a person, of which one is the probe.
Those of 512 components decay as slowly for their number, which is assumed, not measured.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import numpy as np
import psutil

from kenspeckle.domain import Collection, Vector
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.ports import Catalog, Change, Stored

DIMENSION = 128
PARTS = 5
"""Components for each that matters."""
FIRST = 10
PROBES = 1000
TIMED = 60
A_PERSON = 8
BATCH = 8192
MILLION = 1_000_000


def run(sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """`rows`, one for each (faces, components), and `goals` where it is a million. Times are medians in ms."""
    rows = []
    for faces, dimension in sizes:
        # A process for each, so that memory is that of one index and of nothing that came before.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            rows.append(pool.submit(measure, faces, dimension).result())
    return {"rows": rows, "goals": [goal for row in rows if row["faces"] == MILLION for goal in _goals(row)]}


def measure(faces: int, dimension: int = DIMENSION, probes: int = PROBES, timed: int = TIMED) -> dict[str, Any]:
    """One row: `faces` templates in an index that follows a catalog in memory, `probes` searched."""
    templates = _templates(faces, dimension)
    asked = _probes(templates, probes)
    catalog = _Memory(templates)
    before = _resident()
    index = FollowingIndex(cast(Catalog, catalog), lambda _: dimension)
    start = time.perf_counter()
    index.load("all", "face")
    loaded = time.perf_counter() - start
    gc.collect()
    memory = _resident() - before
    right = _right(index, templates, asked)
    again = catalog.read / len(asked)
    search, read = _times(index, np.full(templates.size // 8, 1, np.uint64), asked[:timed])
    index.close()
    return {
        "faces": faces,
        "components": dimension,
        "search_ms": search,
        "read_ms": read,
        "times_read": search / read,
        "first_10_right": right,
        "rows_scored_again": again,
        "memory_mb": memory / 1e6,
        "load_s": loaded,
    }


def _goals(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    what = "1,000,000 faces" if row["components"] == DIMENSION else f"1,000,000 faces of {row['components']} components"
    yield _goal(f"exact search of {what}, in plain reads of the same bytes", row["times_read"], 1.5, "x")
    yield _goal(
        f"{what}, probes whose first 10 are those of float32", 100 * row["first_10_right"], 99.9, "%", least=True
    )
    yield _goal(f"memory of {what} in the index, for each", row["memory_mb"], row["components"] + 32, "B")


def _goal(name: str, value: float, limit: float, unit: str, *, least: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "limit": limit, "unit": unit, "least": least}


class _Memory:
    """What the index asks of `ports.Catalog`, over an array whose row numbers are its rows."""

    def __init__(self, templates: Vector) -> None:
        self.templates = templates
        self.read = 0

    def revision(self, collection_id: str) -> int:
        return 1

    def collection(self, collection_id: str) -> Collection:
        return Collection("all", pack="simulated", contract="simulated", created_at=0.0)

    def changes(self, collection_id: str, since: int, limit: int) -> list[Change] | None:
        return []

    def snapshot(self, collection_id: str, kind: str) -> tuple[int, Iterable[tuple[list[int], Vector]]]:
        starts = range(0, len(self.templates), BATCH)
        ends = [min(start + BATCH, len(self.templates)) for start in starts]
        return 1, (
            (list(range(start, end)), self.templates[start:end]) for start, end in zip(starts, ends, strict=True)
        )

    def read_stored(
        self, collection_id: str, kind: str, rows: Sequence[int], *, contract: str | None = None
    ) -> list[Stored]:
        self.read += len(rows)
        return [Stored(row, self.templates[row]) for row in rows]


def _templates(faces: int, dimension: int) -> Vector:
    """(faces, dimension), photographs of one person next to each other, of norm 1.4 as those of the default pack."""
    random = np.random.default_rng(7)
    spread = np.exp(-np.arange(dimension) * PARTS / dimension).astype(np.float32)
    rotation = np.linalg.qr(random.standard_normal((dimension, dimension)))[0].astype(np.float32)
    templates = np.empty((faces, dimension), np.float32)
    for start in range(0, faces, BATCH):
        count = min(BATCH, faces - start)
        people = random.standard_normal((-(-count // A_PERSON), dimension), dtype=np.float32)
        own = random.standard_normal((count, dimension), dtype=np.float32)
        drawn = ((np.repeat(people, A_PERSON, axis=0)[:count] + 0.35 * own) * spread) @ rotation
        templates[start : start + count] = drawn * (1.4 / np.linalg.norm(drawn, axis=1, keepdims=True))
    return templates


def _probes(templates: Vector, count: int) -> Vector:
    """(count, 128) new photographs of people that are there."""
    random = np.random.default_rng(11)
    chosen = templates[random.integers(len(templates), size=count)]
    return chosen + random.standard_normal(chosen.shape, dtype=np.float32) * np.float32(
        0.35 * 1.4 / chosen.shape[1] ** 0.5
    )


def _right(index: FollowingIndex, templates: Vector, probes: Vector) -> float:
    """Share of the probes whose first 10 are, in this order, those of a search in float32."""
    squares = np.einsum("ij,ij->i", templates, templates)
    right = 0
    for start in range(0, len(probes), 16):
        some = probes[start : start + 16]
        scores = squares - 2 * (some @ templates.T)
        near = np.argpartition(scores, 4 * FIRST, axis=1)[:, : 4 * FIRST]
        for probe, rows in zip(some, near, strict=True):
            exact = np.linalg.norm(templates[rows] - probe, axis=1)
            first = rows[np.lexsort((rows, exact))][:FIRST].tolist()
            found = index.search("all", "face", probe, FIRST, float("inf"))
            right += [stored.row for stored, _ in found] == first
    return right / len(probes)


def _times(index: FollowingIndex, words: Any, probes: Vector) -> tuple[float, float]:
    """Medians of a search and of a read on as many threads, taken in turn so that both see the same machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parts = np.array_split(words, cores)
    with ThreadPoolExecutor(cores) as pool:
        searches, reads = [], []
        for probe in probes:
            reads.append(_time(lambda: list(pool.map(np.sum, parts))))
            searches.append(_time(partial(index.search, "all", "face", probe, FIRST, float("inf"))))
    return float(np.median(searches)), float(np.median(reads))


def _time(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return 1e3 * (time.perf_counter() - start)


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)
