"""What an import costs beside what it can't do without: the parsing of the same lines, and SQLite's work for the same
rows with the same indexes.

`python -m benchmarks.importing [FACES]` (100,000) prints a table in Markdown: seconds of the processor, which other
work on the machine changes less than it changes those of the clock. Faces are simulated as in `growth`, with five
landmarks each, without photographs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pybase64

from benchmarks.growth import DIMENSION, photographs
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.sqlite.engine import PAGE_BYTES
from kenspeckle.domain import Box, Face, FaceDetail, FaceRecord, Landmark, PackInfo, Pose, Quality
from kenspeckle.models import registry
from kenspeckle.ports import DumpedFace
from kenspeckle.usecases.transfer import export_format
from kenspeckle.usecases.transfer.import_ import import_export
from kenspeckle.usecases.transfer.reader import ExportFile
from kenspeckle.usecases.transfer.storing import BATCH, Target

NAME = "imported"
PACK = registry.SFACE.info
TABLES = ("images", "faces", "people", "identities", "members", "changes")
"""Those that an import of faces with names fills, parents before children."""

_POINTS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")
_DETAIL = FaceDetail(
    Box(0.1234567, 0.2345678, 0.3456789, 0.4567891),
    99.1234567,
    tuple(Landmark(kind, 0.1234567 * number, 0.2345678) for number, kind in enumerate(_POINTS, 1)),
    Pose(1.2345678, 2.3456789, 3.4567891),
    Quality(81.2345678, 72.3456789),
)


def run(faces: int) -> dict[str, float]:
    """Processor seconds of each part, by name, and `faces`."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        export = folder / "export.jsonl"
        _write(export, faces)
        spent = {"faces": float(faces)}
        began = time.monotonic()
        with closing(SqlCatalog.open(f"sqlite:///{folder / 'kenspeckle.db'}")) as catalog, export.open("rb") as file:
            spent["import"] = _spent(lambda: import_export(_target(catalog), ExportFile(file), NAME, lambda *_: None))
        spent["seconds"] = time.monotonic() - began
        spent["parse"] = _spent(lambda: _parse(export))
        rows = _rows_of(folder / "kenspeckle.db")
        spent["sqlite"] = _spent(lambda: _insert(folder / "kenspeckle.db", folder / "bare.db", rows))
        return spent


def table(spent: dict[str, float]) -> str:
    """The table in Markdown: microseconds of the processor a face."""
    faces, least = spent["faces"], spent["parse"] + spent["sqlite"]
    lines = [
        ("the import, as `kenspeckle import` does it", spent["import"]),
        ("the same lines, parsed once", spent["parse"]),
        ("the same rows into SQLite, without Kenspeckle", spent["sqlite"]),
    ]
    told = [f"| {name} | {1e6 * seconds / faces:.1f} | {faces / seconds:,.0f} |" for name, seconds in lines]
    head = ["| what | processor, µs a face | faces a second of one core |", "| --- | --- | --- |"]
    end = f"| the import, in times of both | {spent['import'] / least:.2f} | |"
    clock = f"\n{faces:,.0f} faces; by the clock {faces / spent['seconds']:,.0f} faces/s."
    return "\n".join([*head, *told, end, clock])


def _write(path: Path, faces: int) -> None:
    """An export without photographs, of one face a photograph."""
    random = np.random.default_rng(faces)
    header = export_format.Header(
        collection=NAME,
        pack=PACK.name,
        contract=PACK.contract,
        dimension=DIMENSION,
        tags={},
        faces=faces,
        images=0,
        users=0,
        with_images=False,
        software="benchmark",
        created_at=1.0,
    )
    digest = hashlib.sha256()
    with path.open("wb") as file:

        def put(line: bytes) -> None:
            digest.update(line)
            file.write(line)

        put(export_format.header_line(header))
        for batch in photographs(NAME, faces, random):
            for one in batch:
                image, face = one.image, one.faces[0]
                shown = Face(
                    face.face_id,
                    image.image_id,
                    NAME,
                    one.external_image_id,
                    _DETAIL.box,
                    _DETAIL.confidence,
                    PACK.version,
                    image.created_at,
                )
                dumped = DumpedFace(image, FaceRecord(shown, _DETAIL), face.template, None)
                put(export_format.face_line(dumped, with_images=False))
        file.write(export_format.end_line(faces + 1, digest.hexdigest()))


def _target(catalog: SqlCatalog) -> Target:
    def pack_of(contract: str) -> PackInfo | None:
        return PACK if contract == PACK.contract else None

    # There are no photographs, so nothing opens or stores any.
    none: Any = None
    return Target(catalog, none, pack_of, none, False, lambda _: None, people=catalog)


def _parse(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            found = orjson.loads(line)
            if found["kind"] == "face":
                pybase64.b64decode(found["template"])


def _rows_of(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as database:
        return {name: database.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}


def _insert(like: Path, path: Path, rows: dict[str, list[Any]]) -> None:
    """Insert the rows into a database of the same tables and indexes, in transactions of as many photographs."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        with closing(sqlite3.connect(like)) as there:
            made = there.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type = 'index'")
            schema = [sql for (sql,) in made if not sql.startswith(("CREATE TABLE sqlite_", "CREATE TRIGGER"))]
        for pragma in (
            f"page_size={PAGE_BYTES}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            database.execute(f"PRAGMA {pragma}")
        for statement in schema:
            database.execute(statement)
        with closing(sqlite3.connect(like)) as there:
            database.execute("PRAGMA foreign_keys=OFF")
            some = there.execute("SELECT * FROM collections").fetchall()
            database.executemany(f"INSERT INTO collections VALUES ({_marks(some)})", some)
            database.execute("PRAGMA foreign_keys=ON")
        for batch in _batches(rows):
            database.execute("BEGIN IMMEDIATE")
            for name, values in batch.items():
                if values:
                    database.executemany(f"INSERT INTO {name} VALUES ({_marks(values)})", values)
            database.execute("COMMIT")


def _batches(rows: dict[str, list[Any]]) -> Iterator[dict[str, list[Any]]]:
    for start in range(0, len(rows["images"]), BATCH):
        yield {name: values[start : start + BATCH] for name, values in rows.items()}


def _marks(rows: list[Any]) -> str:
    return ", ".join("?" * len(rows[0]))


def _spent(act: Callable[[], object]) -> float:
    before = os.times()
    act()
    after = os.times()
    return after.user + after.system - before.user - before.system


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", metavar="FACES", type=int, nargs="?", default=100_000)
    print(table(run(parser.parse_args().faces)))


if __name__ == "__main__":
    main()
