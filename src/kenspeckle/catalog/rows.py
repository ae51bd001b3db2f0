"""Between rows of the database and objects of the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple
from typing import Any, TypeVar

import orjson

from kenspeckle.catalog.tables import faces, images, users
from kenspeckle.domain import (
    Attributes,
    Box,
    Face,
    FaceDetail,
    Image,
    Landmark,
    LeftOut,
    Pose,
    Quality,
    QualityFilter,
    User,
    Vector,
)
from kenspeckle.encryption.cipher import ATTRIBUTES, PLAIN, Content
from kenspeckle.errors import TEMPLATES_DIFFER, StorageUnavailable
from kenspeckle.shapes import dump, load

_FORMER_VERSIONS = {"1": "6.0"}
"""Versions of packs as earlier releases stored them, and the present versions of the same packs."""

P = TypeVar("P", str, bytes)
T = TypeVar("T")

FACE = (
    faces.c.row,
    faces.c.face_id,
    faces.c.box_left,
    faces.c.box_top,
    faces.c.box_width,
    faces.c.box_height,
    faces.c.confidence,
    images.c.image_id,
    images.c.identity,
    images.c.index_model,
    images.c.created_at,
    users.c.user_id,
)
"""Columns of `face`, to be selected from faces, images and (outer) users, in this order."""

IMAGE = (
    images.c.image_id,
    images.c.key,
    images.c.digest,
    images.c.media_type,
    images.c.size,
    images.c.width,
    images.c.height,
    images.c.created_at,
    images.c.kept,
    images.c.metadata,
    images.c.original,
    images.c.left_out,
)
"""Columns of `image`, in this order."""

USER = (users.c.row, users.c.user_id, users.c.status, users.c.created_at, users.c.face_count)
"""Columns of `user`, in this order."""


def face(collection_id: str, columns: Sequence[Any]) -> Face:
    """The face of a row that begins with the columns FACE."""
    _, face_id, left, top, width, height, confidence, image_id, identity, model, created_at, user_id = columns[:12]
    box = Box(left, top, width, height)
    model = _FORMER_VERSIONS.get(model, model)
    return Face(face_id, image_id, collection_id, identity or None, box, confidence, model, created_at, user_id)


def image(collection_id: str, columns: Sequence[Any], content: Content) -> Image:
    """The image of a row that begins with the columns IMAGE. Raises StorageUnavailable."""
    image_id, key, name, media_type, size, width, height, created_at, kept, metadata = columns[:10]
    original, left_out = columns[10:12]
    return Image(
        image_id,
        collection_id,
        key,
        content.digest(name, original, image_id),
        media_type,
        size,
        width,
        height,
        created_at,
        bool(kept),
        _read(orjson.loads, metadata, f"the photograph {image_id}"),
        None if left_out is None else _read(_read_left_out, left_out, f"the photograph {image_id}"),
    )


def user(collection_id: str, columns: Sequence[Any]) -> User:
    """The user of a row that begins with the columns USER."""
    _, user_id, status, created_at, face_count = columns[:5]
    return User(user_id, collection_id, status, created_at, face_count)


def pack_detail(detail: FaceDetail, *, told: bool = False) -> str:
    """Landmarks, pose and quality, and what was inferred where it is to be `told` there; box and confidence have
    columns of their own."""
    landmarks = [[one.kind, one.x, one.y] for one in detail.landmarks]
    pose, quality = detail.pose, detail.quality
    packed: list[Any] = [landmarks, [pose.roll, pose.yaw, pose.pitch], [quality.brightness, quality.sharpness]]
    kept = detail.kept.attributes
    if told and kept is not None:
        packed.append(dump.attributes(kept))
    return orjson.dumps(packed, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def pack_attributes(detail: FaceDetail, content: Content, face_id: str) -> bytes | None:
    """What was inferred of the face, to be stored; None where nothing was."""
    kept = detail.kept.attributes
    return None if kept is None else content.seal(orjson.dumps(dump.attributes(kept)), ATTRIBUTES, face_id)


def detail(found: Face, packed: str, stored: bytes | None = None, content: Content = PLAIN) -> FaceDetail:
    """The inverse of `pack_detail` and of `pack_attributes`, whose result is `stored`, with the face's box and
    confidence. Raises StorageUnavailable."""
    attributes = None
    if stored is not None:
        plain = content.open(bytes(stored), ATTRIBUTES, found.face_id)
        attributes = _read(_attributes, plain, f"the face {found.face_id}")

    def read(packed: str) -> FaceDetail:
        landmarks, pose, quality, *told = orjson.loads(packed)
        return FaceDetail(
            found.box,
            found.confidence,
            tuple(Landmark(*one) for one in landmarks),
            Pose(*pose),
            Quality(*quality),
            load.attributes(told[0]) if told else attributes,
        )

    return _read(read, packed, f"the face {found.face_id}")


def _attributes(plain: bytes) -> Attributes:
    return load.attributes(orjson.loads(plain))


def pack_vector(vector: Vector) -> bytes:
    """float32, little-endian, (dimension,)."""
    import numpy as np  # late: lists need no arrays, and it takes as long to load as all of the catalog

    return np.ascontiguousarray(vector, dtype="<f4").tobytes()


def vector(packed: bytes, what: str) -> Vector:
    """A read-only view of the bytes, (dimension,) float32; `what` names its owner in errors. Raises
    StorageUnavailable."""
    return _read(_unpack, packed, what)


def _unpack(packed: bytes) -> Vector:
    import numpy as np  # late, as in `pack_vector`

    return np.frombuffer(packed, dtype="<f4")


def stack(templates: Sequence[bytes]) -> Vector:
    """(n, dimension) of n packed templates, (0, 0) of none. Raises StorageUnavailable where they differ in length."""
    import numpy as np  # late, as in `pack_vector`

    if not templates:
        return np.empty((0, 0), np.float32)
    with suppress(TypeError, ValueError):  # of what is no template at all
        packed = b"".join(templates)
        if len(packed) == len(templates) * len(templates[0]):
            return np.frombuffer(packed, dtype="<f4").reshape(len(templates), -1)
    raise StorageUnavailable(TEMPLATES_DIFFER)


def pack_mapping(mapping: Mapping[str, str]) -> str:
    return orjson.dumps(dict(mapping)).decode()


def pack_left_out(left_out: LeftOut | None) -> str | None:
    if left_out is None:
        return None
    boxes = [[round(float(side), 6) for side in astuple(box)] for box in left_out.boxes]
    return orjson.dumps([left_out.max_faces, left_out.quality.value, boxes]).decode()


def _read_left_out(packed: str) -> LeftOut:
    max_faces, quality, boxes = orjson.loads(packed)
    return LeftOut(int(max_faces), QualityFilter(quality), tuple(Box(*map(float, one)) for one in boxes))


def _read(read: Callable[[P], T], packed: P, what: str) -> T:
    """Decodes a value of the database. Raises StorageUnavailable where it can't be read, which means damage."""
    try:
        return read(packed)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageUnavailable(
            f"The catalog's row of {what} is damaged. `kenspeckle doctor` says what else is; restore it from a backup."
        ) from error
