"""What a search has found, from JSON."""

from __future__ import annotations

from collections.abc import Iterable

from kenspeckle.domain import (
    AppearanceSearch,
    FaceDetail,
    FaceMatch,
    FaceSearch,
    GroupRef,
    ImageSearch,
)
from kenspeckle.shapes.load.faces import Json, detail, face, person_ref, seconds, unindexed


def searched(shape: Json) -> FaceDetail:
    """The searched face of SearchFacesByImageResponse, which has only box and confidence."""
    return detail(
        {"BoundingBox": shape.get("SearchedFaceBoundingBox", {}), "Confidence": shape.get("SearchedFaceConfidence", 0)}
    )


def face_matches(shapes: Iterable[Json], collection_id: str) -> tuple[FaceMatch, ...]:
    return tuple(
        FaceMatch(face(one["Face"], collection_id), float(one["Similarity"]), person_ref(one.get("Person")))
        for one in shapes
    )


def _group_ref(shape: Json | None) -> GroupRef | None:
    if shape is None:
        return None
    first, last = seconds(shape.get("first_seen")), seconds(shape.get("last_seen"))
    return GroupRef(shape["group_id"], int(shape["face_count"]), first, last)


def image_search(shape: Json, collection_id: str) -> ImageSearch:
    """The answer of /v1/search, of one face or of all."""
    searches = shape.get("searches") or [shape["faces"]]
    # Only an answer for all faces says more of them than box and confidence.
    details = [detail(one) for one in shape.get("details", ())] or [searched(one) for one in searches]
    found = tuple(
        FaceSearch(seen, face_matches(one["FaceMatches"], collection_id), _group_ref(one.get("Group")))
        for seen, one in zip(details, searches, strict=True)
    )
    return ImageSearch(found, unindexed(shape.get("unsearched", ())), searches[0].get("FaceModelVersion", ""))


def appearance_search(shape: Json, collection_id: str) -> AppearanceSearch:
    """The answer of /v1/appearances."""
    matches = face_matches(shape["FaceMatches"], collection_id)
    return AppearanceSearch(matches, int(shape["pictures"]), shape.get("FaceModelVersion", ""))
