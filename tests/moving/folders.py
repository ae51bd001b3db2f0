"""Data folders for tests of backup and moving: real catalogs and photographs, made from a number, without a network."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Iterable
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image as Pillow

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import (
    AgeRange,
    Attribute,
    Attributes,
    Box,
    Collection,
    EyeDirection,
    FaceDetail,
    Flag,
    Image,
    Landmark,
    Pose,
    Quality,
    Vector,
)
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.images.folder import FolderImages
from kenspeckle.models import registry
from kenspeckle.ports import NewFace
from kenspeckle.usecases.recognition.originals import Photographs

PEOPLE = "people"
PACK = registry.get(registry.DEFAULT)


@lru_cache(maxsize=256)
def photograph(number: int) -> bytes:
    """A small PNG, another for each number."""
    pixels = np.random.default_rng(number).integers(0, 255, (24, 24, 3), np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def template(number: int) -> Vector:
    return np.random.default_rng(number).standard_normal(PACK.dimension).astype(np.float32)


def face_id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def digest(number: int) -> str:
    return hashlib.sha256(photograph(number)).hexdigest()


def told(number: int) -> Attributes | None:
    """What was inferred of every other face."""
    if number % 2:
        return None
    return Attributes(
        age=AgeRange(number % 70, number % 70 + 9),
        flags={Attribute.SMILE: Flag(number % 4 == 0, 90.25), Attribute.EYES_OPEN: Flag(True, 99.5)},
        eyes=EyeDirection(-3.5, 12.25, 80.0),
        landmarks=(Landmark("leftPupil", 0.25, 0.5), Landmark("chinBottom", 0.375, 1.0)),
        pose=Pose(1.5, -20.25, 3.0),
    )


def detail(number: int) -> FaceDetail:
    random = np.random.default_rng(number)
    box = Box(*(float(one) for one in random.random(4)))
    landmarks = (Landmark("nose", float(random.random()), float(random.random())),)
    pose = Pose(*(float(one) for one in random.uniform(-90, 90, 3)))
    return FaceDetail(
        box, float(random.uniform(50, 100)), landmarks, pose, Quality(*map(float, random.random(2))), told(number)
    )


def image(number: int, collection_id: str = PEOPLE, *, kept: bool = True) -> Image:
    return Image(
        image_id=face_id(-1 - number),
        collection_id=collection_id,
        key=f"{number}.png",
        digest=digest(number),
        media_type="image/png",
        size=len(photograph(number)),
        width=24,
        height=24,
        created_at=2000.5 + number,
        kept=kept,
        metadata={"where": "Zürich"},
    )


def identity(number: int) -> str:
    return f"person-{number}.png"


def numbers_of(number: int) -> list[int]:
    """Numbers of the faces on a photograph: one, two or three."""
    return [10 * number + one for one in range(1 + number % 3)]


class Folder:
    """A data folder that is open. `encryption` says whether collections made now are encrypted."""

    def __init__(self, data_dir: Path, *, encryption: bool = False) -> None:
        master = MasterKey(data_dir / "master.key")
        url = f"sqlite:///{data_dir / 'kenspeckle.db'}"
        self.catalog = SqlCatalog.open(url, master=master, encryption=encryption or None)
        self.images = FolderImages(data_dir / "images")
        self.photographs = Photographs(self.images, self.catalog)

    def close(self) -> None:
        self.catalog.close()

    def add(self, number: int, collection_id: str = PEOPLE) -> None:
        """Store a photograph and its faces as the service does: staged, committed, moved."""
        faces = [NewFace(face_id(one), detail(one), template(one)) for one in numbers_of(number)]
        _, staged = self.photographs.stage(collection_id, digest(number), photograph(number))
        self.catalog.add_faces(image(number, collection_id), identity(number), faces, PACK.version)
        staged.publish()


def opened(data_dir: Path, *, encryption: bool = False) -> closing[Folder]:
    return closing(Folder(data_dir, encryption=encryption))


@lru_cache(maxsize=1)
def _empty() -> bytes:
    """An empty catalog: migrating a new one takes longer than copying this."""
    with TemporaryDirectory() as folder:
        with opened(Path(folder)) as one:
            assert one.catalog.counts()["collections"] == 0
        return (Path(folder) / "kenspeckle.db").read_bytes()


def make(data_dir: Path, numbers: Iterable[int], *, contract: str = "", encryption: bool = False) -> Path:
    """A data folder with a collection of these photographs."""
    data_dir.mkdir()
    (data_dir / "kenspeckle.db").write_bytes(_empty())
    with opened(data_dir, encryption=encryption) as folder:
        folder.catalog.create_collection(
            Collection(PEOPLE, PACK.name, contract or PACK.contract, 1000.5, tags={"team": "blue"})
        )
        for number in numbers:
            folder.add(number)
    return data_dir


def shown(data_dir: Path, collection_id: str = PEOPLE) -> dict[str, object]:
    """Everything that matters of a collection, to be compared: faces with templates, photographs, users."""
    with opened(data_dir) as folder:
        catalog = folder.catalog
        assert folder.catalog.collection(collection_id).contract == PACK.contract
        folder.images.recover(catalog.digests, catalog.lock)
        found: dict[str, object] = {}
        cursor = None
        while True:
            page = catalog.faces(collection_id, 1000, cursor)
            for face in page.items:
                record, vector = catalog.face(collection_id, face.face_id)
                picture = catalog.image_of(collection_id, face.image_id)
                data = folder.photographs.get(collection_id, picture.digest) if picture.kept else None
                found[face.face_id] = (record, vector.tobytes(), picture, data)
            if (cursor := page.cursor) is None:
                break
        for user in catalog.users(collection_id, 1000, None).items:
            stored, vector_ = catalog.user(collection_id, user.user_id)
            found[f"user {user.user_id}"] = (stored, None if vector_ is None else vector_.tobytes())
        found["tags"] = dict(catalog.tags(collection_id))
        with catalog.database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        return found
