"""Photographs that are JSON, and an engine that reads them: unit tests of the use cases draw what they need."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kenspeckle.domain import (
    AgeRange,
    Attribute,
    Attributes,
    Box,
    Calibration,
    Collection,
    FaceDetail,
    Flag,
    Landmark,
    PackInfo,
    Pose,
    Quality,
    Sample,
    Vector,
)
from kenspeckle.errors import InvalidValue, ModelMissing, PackMismatch, UnsupportedImage
from kenspeckle.ports import Catalog, Engine, Photo, Stored
from kenspeckle.settings import Settings
from kenspeckle.usecases.jobs.queue import JobQueue
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.local import LocalRecognizer
from tests.fakes import FakeCatalog, FakeImages
from tests.fakes.jobs import FakeJobs

CALIBRATION = Calibration((0.0, 0.4, 0.6, 2.0), (100.0, 99.0, 80.0, 0.0))
SMILING = {Attribute.SMILE: Flag(True, 90.0)}
KINDS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")


def drawing(*people: float, size: float = 0.4, note: str = "") -> bytes:
    """A photograph of some people. Those whose numbers are near look alike; each face is smaller than the last."""
    return json.dumps({"people": people, "size": size, "note": note}).encode()


@dataclass(frozen=True)
class Drawing:
    people: tuple[float, ...]
    size: float
    width: int = 1000
    height: int = 1000
    media_type: str = "image/png"


class DrawnEngine:
    """Implements `ports.Engine` over drawings."""

    def __init__(self, contract: str = "drawn", name: str = "drawn", dimension: int = 2) -> None:
        self.pack = PackInfo(name, contract, dimension, CALIBRATION, f"{name}-1")
        self.unclear: set[float] = set()
        """People of whom the embedder makes nothing."""

    def open(self, data: bytes) -> Photo:
        try:
            content = json.loads(data)
        except ValueError as error:
            raise UnsupportedImage("This is no drawing.") from error
        return Drawing(tuple(content["people"]), content["size"])

    def frame(self, sample: Sample) -> Photo:
        return self.open(sample.pixels)

    def detect(self, photo: Photo, *, largest_only: bool = False, part: float = 1.0) -> tuple[FaceDetail, ...]:
        assert isinstance(photo, Drawing)
        return tuple(_face(person, photo.size * 0.9**place) for place, person in enumerate(photo.people))

    def embed(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[Vector]:
        rest = [1.0] * (self.pack.dimension - 1)
        return [np.array([face.pose.roll, *rest], np.float32) for face in faces]

    def clarity(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[float]:
        return [0.0 if face.pose.roll in self.unclear else 100.0 for face in faces]

    def attributes(self, photo: Photo, faces: Sequence[FaceDetail], asked: frozenset[Attribute]) -> list[FaceDetail]:
        """Whoever is drawn is as many years old as their number is tens, give or take five, and smiles."""
        ages = [int(10 * face.pose.roll) for face in faces]
        told = [Attributes(age=AgeRange(max(0, age - 5), age + 5), flags=SMILING).only(asked) for age in ages]
        return [replace(face, attributes=one) for face, one in zip(faces, told, strict=True)]

    def thumbnail(self, photo: Photo, box: Box) -> bytes:
        return f"thumbnail {box.width:.3f}".encode()


def _face(person: float, size: float) -> FaceDetail:
    """The person's number travels as the roll, from which `embed` makes the template."""
    landmarks = tuple(Landmark(kind, 0.5, 0.5) for kind in KINDS)
    return FaceDetail(Box(0.1, 0.1, size, size), 99.0, landmarks, Pose(person, 0.0, 0.0), Quality(80.0, 80.0))


class DrawnEngines:
    """Implements `ports.Engines` over engines that are there at once, the default one first. `missing` are names of
    packs that are known and not installed."""

    def __init__(self, default: Engine, *others: Engine, missing: Sequence[str] = ()) -> None:
        self.default = default
        self._all = [default, *others]
        self._missing = missing

    @property
    def packs(self) -> Sequence[PackInfo]:
        return [one.pack for one in self._all]

    def of(self, collection: Collection) -> Engine:
        pack = self.pack_of(collection)
        self.find_pack(pack.name)
        return next(one for one in self._all if one.pack == pack)

    def pack_of(self, collection: Collection) -> PackInfo:
        for one in self._all:
            if one.pack.contract == collection.contract:
                return one.pack
        raise PackMismatch(f"The pack '{collection.pack}' is not known here.", field="collection")

    def find_pack(self, name: str | None) -> PackInfo:
        if name is None:
            return self.default.pack
        for one in self._all:
            if one.pack.name == name:
                if name in self._missing:
                    raise ModelMissing(f"Model pack '{name}' is missing.")
                return one.pack
        raise InvalidValue(f"There is no model pack '{name}'.", field="pack")

    def use_calibrations(self, shared: Mapping[str, Calibration]) -> None:
        for one in self._all:
            one.pack = replace(one.pack, calibration=shared.get(one.pack.contract, CALIBRATION))


class BruteIndex:
    """Implements `ports.Index` by looking at every template of the catalog at every search."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def search(
        self,
        collection_id: str,
        kind: str,
        probe: Vector,
        k: int,
        within: float,
        *,
        contract: str | None = None,
        revision: int | None = None,
    ) -> list[tuple[Stored, float]]:
        _, batches = self._catalog.snapshot(collection_id, kind)
        rows = [row for batch, _ in batches for row in batch]
        found = [
            (one, float(np.linalg.norm(one.template - probe)))
            for one in self._catalog.read_stored(collection_id, kind, rows, contract=contract)
        ]
        return sorted((pair for pair in found if pair[1] <= within), key=lambda pair: (pair[1], pair[0].row))[:k]

    def load(self, collection_id: str, kind: str) -> int:
        return sum(len(rows) for rows, _ in self._catalog.snapshot(collection_id, kind)[1])

    def revision(self, collection_id: str, kind: str) -> int | None:
        """Nothing is held."""

    def forget(self, collection_id: str) -> None:
        """Nothing is held."""

    def prepare(self, collection_id: str, pack: PackInfo, snapshot: object) -> None:
        """Nothing is held."""

    def upkeep(self, *, last: bool = False) -> None:
        """Nothing is held."""

    def drop_outdated(self) -> None:
        """Nothing is saved."""

    def close(self) -> None:
        """There are no threads."""


def recognizer(engines: DrawnEngines | None = None, **settings: Any) -> LocalRecognizer:
    """All use cases over fakes, with the default collection created."""
    chosen = Settings(**settings)
    catalog = FakeCatalog()
    context = Context(
        engines=engines or DrawnEngines(DrawnEngine()),
        catalog=catalog,
        index=BruteIndex(catalog),
        images=FakeImages(),
        gate=Gate(2, 8, 5),
        settings=chosen,
        jobs=JobQueue(FakeJobs()),
    )
    made = LocalRecognizer(context)
    made.start()
    return made
