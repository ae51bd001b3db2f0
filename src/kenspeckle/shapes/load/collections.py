"""Collections and their users, from JSON."""

from __future__ import annotations

from collections.abc import Iterable

from kenspeckle.domain import (
    Associated,
    Collection,
    UnsuccessfulFace,
    User,
    UserMatch,
    UserSearch,
)
from kenspeckle.shapes.load.faces import Json, detail, seconds, unindexed


def user(shape: Json, collection_id: str) -> User:
    """A user as it is listed, matched or described; only a description has its time of creation."""
    return User(
        user_id=shape["UserId"],
        collection_id=collection_id,
        status=shape.get("UserStatus", "ACTIVE"),
        created_at=seconds(shape.get("CreationTimestamp")),
        face_count=int(shape.get("FaceCount", 0)),
    )


def user_matches(shapes: Iterable[Json], collection_id: str) -> tuple[UserMatch, ...]:
    return tuple(UserMatch(user(one["User"], collection_id), float(one.get("Similarity", 0))) for one in shapes)


def user_search(shape: Json, collection_id: str) -> UserSearch:
    """SearchUsersByImageResponse."""
    probe = shape.get("SearchedFace", {}).get("FaceDetail")
    return UserSearch(
        detail=None if probe is None else detail(probe),
        matches=user_matches(shape.get("UserMatches", ()), collection_id),
        unsearched=unindexed(shape.get("UnsearchedFaces", ())),
        model=str(shape.get("FaceModelVersion", "")),
    )


def associated(shape: Json) -> Associated:
    """AssociateFacesResponse or DisassociateFacesResponse."""
    done = shape.get("AssociatedFaces", shape.get("DisassociatedFaces", ()))
    failed = shape.get("UnsuccessfulFaceAssociations", shape.get("UnsuccessfulFaceDisassociations", ()))
    return Associated(
        tuple(one["FaceId"] for one in done), unsuccessful(failed), str(shape.get("UserStatus", "ACTIVE"))
    )


def unsuccessful(shapes: Iterable[Json]) -> tuple[UnsuccessfulFace, ...]:
    """UnsuccessfulFaceAssociations, UnsuccessfulFaceDisassociations and UnsuccessfulFaceDeletions."""
    return tuple(
        UnsuccessfulFace(one.get("FaceId", ""), tuple(one.get("Reasons", ())), one.get("UserId"), one.get("Confidence"))
        for one in shapes
    )


def collection(shape: Json) -> Collection:
    return Collection(
        collection_id=shape["CollectionId"],
        pack=shape.get("Pack", ""),
        contract="",
        created_at=seconds(shape.get("CreationTimestamp")),
        face_count=int(shape.get("FaceCount", 0)),
        user_count=int(shape.get("UserCount", 0)),
        tags=dict(shape.get("Tags", {})),
        retention_days=shape.get("RetentionDays"),
    )
