"""People, groups of faces without a name, and what may be there twice, from JSON."""

from __future__ import annotations

from collections.abc import Iterable

from kenspeckle.domain import (
    Duplicates,
    Group,
    Misplaced,
    Mixed,
    NamedFaces,
    Pair,
    Person,
    PersonRef,
    Undone,
)
from kenspeckle.shapes.load.faces import Json, seconds


def person(shape: Json, collection_id: str) -> Person:
    """A person, as `/v1` answers it."""
    return Person(
        person_id=shape["person_id"],
        collection_id=collection_id,
        name=shape["name"],
        user_id=shape.get("user_id"),
        external_image_ids=tuple(shape.get("external_image_ids", ())),
        face_count=int(shape.get("face_count", 0)),
        cover_face_id=shape.get("cover_face_id"),
        hidden=bool(shape.get("hidden", False)),
        undo_id=shape.get("undo_id"),
    )


def group(shape: Json) -> Group:
    """A group of faces without a name, as `/v1` answers it."""
    return Group(
        shape["group_id"],
        int(shape["face_count"]),
        shape["cover_face_id"],
        tuple(shape["face_ids"]),
        seconds(shape.get("first_seen")),
        seconds(shape.get("last_seen")),
    )


def duplicates(shape: Json, collection_id: str) -> Duplicates:
    """What may be there twice, as `/v1` answers it."""
    pairs = tuple(
        Pair(
            one["pair_id"],
            (person(one["people"][0], collection_id), person(one["people"][1], collection_id)),
            float(one["similarity"]),
            (one["evidence"][0], one["evidence"][1]),
        )
        for one in shape["pairs"]
    )
    faces = tuple(
        Misplaced(
            one["face_id"],
            PersonRef(**one["person"]),
            float(one["similarity"]),
            PersonRef(**one["other"]),
            float(one["other_similarity"]),
        )
        for one in shape.get("faces", ())
    )
    return Duplicates(
        pairs,
        faces,
        _copies(shape.get("photographs", ())),
        shape.get("NextToken"),
        tuple(mixed(one) for one in shape.get("mixed", ())),
        _copies(shape.get("alike", ())),
    )


def mixed(shape: Json) -> Mixed:
    """A person whose faces seem to show several people, as `/v1` answers it."""
    ids = tuple(tuple(some) for some in shape["face_ids"])
    return Mixed(PersonRef(**shape["person"]), ids, float(shape["similarity"]))


def _copies(shape: Iterable[Iterable[Json]]) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(tuple((copy["image_id"], copy["external_image_id"] or "") for copy in one) for one in shape)


def named_faces(shape: Json, collection_id: str) -> NamedFaces:
    """Faces that were given a name, as `/v1` answers it."""
    whose = shape["person"]
    return NamedFaces(
        None if whose is None else person(whose, collection_id), tuple(shape["face_ids"]), tuple(shape["others"])
    )


def undone(shape: Json, collection_id: str) -> Undone:
    """What was undone, as `/v1` answers it."""
    return Undone(shape["undone"], tuple(person(one, collection_id) for one in shape["people"]))
