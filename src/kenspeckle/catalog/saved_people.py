"""People in exports: those that differ from what their faces' identities and users say by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, update

from kenspeckle.catalog import membership
from kenspeckle.catalog.base import Part, find_faces
from kenspeckle.catalog.changes import lock_collection, record
from kenspeckle.catalog.membership import GROUP, PERSON
from kenspeckle.catalog.tables import faces, identities, images, members, people, users
from kenspeckle.domain.people import SavedPerson

BATCH = 500
MOST_FACES = 10_000
"""Face ids of one line of an export; a person with more has several lines."""

_came = and_(
    members.c.person_row == people.c.row,
    ~exists().where(
        identities.c.collection_row == images.c.collection_row,
        identities.c.identity == images.c.identity,
        identities.c.person_row == people.c.row,
    ),
    or_(people.c.user_row.is_(None), faces.c.user_row.is_(None), faces.c.user_row != people.c.user_row),
)
_joined = members.join(faces, faces.c.row == members.c.face_row).join(images, images.c.row == faces.c.image_row)
_identity_count = select(func.count()).where(identities.c.person_row == people.c.row).scalar_subquery()
_DIFFERENT = (
    select(people, users.c.user_id)
    .outerjoin(users, users.c.row == people.c.user_row)
    .where(
        people.c.collection_row == bindparam("collection_row"),
        people.c.row > bindparam("after"),
        or_(
            people.c.kind == GROUP,
            people.c.given,
            people.c.hidden,
            people.c.takes,
            _identity_count > 1,
            and_(people.c.user_row.is_not(None), _identity_count > 0),
            exists(select(members.c.face_row).select_from(_joined).where(_came).correlate(people)),
        ),
    )
    .order_by(people.c.row)
    .limit(BATCH)
)
_CAME = (
    select(faces.c.face_id)
    .select_from(_joined.join(people, people.c.row == members.c.person_row))
    .where(people.c.row == bindparam("person"), _came)
    .order_by(faces.c.row)
)
_IDENTITIES = (
    select(identities.c.identity).where(identities.c.person_row == bindparam("person")).order_by(identities.c.identity)
)
_MAPPED = select(identities.c.person_row).where(
    identities.c.collection_row == bindparam("collection_row"), identities.c.identity == bindparam("identity")
)
_USER = select(users).where(users.c.collection_row == bindparam("collection_row"), users.c.user_id == bindparam("name"))
_OWNER = (
    select(people.c.row)
    .join(members, members.c.person_row == people.c.row)
    .where(
        members.c.face_row == bindparam("face"), people.c.name == bindparam("name"), people.c.kind == bindparam("of")
    )
)
_ALL = select(members.c.face_row).where(members.c.person_row == bindparam("person"))


def read_people(connection: Connection, collection_row: int) -> Iterator[SavedPerson]:
    """People of a collection that an export has to name; several of one id follow each other."""
    after = 0
    while found := connection.execute(_DIFFERENT, {"collection_row": collection_row, "after": after}).all():
        after = found[-1].row
        for one in found:
            came = connection.execute(_CAME, {"person": one.row}).scalars().all()
            names = tuple(connection.execute(_IDENTITIES, {"person": one.row}).scalars())
            for start in range(0, max(1, len(came)), MOST_FACES):
                yield SavedPerson(
                    one.person_id,
                    one.kind == GROUP,
                    one.name,
                    bool(one.given),
                    bool(one.takes),
                    bool(one.hidden),
                    one.user_id,
                    names if not start else (),
                    tuple(came[start : start + MOST_FACES]),
                )


class SavedPeople(Part):
    """The part of `ports.People` that takes people of an export."""

    def restore_person(self, collection_id: str, saved: SavedPerson, now: float) -> None:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            found = find_faces(connection, locked.row, saved.face_ids)
            numbers = [found[one].row for one in saved.face_ids if one in found]
            person, touched = self._person(connection, locked.row, saved, numbers, now)
            if person is None:
                return
            if saved.given:
                membership.rename(connection, person, saved.name, given=True)
            if saved.hidden or saved.takes:
                values = {"hidden": saved.hidden, "takes": saved.takes}
                connection.execute(update(people).where(people.c.row == person).values(values))
            for identity in saved.identities:  # of faces that got their name by it, not by their photograph
                if not connection.execute(_MAPPED, {"collection_row": locked.row, "identity": identity}).first():
                    membership.link_identity(connection, locked.row, identity, person)
            touched |= membership.assign(connection, numbers, person)
            membership.tidy(connection, locked.row, touched, erased=False)
            record(connection, locked, self.log_limit)

    @staticmethod
    def _person(
        connection: Connection, collection_row: int, saved: SavedPerson, numbers: list[int], now: float
    ) -> tuple[int | None, set[int]]:
        """The row of the person here, made where there is none, and rows of people who were merged into it."""
        rows: dict[int, None] = {}
        user: Any = None
        if saved.user_id is not None:
            user = connection.execute(_USER, {"collection_row": collection_row, "name": saved.user_id}).first()
            if user is not None:
                rows[membership.person_of_user(connection, collection_row, user)] = None
        for identity in saved.identities:
            asked = {"collection_row": collection_row, "identity": identity}
            rows |= dict.fromkeys(connection.execute(_MAPPED, asked).scalars())
        kind = GROUP if saved.group else PERSON
        if not rows and numbers:
            asked = {"face": numbers[0], "name": saved.name, "of": kind}
            rows |= dict.fromkeys(connection.execute(_OWNER, asked).scalars())
        if not rows:
            if not numbers:
                return None, set()
            return (
                membership.new_person(
                    connection, collection_row, saved.name, now, given=saved.given, kind=kind, takes=saved.takes
                ),
                set(),
            )
        person, *others = rows
        merged: set[int] = set()
        for other in others:
            owner = connection.execute(select(people.c.user_row).where(people.c.row == other)).scalar()
            if owner is not None:
                continue  # two people who both have a user stay two
            membership.assign(connection, connection.execute(_ALL, {"person": other}).scalars().all(), person)
            connection.execute(update(identities).where(identities.c.person_row == other).values(person_row=person))
            merged.add(other)
        return person, merged
