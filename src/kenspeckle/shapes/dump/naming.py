"""People, groups of faces without a name, and what may be there twice, as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from kenspeckle.domain import (
    Duplicates,
    Group,
    Mixed,
    NamedFaces,
    Page,
    Person,
    Undone,
)
from kenspeckle.moments import iso
from kenspeckle.shapes.dump.faces import Json


def person(one: Person) -> Json:
    """A person, as `/v1` answers it."""
    shape: Json = {
        "person_id": one.person_id,
        "name": one.name,
        "user_id": one.user_id,
        "external_image_ids": list(one.external_image_ids),
        "face_count": one.face_count,
        "cover_face_id": one.cover_face_id,
        "hidden": one.hidden,
    }
    return shape if one.undo_id is None else {**shape, "undo_id": one.undo_id}


def people(page: Page[Person]) -> Json:
    """A page of people."""
    answer: Json = {"people": [person(one) for one in page.items]}
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def group(one: Group) -> Json:
    """A group of faces without a name, as `/v1` answers it; times are ISO 8601 in UTC."""
    return {
        "group_id": one.group_id,
        "face_count": one.face_count,
        "cover_face_id": one.cover_face_id,
        "face_ids": list(one.face_ids),
        "first_seen": iso(one.first_seen, "milliseconds"),
        "last_seen": iso(one.last_seen, "milliseconds"),
    }


def groups(page: Page[Group]) -> Json:
    """A page of groups."""
    answer: Json = {"groups": [group(one) for one in page.items]}
    if page.cursor is not None:
        answer["NextToken"] = page.cursor
    return answer


def duplicates(found: Duplicates) -> Json:
    """What may be there twice, as `/v1` answers it."""
    answer: Json = {
        "pairs": [
            {
                "pair_id": one.pair_id,
                "people": [person(each) for each in one.people],
                "similarity": one.similarity,
                "evidence": list(one.evidence),
            }
            for one in found.pairs
        ],
        "faces": [
            {
                "face_id": one.face_id,
                "person": {"person_id": one.person.person_id, "name": one.person.name},
                "similarity": one.similarity,
                "other": {"person_id": one.other.person_id, "name": one.other.name},
                "other_similarity": one.other_similarity,
            }
            for one in found.faces
        ],
        "photographs": [_copies(copies) for copies in found.photographs],
    }
    answer["mixed"] = [mixed(one) for one in found.mixed]
    answer["alike"] = [_copies(copies) for copies in found.alike]
    if found.cursor is not None:
        answer["NextToken"] = found.cursor
    return answer


def mixed(one: Mixed) -> Json:
    """A person whose faces seem to show several people, as `/v1` answers it."""
    return {
        "person": {"person_id": one.person.person_id, "name": one.person.name},
        "face_ids": [list(some) for some in one.face_ids],
        "similarity": one.similarity,
    }


def _copies(copies: Iterable[tuple[str, str]]) -> list[Json]:
    return [{"image_id": image_id, "external_image_id": identity or None} for image_id, identity in copies]


def named_faces(one: NamedFaces) -> Json:
    """Faces that were given a name, as `/v1` answers it."""
    whose = None if one.person is None else person(one.person)
    return {"person": whose, "face_ids": list(one.face_ids), "others": list(one.others)}


def undone(one: Undone) -> Json:
    """What was undone, as `/v1` answers it."""
    return {"undone": one.kind, "people": [person(each) for each in one.people]}
