"""A person as rows of the database: found, shown, and the numbers of faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from kenspeckle.catalog.base import find_faces, no_face, no_person
from kenspeckle.catalog.changes import LockedCollection
from kenspeckle.catalog.database import fetch
from kenspeckle.catalog.membership import PERSON
from kenspeckle.catalog.tables import (
    apart,
    faces,
    identities,
    images,
    members,
    people,
    users,
)
from kenspeckle.domain.people import Person

MOST_IDENTITIES = 100
"""Identities that a person is shown with."""

_LOOKED_AT = 1000
"""Faces of a person that are looked at for identities."""

_count = select(func.count()).where(members.c.person_row == people.c.row).scalar_subquery()
_cover = (
    select(faces.c.face_id)
    .join(members, members.c.face_row == faces.c.row)
    .where(members.c.person_row == people.c.row)
    .order_by(members.c.score.desc(), members.c.face_row)
    .limit(1)
    .scalar_subquery()
)
PERSON_COLUMNS = select(
    people.c.row,
    people.c.person_id,
    people.c.name,
    people.c.name_key,
    people.c.hidden,
    people.c.user_row,
    users.c.user_id,
    _count.label("face_count"),
    _cover.label("cover"),
).outerjoin(users, users.c.row == people.c.user_row)
ONE_PERSON = PERSON_COLUMNS.where(
    people.c.collection_row == bindparam("collection_row"),
    people.c.person_id == bindparam("person_id"),
    people.c.kind == PERSON,
)
_first = (
    select(members.c.face_row).where(members.c.person_row == bindparam("person")).limit(_LOOKED_AT).subquery("first")
)
_IDENTITIES = (
    select(images.c.identity)
    .distinct()
    .join(faces, faces.c.image_row == images.c.row)
    .where(faces.c.row.in_(select(_first.c.face_row)), images.c.identity != "")
    .order_by(images.c.identity)
    .limit(MOST_IDENTITIES)
)
MEMBERS = select(members.c.face_row).where(members.c.person_row == bindparam("person"))
ANY_MEMBER = MEMBERS.limit(1)
OWN_IDENTITIES = select(identities.c.identity).where(identities.c.person_row == bindparam("person"))
REDIRECT = update(identities).where(identities.c.person_row == bindparam("source")).values(person_row=bindparam("to"))
APART = select(apart.c.face_row).where(apart.c.person_row == bindparam("person"))
MEMBERS_AMONG = select(members.c.face_row).where(
    members.c.person_row == bindparam("person"), members.c.face_row.in_(bindparam("some", expanding=True))
)


def find_person(connection: Connection, collection_row: int, person_id: str) -> Any:
    """The row of a person, as `read_person` takes it. Raises PersonNotFound."""
    found = connection.execute(ONE_PERSON, {"collection_row": collection_row, "person_id": person_id}).first()
    if found is None:
        raise no_person(person_id)
    return found


def read_person(connection: Connection, collection_id: str, found: Any, undo_id: str | None = None) -> Person:
    """The person of a row."""
    shown = tuple(identity for (identity,) in fetch(connection, _IDENTITIES, {"person": found.row}))
    return Person(
        found.person_id,
        collection_id,
        found.name,
        found.user_id,
        shown,
        int(found.face_count),
        found.cover,
        bool(found.hidden),
        undo_id,
    )


def numbers_of(connection: Connection, locked: LockedCollection, face_ids: Sequence[str]) -> list[int]:
    """Numbers of all of these faces. Raises FaceNotFound."""
    asked = list(dict.fromkeys(face_ids))
    found = find_faces(connection, locked.row, asked)
    for one in asked:
        if one not in found:
            raise no_face(one)
    return [found[one].row for one in asked]
