"""What tests put into catalogs: collections, photographs and faces made from a number, the same each time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from kenspeckle.domain import (
    AgeRange,
    Attribute,
    Attributes,
    Box,
    Collection,
    EyeDirection,
    FaceDetail,
    FaceRecord,
    Flag,
    Image,
    Key,
    Landmark,
    Pose,
    Quality,
    Scope,
    User,
    Vector,
)
from kenspeckle.ports import Catalog, Change, Keys, NewFace, SharedSettings

DIMENSION = 8
KINDS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")


class Whole(Catalog, Keys, SharedSettings, Protocol):
    """The ports of the catalog that have a fake."""


def gallery(collection_id: str = "people", **tags: str) -> Collection:
    return Collection(collection_id, "pack", "contract", 1000.5, tags=tags)


def person(user_id: str, collection_id: str = "people") -> User:
    return User(user_id, collection_id, "CREATED", 3000.25)


def template(number: int) -> Vector:
    return np.random.default_rng(number).standard_normal(DIMENSION).astype(np.float32)


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
    landmarks = tuple(Landmark(kind, float(random.random()), float(random.random())) for kind in KINDS)
    pose = Pose(*(float(one) for one in random.uniform(-90, 90, 3)))
    return FaceDetail(
        box, float(random.uniform(50, 100)), landmarks, pose, Quality(*map(float, random.random(2))), told(number)
    )


def new_face(number: int, thumbnail: bytes | None = None) -> NewFace:
    return NewFace(f"face-{number}", detail(number), template(number), thumbnail)


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def photo(number: int, collection_id: str = "people", *, key: str | None = None, kept: bool = True) -> Image:
    """A photograph; its bytes are those of every other of the same number."""
    return Image(
        image_id=f"image-{number}",
        collection_id=collection_id,
        key=key or f"{number}.jpg",
        digest=digest(number),
        media_type="image/jpeg",
        size=1000 + number,
        width=640,
        height=480,
        created_at=2000.125 + number,
        kept=kept,
        metadata={"camera": "ä"},
    )


def stored_face(catalog: Catalog, number: int, collection_id: str = "people") -> FaceRecord:
    """One face on a photograph of its own, under an identity of its own."""
    _, records, created = catalog.add_faces(photo(number, collection_id), f"{number}.jpg", [new_face(number)], "v1")
    assert created
    return records[0]


def key(number: int, **changes: object) -> Key:
    values: dict[str, object] = {
        "key_id": f"key-{number}",
        "name": f"key {number}",
        "kind": "api",
        "scopes": frozenset({Scope.INDEX, Scope.SEARCH}),
        "collections": frozenset({"people"}),
        "created_at": 10.5,
    }
    return Key(**(values | changes))  # type: ignore[arg-type]  # values are of the fields' types


def followed(since: dict[tuple[str, int], bytes], changes: Sequence[Change]) -> dict[tuple[str, int], bytes]:
    """What an index holds after these changes."""
    now = dict(since)
    for change in changes:
        if change.template is None:
            now.pop((change.kind, change.row), None)
        else:
            now[change.kind, change.row] = change.template.tobytes()
    return now


def held(catalog: Catalog, collection_id: str = "people") -> dict[tuple[str, int], bytes]:
    """What an index holds that was just built: templates by kind and row."""
    found: dict[tuple[str, int], bytes] = {}
    for kind in ("face", "user"):
        for rows, templates in catalog.snapshot(collection_id, kind)[1]:
            found.update(((kind, row), one.tobytes()) for row, one in zip(rows, templates, strict=True))
    return found
