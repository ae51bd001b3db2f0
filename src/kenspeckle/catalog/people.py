"""People: listed, named, and given faces. `membership` says which face is whose, `merging` merges and splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, or_, select, tuple_, update

from kenspeckle.catalog import membership, rows
from kenspeckle.catalog.base import Part, chunks, collection_row
from kenspeckle.catalog.changes import lock_collection, record
from kenspeckle.catalog.membership import PERSON
from kenspeckle.catalog.person_rows import (
    _IDENTITIES,
    ANY_MEMBER,
    APART,
    ONE_PERSON,
    OWN_IDENTITIES,
    PERSON_COLUMNS,
    REDIRECT,
    find_person,
    numbers_of,
    read_person,
)
from kenspeckle.catalog.tables import (
    apart,
    collections,
    faces,
    identities,
    images,
    members,
    people,
    users,
)
from kenspeckle.domain import Face, Page, display_name
from kenspeckle.domain.people import NamedFaces, Person, name_key
from kenspeckle.errors import Conflict

_COUNT = (
    select(func.count(people.c.row))
    .join(collections, collections.c.row == people.c.collection_row)
    .where(people.c.kind == PERSON, collections.c.collection_id.is_not(None))
)
_PAGE = (
    PERSON_COLUMNS.where(
        people.c.collection_row == bindparam("collection_row"),
        people.c.kind == PERSON,
        # As one comparison, which the index follows: taken apart, every page would walk past all before it.
        tuple_(people.c.name_key, people.c.row) > tuple_(bindparam("after_key"), bindparam("after_row")),
        or_(people.c.user_row.is_not(None), exists().where(members.c.person_row == people.c.row)),
    )
    .order_by(people.c.name_key, people.c.row)
    .limit(bindparam("most"))
)
_FACES = (
    select(*rows.FACE)
    .select_from(members)
    .join(faces, faces.c.row == members.c.face_row)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .where(members.c.person_row == bindparam("person"), members.c.face_row > bindparam("after"))
    .order_by(members.c.face_row)
    .limit(bindparam("most"))
)
_NOT_APART = delete(apart).where(
    apart.c.person_row == bindparam("person"), apart.c.face_row.in_(bindparam("some", expanding=True))
)
_OWNERS = (
    select(members.c.face_row, members.c.person_row)
    .join(people, people.c.row == members.c.person_row)
    .where(people.c.kind == PERSON, members.c.face_row.in_(bindparam("some", expanding=True)))
)
_OF_IDENTITY = select(identities.c.person_row).where(
    identities.c.collection_row == bindparam("collection_row"), identities.c.identity == bindparam("identity")
)
_CALLED = select(people.c.row, people.c.name).where(
    people.c.collection_row == bindparam("collection_row"),
    people.c.name_key == bindparam("key"),
    people.c.kind == PERSON,
    or_(people.c.user_row.is_not(None), exists().where(members.c.person_row == people.c.row)),
)


class People(Part):
    """Implements `ports.People`, with `Merging`, `Adoption`, `Groups` and `SavedPeople`."""

    def count_people(self) -> int:
        """People of all collections; groups without a name are none."""
        with self.database.read() as connection:
            return int(connection.execute(_COUNT).scalar_one())

    def people(
        self, collection_id: str, limit: int, cursor: str | None, *, name: str | None = None, hidden: bool = False
    ) -> Page[Person]:
        wanted = None if name is None else name_key(name)
        bound = ("people", collection_id, wanted, hidden)
        after_key, after_row = self.cursors.read_place(cursor, *bound)
        statement = _PAGE if hidden else _PAGE.where(people.c.hidden.is_(False))
        if wanted is not None:
            statement = statement.where(people.c.name_key.contains(wanted, autoescape=True))
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            asked = {"collection_row": row, "after_key": after_key, "after_row": after_row, "most": limit + 1}
            found = connection.execute(statement, asked).all()
            items = tuple(read_person(connection, collection_id, one) for one in found[:limit])
        if len(found) <= limit:
            return Page(items)
        last = found[limit - 1]
        return Page(items, self.cursors.make_place(last.name_key, last.row, *bound))

    def person(self, collection_id: str, person_id: str) -> Person:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            return read_person(connection, collection_id, find_person(connection, row, person_id))

    def faces_of_person(self, collection_id: str, person_id: str, limit: int, cursor: str | None) -> Page[Face]:
        bound = ("faces of person", collection_id, person_id)
        after = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            person = find_person(connection, row, person_id).row
            found = connection.execute(_FACES, {"person": person, "after": after, "most": limit + 1}).all()
        return self.page(found, limit, lambda one: rows.face(collection_id, one), bound)

    def change_person(
        self, collection_id: str, person_id: str, *, name: str | None = None, hidden: bool | None = None
    ) -> Person:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            person = find_person(connection, locked.row, person_id)
            if name is not None:
                membership.rename(connection, person.row, name or _own_name(connection, person), given=bool(name))
            if hidden is not None:
                connection.execute(update(people).where(people.c.row == person.row).values(hidden=hidden))
            record(connection, locked, self.log_limit)
            return read_person(connection, collection_id, find_person(connection, locked.row, person_id))

    def move_faces(self, collection_id: str, person_id: str, face_ids: Sequence[str]) -> Person:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            person = find_person(connection, locked.row, person_id).row
            numbers = numbers_of(connection, locked, face_ids)
            lost = membership.assign(connection, numbers, person)
            for some in chunks(numbers):
                connection.execute(_NOT_APART, {"person": person, "some": some})
            for source in lost:
                if connection.execute(ANY_MEMBER, {"person": source}).first() is None:
                    # Faces that are indexed under its identity from now on are this person's too.
                    connection.execute(REDIRECT, {"source": source, "to": person})
            membership.tidy(connection, locked.row, lost, erased=False)
            record(connection, locked, self.log_limit)
            return read_person(connection, collection_id, find_person(connection, locked.row, person_id))

    def name_faces(
        self, collection_id: str, face_ids: Sequence[str], name: str, identity: str | None, now: float
    ) -> NamedFaces:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            asked = list(dict.fromkeys(face_ids))
            numbers = numbers_of(connection, locked, asked)
            person = _person_called(connection, locked.row, name, identity)
            owners: dict[int, int] = {}
            for some in chunks(numbers):
                owners.update((face, owner) for face, owner in connection.execute(_OWNERS, {"some": some}))
            barred = set() if person is None else set(connection.execute(APART, {"person": person}).scalars())
            free = [one for one in numbers if one not in owners and one not in barred]
            if free:
                if person is None:
                    person = membership.new_person(connection, locked.row, name, now, given=True)
                    if identity:
                        membership.link_identity(connection, locked.row, identity, person)
                lost = membership.assign(connection, free, person)  # groups
                membership.tidy(connection, locked.row, lost, erased=False)
                record(connection, locked, self.log_limit)
            theirs = set(free) | {one for one in numbers if person is not None and owners.get(one) == person}
            if person is None or not theirs:
                return NamedFaces(None, (), tuple(asked))
            found = connection.execute(PERSON_COLUMNS.where(people.c.row == person)).one()
            shown = read_person(connection, collection_id, found)
        pairs = list(zip(asked, numbers, strict=True))
        return NamedFaces(
            shown,
            tuple(one for one, number in pairs if number in theirs),
            tuple(one for one, number in pairs if number not in theirs),
        )

    def drop_person(self, collection_id: str, person_id: str) -> tuple[str, ...]:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            found = connection.execute(ONE_PERSON, {"collection_row": locked.row, "person_id": person_id}).first()
            if found is None or connection.execute(ANY_MEMBER, {"person": found.row}).first() is not None:
                return ()  # with its last face it was deleted already; or it was given others meanwhile
            names: tuple[str, ...] = ()
            if found.user_row is not None and not membership.faces_of_user(connection, found.user_row):
                names = (found.user_id,)
                membership.release_user(connection, found.user_row)
                connection.execute(delete(users).where(users.c.row == found.user_row))
            membership.forget_undo(connection, locked.row, [found.row])
            membership.remove_people(connection, [found.row])
            record(connection, locked, self.log_limit, users=-len(names))
        return names


def _person_called(connection: Connection, collection_row: int, name: str, identity: str | None) -> int | None:
    """The person of an identity, else the only one of a name; None for nobody. Raises Conflict."""
    if identity:
        known = connection.execute(_OF_IDENTITY, {"collection_row": collection_row, "identity": identity}).scalar()
        if known is not None:
            return int(known)
    found = connection.execute(_CALLED, {"collection_row": collection_row, "key": name_key(name)}).all()
    alike = [one for one in found if one.name == name] or found
    if len(alike) > 1:
        raise Conflict(
            f"Several people are called '{alike[0].name}'. Merge them if they are one, or rename one of them.",
            field="name",
        )
    return int(alike[0].row) if alike else None


def _own_name(connection: Connection, person: Any) -> str:
    """The name of a person that was given none: of its identity, else of its user."""
    names = connection.execute(OWN_IDENTITIES.order_by(identities.c.identity), {"person": person.row}).scalars().all()
    shown = names or connection.execute(_IDENTITIES, {"person": person.row}).scalars().all()
    first = shown[0] if shown else person.user_id
    return display_name(first) if first else person.name
