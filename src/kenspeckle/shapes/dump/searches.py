"""What a search has found, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kenspeckle.domain import (
    AppearanceSearch,
    FaceMatch,
    FaceSearch,
    ImageSearch,
)
from kenspeckle.moments import iso
from kenspeckle.shapes.dump.faces import Json, bounding_box, face, face_detail, unsearched_face, with_person


def face_matches(matches: Iterable[FaceMatch], *, people: bool = False) -> list[Json]:
    """With `people`, which Rekognition's shape has not, whose each face is."""
    found: list[Json] = []
    for one in matches:
        shape: Json = {"Similarity": one.similarity, "Face": face(one.face)}
        found.append(with_person(shape, one.person) if people else shape)
    return found


def search_faces_by_image(search: FaceSearch, model: str, *, people: bool = False) -> Json:
    """SearchFacesByImageResponse of one searched face; `people` as for `face_matches`."""
    shape: Json = {
        "SearchedFaceBoundingBox": bounding_box(search.detail.box),
        "SearchedFaceConfidence": search.detail.confidence,
        "FaceMatches": face_matches(search.matches, people=people),
        "FaceModelVersion": model,
    }
    if people and search.group is not None:
        shape["Group"] = {
            "group_id": search.group.group_id,
            "face_count": search.group.face_count,
            "first_seen": iso(search.group.first_seen, "milliseconds"),
            "last_seen": iso(search.group.last_seen, "milliseconds"),
        }
    return shape


def largest_search(answer: ImageSearch, *, people: bool = False) -> Json:
    """SearchFacesByImageResponse of the largest face of the photograph; `people` as for `face_matches`."""
    return search_faces_by_image(answer.searches[0], answer.model, people=people)


def search_faces(face_id: str, matches: Iterable[FaceMatch], model: str, *, people: bool = False) -> Json:
    """SearchFacesResponse; `people` as for `face_matches`."""
    shown = face_matches(matches, people=people)
    return {"SearchedFaceId": face_id, "FaceMatches": shown, "FaceModelVersion": model}


def appearance_search(found: AppearanceSearch) -> Json:
    """Who an appearance shows. `name` is that of the best match, null for somebody unknown."""
    best = found.matches[0] if found.matches else None
    return {
        "name": (best.name or None) if best is not None else None,
        "external_image_id": None if best is None else best.face.external_image_id,
        "similarity": None if best is None else best.similarity,
        "pictures": found.pictures,
        "FaceMatches": face_matches(found.matches, people=True),
        "FaceModelVersion": found.model,
    }


def searched(answer: ImageSearch, every: bool) -> dict[str, Any]:
    """The answer of a search as `/v1/search` gives it."""
    used = answer.searches if every else answer.searches[:1]
    best_first = sorted((match for one in used for match in one.matches), key=lambda match: -match.similarity)
    names = [one.name for one in best_first if one.name]
    shape: dict[str, Any] = {"faces": largest_search(answer, people=True), "matchedFaces": list(dict.fromkeys(names))}
    if every:
        shape["searches"] = [search_faces_by_image(one, answer.model, people=True) for one in answer.searches]
        shape["details"] = [face_detail(one.detail) for one in answer.searches]
        shape["unsearched"] = [unsearched_face(one) for one in answer.unsearched]
    return shape
