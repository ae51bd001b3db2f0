"""The inverse of `kenspeckle.shapes`: domain objects of the JSON that the REST API answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from kenspeckle.domain import (
    Associated,
    Box,
    Collection,
    Comparison,
    Deleted,
    Erased,
    Face,
    FaceDetail,
    FaceMatch,
    FaceRecord,
    FaceSearch,
    ImageSearch,
    Indexed,
    Landmark,
    Page,
    Pose,
    Quality,
    Reason,
    Receipt,
    UnindexedFace,
    UnsuccessfulFace,
    User,
    UserMatch,
    UserSearch,
)

Json: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

_UNTOLD = FaceDetail(Box(0, 0, 0, 0), 0.0, (), Pose(0, 0, 0), Quality(0, 0))


def box_of(shape: Json) -> Box:
    return Box(float(shape["Left"]), float(shape["Top"]), float(shape["Width"]), float(shape["Height"]))


def detail_of(shape: Json) -> FaceDetail:
    """A FaceDetail or ComparedFace; what the answer leaves out (a source face's pose) is zero."""
    pose, quality = shape.get("Pose", {}), shape.get("Quality", {})
    return FaceDetail(
        box=box_of(shape["BoundingBox"]),
        confidence=float(shape.get("Confidence", 0.0)),
        landmarks=tuple(Landmark(one["Type"], float(one["X"]), float(one["Y"])) for one in shape.get("Landmarks", ())),
        pose=Pose(float(pose.get("Roll", 0)), float(pose.get("Yaw", 0)), float(pose.get("Pitch", 0))),
        quality=Quality(float(quality.get("Brightness", 0)), float(quality.get("Sharpness", 0))),
    )


def face_of(shape: Json, collection: str = "") -> Face:
    return Face(
        face_id=shape["FaceId"],
        image_id=shape.get("ImageId", ""),
        collection_id=collection,
        external_image_id=shape.get("ExternalImageId"),
        box=box_of(shape["BoundingBox"]),
        confidence=float(shape.get("Confidence", 0)),
        index_model=shape.get("IndexFacesModelVersion", ""),
        created_at=seconds_of(shape.get("CreatedAt")),
        user_id=shape.get("UserId"),
    )


def record_of(shape: Json, collection: str = "") -> FaceRecord:
    return FaceRecord(face_of(shape["Face"], collection), detail_of(shape["FaceDetail"]))


def _left_out(shape: Json) -> UnindexedFace:
    detail = shape.get("FaceDetail") or shape.get("FaceDetails")
    known = {str(reason) for reason in Reason}
    reasons = tuple(Reason(one) for one in shape.get("Reasons", ()) if one in known)
    return UnindexedFace(detail_of(detail) if detail else _UNTOLD, reasons)


def indexed_of(shape: Json, collection: str) -> Indexed:
    records = tuple(record_of(one, collection) for one in shape["FaceRecords"])
    return Indexed(
        image_id=records[0].face.image_id if records else "",
        records=records,
        unindexed=tuple(_left_out(one) for one in shape.get("UnindexedFaces", ())),
        model=shape.get("FaceModelVersion", ""),
        created=True,
    )


def matches_of(shapes: Iterable[Json], collection: str) -> tuple[FaceMatch, ...]:
    return tuple(FaceMatch(face_of(one["Face"], collection), float(one["Similarity"])) for one in shapes)


def search_of(shape: Json, collection: str) -> ImageSearch:
    """The answer of /v1/search, of one face or of all."""
    searches = shape.get("searches") or [shape["faces"]]
    found = tuple(
        FaceSearch(
            detail_of(
                {"BoundingBox": one["SearchedFaceBoundingBox"], "Confidence": one.get("SearchedFaceConfidence", 0)}
            ),
            matches_of(one["FaceMatches"], collection),
        )
        for one in searches
    )
    unsearched = tuple(_left_out(one) for one in shape.get("unsearched", ()))
    return ImageSearch(found, unsearched, searches[0].get("FaceModelVersion", ""))


def comparison_of(shape: Json) -> Comparison:
    return Comparison(
        source=detail_of(shape["SourceImageFace"]),
        matches=tuple((detail_of(one["Face"]), float(one["Similarity"])) for one in shape["FaceMatches"]),
        unmatched=tuple(detail_of(one) for one in shape["UnmatchedFaces"]),
    )


def deleted_of(shape: Json) -> Deleted:
    failed = shape.get("UnsuccessfulFaceDeletions", ())
    return Deleted(tuple(shape["DeletedFaces"]), _unsuccessful(failed))


def erased_of(shape: Json) -> Erased:
    signed = shape.get("Receipt") or {}
    content: Json = signed.get("receipt", {})
    return Erased(
        tuple(shape["DeletedFaces"]),
        tuple(content.get("images", ())),
        tuple(content.get("users", ())),
        bool(content.get("complete", True)),
        face_count=int(content.get("face_count", len(shape["DeletedFaces"]))),
        image_count=int(content.get("image_count", 0)),
        receipt=Receipt(content, signed["public_key"], signed["signature"]) if signed else None,
    )


def user_of(shape: Json, collection: str) -> User:
    return User(
        user_id=shape["UserId"],
        collection_id=collection,
        status=shape.get("UserStatus", ""),
        created_at=seconds_of(shape.get("CreatedAt")),
        face_count=int(shape.get("FaceCount", 0)),
    )


def user_matches_of(shape: Json, collection: str) -> tuple[UserMatch, ...]:
    return tuple(UserMatch(user_of(one["User"], collection), float(one["Similarity"])) for one in shape["UserMatches"])


def user_search_of(shape: Json, collection: str) -> UserSearch:
    searched = shape.get("SearchedFace")
    return UserSearch(
        detail=detail_of(searched["FaceDetail"]) if searched else None,
        matches=user_matches_of(shape, collection),
        unsearched=tuple(_left_out(one) for one in shape.get("UnsearchedFaces", ())),
        model=shape.get("FaceModelVersion", ""),
    )


def associated_of(shape: Json) -> Associated:
    """The answer of associating or of undoing it."""
    done = shape.get("AssociatedFaces", shape.get("DisassociatedFaces", ()))
    failed = shape.get("UnsuccessfulFaceAssociations", shape.get("UnsuccessfulFaceDisassociations", ()))
    return Associated(
        tuple(one["FaceId"] for one in done),
        _unsuccessful(failed),
        shape.get("UserStatus", ""),
    )


def _unsuccessful(shapes: Sequence[Json]) -> tuple[UnsuccessfulFace, ...]:
    return tuple(
        UnsuccessfulFace(one["FaceId"], tuple(one["Reasons"]), one.get("UserId"), one.get("Confidence"))
        for one in shapes
    )


def collection_of(shape: Json) -> Collection:
    return Collection(
        collection_id=shape["CollectionId"],
        pack=shape.get("Pack", ""),
        contract="",
        created_at=seconds_of(shape.get("CreationTimestamp")),
        face_count=int(shape.get("FaceCount", 0)),
        user_count=int(shape.get("UserCount", 0)),
        tags=dict(shape.get("Tags", {})),
        retention_days=shape.get("RetentionDays"),
    )


def page_of(shape: Json, member: str, item: Callable[[Json], T]) -> Page[T]:
    return Page(tuple(item(one) for one in shape[member]), shape.get("NextToken"))


def seconds_of(value: object) -> float:
    """A time as epoch seconds; 0 where it is not told."""
    if isinstance(value, int | float):
        return float(value)
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) and value else 0.0
