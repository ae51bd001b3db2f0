"""Amazon Rekognition's answers as the core's data. Members that it may leave out read as zero or empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from kenspeckle.domain import (
    Box,
    Comparison,
    Face,
    FaceDetail,
    Landmark,
    Pose,
    Quality,
    Reason,
    UnindexedFace,
    UnsuccessfulFace,
    User,
    UserMatch,
)

Json: TypeAlias = Mapping[str, Any]

KINDS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")


def box(shape: Json) -> Box:
    return Box(
        left=float(shape.get("Left", 0)),
        top=float(shape.get("Top", 0)),
        width=float(shape.get("Width", 0)),
        height=float(shape.get("Height", 0)),
    )


def detail(shape: Json) -> FaceDetail:
    """A FaceDetail or ComparedFace."""
    pose, quality = shape.get("Pose", {}), shape.get("Quality", {})
    return FaceDetail(
        box=box(shape.get("BoundingBox", {})),
        confidence=float(shape.get("Confidence", 0)),
        landmarks=tuple(
            Landmark(one["Type"], float(one["X"]), float(one["Y"]))
            for one in shape.get("Landmarks", ())
            if one.get("Type") in KINDS
        ),
        pose=Pose(float(pose.get("Roll", 0)), float(pose.get("Yaw", 0)), float(pose.get("Pitch", 0))),
        quality=Quality(float(quality.get("Brightness", 0)), float(quality.get("Sharpness", 0))),
    )


def searched(shape: Json) -> FaceDetail:
    """The face of SearchFacesByImageResponse, of which only box and confidence are told."""
    return detail(
        {"BoundingBox": shape.get("SearchedFaceBoundingBox", {}), "Confidence": shape.get("SearchedFaceConfidence", 0)}
    )


def face(shape: Json, collection_id: str, created_at: float, model: str = "") -> Face:
    """A Face as Rekognition lists and matches it. `model` is used where the face names none."""
    return Face(
        face_id=shape["FaceId"],
        image_id=shape.get("ImageId", ""),
        collection_id=collection_id,
        external_image_id=shape.get("ExternalImageId"),
        box=box(shape.get("BoundingBox", {})),
        confidence=float(shape.get("Confidence", 0)),
        index_model=shape.get("IndexFacesModelVersion", model),
        created_at=created_at,
        user_id=shape.get("UserId"),
    )


def unindexed(shapes: Iterable[Json]) -> tuple[UnindexedFace, ...]:
    """UnindexedFaces, or UnsearchedFaces, whose member is called FaceDetails."""
    return tuple(
        UnindexedFace(
            detail(one.get("FaceDetail", one.get("FaceDetails", {}))),
            tuple(Reason(reason) for reason in one.get("Reasons", ()) if reason in Reason.__members__),
        )
        for one in shapes
    )


def comparison(shape: Json) -> Comparison:
    source = shape.get("SourceImageFace", {})
    matches = [(detail(one["Face"]), float(one.get("Similarity", 0))) for one in shape.get("FaceMatches", ())]
    return Comparison(
        source=detail(source),
        matches=tuple(sorted(matches, key=lambda pair: -pair[1])),
        unmatched=tuple(detail(one) for one in shape.get("UnmatchedFaces", ())),
    )


def user_matches(shapes: Iterable[Json], collection_id: str) -> tuple[UserMatch, ...]:
    """UserMatches; when a user was made is not told by a search."""
    return tuple(
        UserMatch(
            User(one["User"]["UserId"], collection_id, one["User"].get("UserStatus", "ACTIVE"), 0.0),
            float(one.get("Similarity", 0)),
        )
        for one in shapes
    )


def unsuccessful(shapes: Iterable[Json]) -> tuple[UnsuccessfulFace, ...]:
    """UnsuccessfulFaceAssociations, UnsuccessfulFaceDisassociations and UnsuccessfulFaceDeletions."""
    return tuple(
        UnsuccessfulFace(one.get("FaceId", ""), tuple(one.get("Reasons", ())), one.get("UserId"), one.get("Confidence"))
        for one in shapes
    )
