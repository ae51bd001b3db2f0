"""What grows with a collection: the catalog's and the index's costs at several sizes, over simulated templates.

`python -m benchmarks.growth [SIZE...]` (10,000 and 1,000,000 faces) prints a table in Markdown. It needs about 1.6 kB
of disk a face, in the folder for temporary files. Templates are unit vectors of 128 dimensions whose spectrum decays
like that of real faces (participation ratio 26), so that distances of strangers spread as they do there.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Box, Collection, FaceDetail, Image, Pose, Quality, User, Vector
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.ports import NewFace, NewPhotograph
from kenspeckle.usecases.transfer.storing import BATCH

DIMENSION = 128
PARTICIPATION = 26.0
NAME = "growth"
TIMES = 21
NOWHERE = FaceDetail(Box(0.1, 0.1, 0.2, 0.2), 99.0, (), Pose(0.0, 0.0, 0.0), Quality(80.0, 80.0))


def templates(count: int, random: np.random.Generator) -> Vector:
    """(count, 128) unit vectors. Deviations of exp(-k / t) have a participation ratio near t."""
    spread = np.exp(-np.arange(DIMENSION) / PARTICIPATION).astype(np.float32)
    found: Vector = random.standard_normal((count, DIMENSION), np.float32) * spread
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def photographs(count: int, random: np.random.Generator) -> Iterator[list[NewPhotograph]]:
    """Batches of photographs of one face each, each of an identity of its own."""
    for start in range(0, count, BATCH):
        batch = []
        for number, template in enumerate(templates(min(BATCH, count - start), random), start):
            digest = hashlib.sha256(str(number).encode()).hexdigest()
            image = Image(
                str(uuid.uuid4()), NAME, f"{number}.jpg", digest, "image/jpeg", 1, 1, 1, 1000.0 + number, kept=False
            )
            face = NewFace(str(uuid.uuid4()), NOWHERE, template)
            batch.append(NewPhotograph(image, f"{number}.jpg", [face], "1"))
        yield batch


def median_ms(act: Callable[[], object], times: int = TIMES) -> float:
    """Median of the time that `act` takes, ms."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        found.append(1000 * (time.perf_counter() - start))
    return statistics.median(found)


def measure(size: int, folder: Path) -> Mapping[str, str]:
    """The row of one size: what is measured, and how much it is."""
    random = np.random.default_rng(size)
    path = folder / "kenspeckle.db"
    with closing(SqlCatalog.open(f"sqlite:///{path}")) as catalog:
        catalog.create_collection(Collection(NAME, "sface", "contract", 1.0))
        storing = 0.0
        for batch in photographs(size, random):
            start = time.perf_counter()
            catalog.add_photographs(NAME, batch, "contract")
            storing += time.perf_counter() - start
        ids = [one.face_id for one in catalog.faces(NAME, 100, None).items]
        catalog.create_user(User("u", NAME, "CREATED", 1.0))
        catalog.link_faces(NAME, "u", ids[:20], templates(1, random)[0], 100)
        row = {"stored, faces/s": f"{size / storing:,.0f}"}
        row["list by identity, ms"] = (
            f"{median_ms(lambda: catalog.faces(NAME, 100, None, external_image_id='7.jpg')):.2f}"
        )
        row["list by user, ms"] = f"{median_ms(lambda: catalog.faces(NAME, 100, None, user_id='u')):.2f}"
        row["describe, ms"] = f"{median_ms(lambda: catalog.collection(NAME)):.2f}"
        row["aged, ms"] = f"{median_ms(lambda: catalog.aged(NAME, 1003.0, 100)):.2f}"
        start = time.perf_counter()
        catalog.scrub(thorough=True)
        row["first scrub after a start, s"] = f"{time.perf_counter() - start:.2f}"
        left = iter(ids[20:])

        def delete() -> None:
            catalog.delete_faces(NAME, [next(left)])
            catalog.scrub()

        row["delete a face, files scrubbed, ms"] = f"{median_ms(delete):.1f}"
        with closing(FollowingIndex(catalog, lambda name: DIMENSION)) as index:
            start = time.perf_counter()
            index.load(NAME, "face")
            row["index loaded, s"] = f"{time.perf_counter() - start:.2f}"
            probe = templates(1, random)[0]
            row["search, ms"] = f"{median_ms(lambda: index.search(NAME, 'face', probe, 10, 2.0)):.1f}"
        row["database, MB"] = f"{path.stat().st_size / 1e6:,.0f}"
    return row


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", metavar="SIZE", type=int, nargs="*", default=[10_000, 1_000_000])
    sizes = parser.parse_args().sizes
    columns = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            columns.append(measure(size, Path(folder)))
    print("| " + " | ".join(["", *(f"{size:,} faces" for size in sizes)]) + " |")
    print("|---" * (1 + len(sizes)) + "|")
    for what in columns[0]:
        print("| " + " | ".join([what, *(one[what] for one in columns)]) + " |")


if __name__ == "__main__":
    main()
