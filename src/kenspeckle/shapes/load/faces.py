"""Faces and photographs from JSON."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from kenspeckle.domain import (
    AgeRange,
    Attribute,
    Attributes,
    Box,
    Comparison,
    EyeDirection,
    Face,
    FaceDetail,
    FaceRecord,
    Flag,
    Gender,
    Indexed,
    Landmark,
    Page,
    PersonRef,
    Pose,
    Quality,
    Reason,
    UnindexedFace,
)
from kenspeckle.domain.attributes import ALL, VERSION
from kenspeckle.shapes.dump import FLAGS, LANDMARKS

Json: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

NAMES = frozenset(str(one) for one in Attribute)
KINDS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")


def box(shape: Json) -> Box:
    return Box(
        left=float(shape.get("Left", 0)),
        top=float(shape.get("Top", 0)),
        width=float(shape.get("Width", 0)),
        height=float(shape.get("Height", 0)),
    )


def detail(shape: Json, *, gender: bool = True) -> FaceDetail:
    """A FaceDetail or ComparedFace. Without `gender` its Gender is not read; Emotions never are."""
    quality = shape.get("Quality", {})
    return FaceDetail(
        box=box(shape.get("BoundingBox", {})),
        confidence=float(shape.get("Confidence", 0)),
        landmarks=tuple(one for one in _landmarks(shape) if one.kind in KINDS),
        pose=_pose(shape.get("Pose", {})),
        quality=Quality(float(quality.get("Brightness", 0)), float(quality.get("Sharpness", 0))),
        attributes=_attributes_of(shape, gender=gender),
    )


def _attributes_of(shape: Json, *, gender: bool) -> Attributes | None:
    """What a FaceDetail has beyond DEFAULT; None where it has nothing. Emotions are not read, nor is Gender unless
    `gender`."""
    if not gender and "Gender" in shape:
        shape = {name: value for name, value in shape.items() if name != "Gender"}
    found = attributes({name: value for name, value in shape.items() if name != "Pose"})
    return None if found == Attributes() else found


def attributes(shape: Json) -> Attributes:
    """The inverse of `dump.attributes`; of a member that is another than expected it raises ValueError, TypeError or
    KeyError."""
    ages, eyes, gender = shape.get("AgeRange"), shape.get("EyeDirection"), shape.get("Gender")
    return Attributes(
        version=int(shape.get("Version", VERSION)),
        age=None if ages is None else AgeRange(int(ages["Low"]), int(ages["High"])),
        flags={name: _flag(shape[member]) for name, member in FLAGS.items() if member in shape},
        eyes=None
        if eyes is None
        else EyeDirection(float(eyes["Yaw"]), float(eyes["Pitch"]), float(eyes.get("Confidence", 0))),
        gender=None if gender is None else Gender(str(gender["Value"]), float(gender.get("Confidence", 0))),
        landmarks=tuple(one for one in _landmarks(shape) if one.kind not in KINDS),
        pose=_pose(shape["Pose"]) if "Pose" in shape else None,
        asked=frozenset(Attribute(one) for one in shape["Asked"] if one in NAMES) if "Asked" in shape else ALL,
    )


def _flag(shape: Json) -> Flag:
    return Flag(shape["Value"] is True, float(shape.get("Confidence", 0)))


def _landmarks(shape: Json) -> tuple[Landmark, ...]:
    """Those that Amazon's model names."""
    return tuple(
        Landmark(one["Type"], float(one["X"]), float(one["Y"]))
        for one in shape.get("Landmarks", ())
        if one.get("Type") in LANDMARKS
    )


def _pose(shape: Json) -> Pose:
    return Pose(float(shape.get("Roll", 0)), float(shape.get("Yaw", 0)), float(shape.get("Pitch", 0)))


def face(shape: Json, collection_id: str, created_at: float | None = None, model: str = "") -> Face:
    """A Face as it is listed and matched. `model` is used where the face names none, `created_at` instead of its own
    time, which only `/v1` lists."""
    return Face(
        face_id=shape["FaceId"],
        image_id=shape.get("ImageId", ""),
        collection_id=collection_id,
        external_image_id=shape.get("ExternalImageId"),
        box=box(shape.get("BoundingBox", {})),
        confidence=float(shape.get("Confidence", 0)),
        index_model=shape.get("IndexFacesModelVersion", model),
        created_at=seconds(shape.get("CreationTimestamp")) if created_at is None else created_at,
        user_id=shape.get("UserId"),
    )


def face_record(shape: Json, collection_id: str) -> FaceRecord:
    return FaceRecord(face(shape["Face"], collection_id), detail(shape["FaceDetail"]), person_ref(shape.get("Person")))


def person_ref(shape: Json | None) -> PersonRef | None:
    """`Person` beside a `Face`."""
    return None if shape is None else PersonRef(shape["person_id"], shape["name"])


def unindexed(shapes: Iterable[Json]) -> tuple[UnindexedFace, ...]:
    """UnindexedFaces, or UnsearchedFaces, whose member is called FaceDetails."""
    return tuple(
        UnindexedFace(
            detail(one.get("FaceDetail", one.get("FaceDetails", {}))),
            tuple(Reason(reason) for reason in one.get("Reasons", ()) if reason in Reason.__members__),
        )
        for one in shapes
    )


def indexed(shape: Json, collection_id: str) -> Indexed:
    """The answer of /v1/index, which does not say whether this photograph was indexed before."""
    records = tuple(face_record(one, collection_id) for one in shape["FaceRecords"])
    return Indexed(
        image_id=records[0].face.image_id if records else "",
        records=records,
        unindexed=unindexed(shape.get("UnindexedFaces", ())),
        model=shape.get("FaceModelVersion", ""),
        created=True,
    )


def comparison(shape: Json) -> Comparison:
    source = shape.get("SourceImageFace", {})
    matches = [(detail(one["Face"]), float(one.get("Similarity", 0))) for one in shape.get("FaceMatches", ())]
    return Comparison(
        source=detail(source),
        matches=tuple(sorted(matches, key=lambda pair: -pair[1])),
        unmatched=tuple(detail(one) for one in shape.get("UnmatchedFaces", ())),
    )


def thumbnails(shape: Json) -> dict[str, bytes]:
    return {one["face_id"]: b64decode(one["jpeg"]) for one in shape["thumbnails"]}


def page(shape: Json, member: str, item: Callable[[Json], T]) -> Page[T]:
    """Items of the list `member`, with NextToken as the cursor."""
    return Page(tuple(item(one) for one in shape[member]), shape.get("NextToken"))


def seconds(value: object) -> float:
    """A time as epoch seconds; 0 where it is absent."""
    if isinstance(value, int | float):
        return float(value)
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) and value else 0.0
