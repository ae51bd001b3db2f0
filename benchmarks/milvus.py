"""A collection in Milvus against the exact search in process, over the simulated templates of `benchmarks.growth`.

`python -m benchmarks.milvus [SIZE]` (1,000,000 faces) starts a real Milvus, of the wheel `milvus`, builds the mirror as
a service does, and prints recall, times of both in turn, what a write costs the next search, and memory of a process.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from tests.milvus_server import MilvusServer

from benchmarks.growth import DIMENSION, NAME, NOWHERE, photographs, templates
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Collection, Image, Vector
from kenspeckle.index.address import parse
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.milvus import Milvus
from kenspeckle.index.mirrored import MirroredIndex
from kenspeckle.ports import MirrorBounds, NewFace
from kenspeckle.usecases.mirrors.keeper import Keeper

PROBES = 200
WANTED = 10
FAR = 2.0
NOISE = 0.35
"""Of half of the probes, which are near a stored template as another photograph of somebody is."""


def probes(size: int) -> list[Vector]:
    random = np.random.default_rng(size)
    stored = templates(size, random)[random.integers(0, size, PROBES // 2)]
    near = stored + NOISE * templates(PROBES // 2, random)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    return [*near, *templates(PROBES // 2, random)]


def resident() -> float:
    """Resident memory of this process, MB."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


def indexes(catalog: SqlCatalog, url: str, size: int) -> tuple[MirroredIndex, FollowingIndex, Keeper]:
    address = parse(url)
    assert address is not None
    bounds, store = MirrorBounds(size, 0), Milvus(address)
    exact = FollowingIndex(catalog, lambda _: DIMENSION)
    return MirroredIndex(exact, catalog, catalog, store, bounds), exact, Keeper(catalog, catalog, store, bounds)


def memory(url: str, database: str, size: int) -> None:
    """What a process takes that searches in each way, printed by a process of its own."""
    with closing(SqlCatalog.open(database)) as catalog:
        mirrored, exact, _ = indexes(catalog, url, size)
        probe = probes(2)[0]
        exact.load(NAME, "user")
        before = resident()
        mirrored.search(NAME, "face", probe, WANTED, FAR)
        there = resident()
        exact.search(NAME, "face", probe, WANTED, FAR)
        gc.collect()
        print(f"memory: {before:.0f} MB before, {there:.0f} with Milvus, {resident():.0f} with the exact index too")


def measure(size: int, folder: Path, url: str) -> None:
    """Print what is measured."""
    database = f"sqlite:///{folder / 'kenspeckle.db'}"
    with closing(SqlCatalog.open(database)) as catalog:
        catalog.create_collection(Collection(NAME, "sface", "contract", 1.0))
        for batch in photographs(NAME, size, np.random.default_rng(size)):
            catalog.add_photographs(NAME, batch, "contract")
        print(f"{size:,} faces stored", flush=True)
        mirrored, exact, keeper = indexes(catalog, url, size)
        start = time.perf_counter()
        mirror = keeper.begin(catalog.describe_mirrored(NAME), DIMENSION)
        while (filled := keeper.fill(mirror, fresh=mirror.after > 0)) is not None:
            mirror = filled
        stored = time.perf_counter()
        keeper.store.open(mirror.name)
        assert keeper.catch_up(mirror) is not None
        print(f"built: stored in {stored - start:.0f} s, indexed and loaded in {time.perf_counter() - stored:.0f} s")
        exact.load(NAME, "face")
        compare(mirrored, exact, size)
        written(catalog, mirrored)
    subprocess.run([sys.executable, "-m", "benchmarks.milvus", str(size), "--memory", url, database], check=True)


def compare(mirrored: MirroredIndex, exact: FollowingIndex, size: int) -> None:
    """Recall, and the times of both, asked in turn."""
    taken: dict[str, list[float]] = {"milvus": [], "exact": []}
    hits = first = 0
    for probe in probes(size):
        found = {}
        for name, index in (("milvus", mirrored), ("exact", exact)):
            start = time.perf_counter()
            found[name] = [one.row for one, _ in index.search(NAME, "face", probe, WANTED, FAR)]
            taken[name].append(1000 * (time.perf_counter() - start))
        hits += len(set(found["milvus"]) & set(found["exact"]))
        first += found["milvus"][:1] == found["exact"][:1]
    there, here = (statistics.median(taken[name]) for name in ("milvus", "exact"))
    ratio = statistics.median(one / other for one, other in zip(taken["milvus"], taken["exact"], strict=True))
    print(f"recall of {WANTED}: {hits / WANTED / PROBES:.4f}, first is right: {first / PROBES:.3f}")
    print(f"median search: {there:.1f} ms, exact {here:.1f} ms, ratio of each pair {ratio:.2f}", flush=True)


def written(catalog: SqlCatalog, mirrored: MirroredIndex) -> None:
    """What a search takes more that follows a write, and whether it finds what was written."""
    random = np.random.default_rng(1)
    after, plain = [], []
    for number in range(60):
        template = templates(1, random)[0]
        image = Image(f"w{number}", NAME, f"w{number}", f"{number:064}", "image/jpeg", 1, 1, 1, 1.0, kept=False)
        catalog.add_faces(image, None, [NewFace(f"w{number}", NOWHERE, template)], "1")
        start = time.perf_counter()
        found = mirrored.search(NAME, "face", template, 1, FAR)
        after.append(1000 * (time.perf_counter() - start))
        assert found[0][0].face is not None
        assert found[0][0].face.face_id == f"w{number}"
        start = time.perf_counter()
        mirrored.search(NAME, "face", template, 1, FAR)
        plain.append(1000 * (time.perf_counter() - start))
    more = statistics.median(one - other for one, other in zip(after, plain, strict=True))
    print(f"a search after a write: {more:.2f} ms more (median of pairs)", flush=True)


def main() -> None:
    """Measure one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", metavar="SIZE", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--memory", metavar=("URL", "DATABASE"), nargs=2)
    asked = parser.parse_args()
    if asked.memory:
        url, database = asked.memory
        memory(url, database, asked.size)
        return
    server = MilvusServer.join()
    try:
        with server.database() as url, tempfile.TemporaryDirectory() as folder:
            measure(asked.size, Path(folder), url)
    finally:
        server.leave()


if __name__ == "__main__":
    main()
