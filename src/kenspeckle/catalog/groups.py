"""Groups of faces without a name: stored as people without a name, until a client names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, or_, select, update

from kenspeckle.catalog import membership, rows
from kenspeckle.catalog.base import Part, chunks, collection_row, no_group
from kenspeckle.catalog.changes import lock_collection, record
from kenspeckle.catalog.database import each, fetch
from kenspeckle.catalog.membership import GROUP, PERSON
from kenspeckle.catalog.person_rows import find_person, numbers_of, read_person
from kenspeckle.catalog.tables import apart, dismissed, faces, identities, images, members, people
from kenspeckle.domain import Page, Person
from kenspeckle.domain.people import Group, name_key
from kenspeckle.encryption.cipher import FACE
from kenspeckle.ports import Owner, Sample, Unnamed

MOST_SHOWN = 4096
"""Faces that a group is shown with, the best first."""

_count = func.count(members.c.face_row)
_GROUPS = (
    select(people.c.row, people.c.person_id, _count.label("face_count"))
    .join(members, members.c.person_row == people.c.row)
    .where(people.c.collection_row == bindparam("collection_row"), people.c.kind == GROUP)
    .group_by(people.c.row, people.c.person_id)
    .order_by(_count.desc(), people.c.row)
    .limit(bindparam("most"))
)
_AFTER = or_(
    _count < bindparam("after_count"), and_(_count == bindparam("after_count"), people.c.row > bindparam("after_row"))
)
_GROUP = select(people.c.row, people.c.person_id).where(
    people.c.collection_row == bindparam("collection_row"),
    people.c.person_id == bindparam("group_id"),
    people.c.kind == GROUP,
)
_OF_GROUP = (
    select(faces.c.face_id)
    .join(members, members.c.face_row == faces.c.row)
    .where(members.c.person_row == bindparam("person"))
    .order_by(members.c.score.desc(), members.c.face_row)
    .limit(MOST_SHOWN)
)
_SEEN = (
    select(func.count(), func.min(images.c.created_at), func.max(images.c.created_at))
    .select_from(members)
    .join(faces, faces.c.row == members.c.face_row)
    .join(images, images.c.row == faces.c.image_row)
    .where(members.c.person_row == bindparam("person"))
)
_UNNAMED = (
    select(faces.c.row, faces.c.face_id, faces.c.template, members.c.person_row)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(members, members.c.face_row == faces.c.row)
    .outerjoin(people, people.c.row == members.c.person_row)
    .where(
        faces.c.collection_row == bindparam("collection_row"),
        faces.c.row > bindparam("after"),
        or_(
            people.c.kind == GROUP,
            and_(
                members.c.face_row.is_(None),
                or_(images.c.identity == "", exists().where(apart.c.face_row == faces.c.row)),
            ),
        ),
        or_(members.c.face_row.is_not(None), faces.c.user_row.is_(None)),
    )
    .order_by(faces.c.row)
    .limit(bindparam("most"))
)
_OWNERS = (
    select(members.c.face_row, members.c.person_row, people.c.kind, people.c.takes)
    .join(people, people.c.row == members.c.person_row)
    .where(members.c.face_row.in_(bindparam("some", expanding=True)))
)
_SAMPLE = (
    select(faces.c.row, faces.c.face_id, faces.c.template)
    .join(members, members.c.face_row == faces.c.row)
    .where(members.c.person_row == bindparam("person"))
    .order_by(members.c.score.desc(), members.c.face_row)
    .limit(bindparam("most"))
)
_SIZE = select(func.count()).where(members.c.person_row == bindparam("person"))
_TAKERS = select(people.c.row).where(
    people.c.collection_row == bindparam("collection_row"), people.c.kind == PERSON, people.c.takes
)
_PERSONS = (
    select(people.c.row, people.c.person_id)
    .where(
        people.c.collection_row == bindparam("collection_row"),
        people.c.kind == PERSON,
        exists().where(members.c.person_row == people.c.row),
    )
    .order_by(people.c.row)
)
_KNOWN_AS = (
    select(people.c.row, people.c.person_id)
    .join(identities, identities.c.person_row == people.c.row)
    .where(identities.c.collection_row == bindparam("of"), identities.c.identity.in_(bindparam("some", expanding=True)))
    .distinct()
)
_APART = select(apart.c.face_row, apart.c.person_row).where(apart.c.face_row.in_(bindparam("some", expanding=True)))
_FREE = (
    select(faces.c.row, members.c.person_row)
    .outerjoin(members, members.c.face_row == faces.c.row)
    .outerjoin(people, people.c.row == members.c.person_row)
    .where(
        faces.c.collection_row == bindparam("collection_row"),
        faces.c.row.in_(bindparam("some", expanding=True)),
        or_(members.c.face_row.is_(None), people.c.kind == GROUP),
    )
)
_EXISTS = select(people.c.row).where(
    people.c.collection_row == bindparam("collection_row"), people.c.row == bindparam("number")
)
_NAME = (
    update(people)
    .where(people.c.row == bindparam("of_row"))
    .values(
        kind=PERSON,
        person_id=bindparam("new_id"),
        name=bindparam("new_name"),
        name_key=bindparam("new_key"),
        given=True,
        takes=True,
    )
)
_MINE = select(members.c.face_row).where(
    members.c.person_row == bindparam("person"), members.c.face_row.in_(bindparam("some", expanding=True))
)
_HOME = (
    select(faces.c.row, identities.c.person_row)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(
        identities,
        and_(identities.c.collection_row == images.c.collection_row, identities.c.identity == images.c.identity),
    )
    .where(faces.c.row.in_(bindparam("some", expanding=True)))
)
_LEAVE = delete(members).where(members.c.face_row.in_(bindparam("some", expanding=True)))
_DISMISSED = select(dismissed.c.one_row, dismissed.c.other_row).where(
    dismissed.c.one_row.in_(select(people.c.row).where(people.c.collection_row == bindparam("collection_row")))
)
_STORED_TWICE = (
    select(images.c.digest)
    .where(images.c.collection_row == bindparam("collection_row"))
    .group_by(images.c.digest)
    .having(func.count() > 1)
    .order_by(images.c.digest)
    .limit(bindparam("most"))
)
_COPIES = (
    select(images.c.digest, images.c.image_id, images.c.identity)
    .where(
        images.c.collection_row == bindparam("collection_row"),
        images.c.digest.in_(bindparam("some", expanding=True)),
    )
    .order_by(images.c.digest, images.c.row)
)


class Groups(Part):
    """The part of `ports.People` about faces without a name, and about people who may be one."""

    def groups(self, collection_id: str, limit: int, cursor: str | None) -> Page[Group]:
        bound = ("groups", collection_id)
        count, after = self.cursors.read_place(cursor, *bound)
        statement = _GROUPS if cursor is None else _GROUPS.having(_AFTER)
        asked: dict[str, object] = {"most": limit + 1}
        if cursor is not None:
            asked |= {"after_count": int(count), "after_row": after}
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = connection.execute(statement, {**asked, "collection_row": row}).all()
            items = tuple(_read_group(connection, one) for one in found[:limit])
        if len(found) <= limit:
            return Page(items)
        last = found[limit - 1]
        return Page(items, self.cursors.make_place(str(last.face_count), last.row, *bound))

    def group_of(self, collection_id: str, face_id: str) -> Group | None:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            wanted = (
                select(people.c.row, people.c.person_id)
                .join(members, members.c.person_row == people.c.row)
                .join(faces, faces.c.row == members.c.face_row)
                .where(faces.c.collection_row == row, faces.c.face_id == face_id, people.c.kind == GROUP)
            )
            found = connection.execute(wanted).first()
            return None if found is None else _read_group(connection, found)

    def name_group(self, collection_id: str, group_id: str, name: str) -> Person:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            found = connection.execute(_GROUP, {"collection_row": locked.row, "group_id": group_id}).first()
            if found is None:
                raise no_group(group_id)
            new = membership.new_id(PERSON)
            values = {"of_row": found.row, "new_id": new, "new_name": name, "new_key": name_key(name)}
            connection.execute(_NAME, values)
            record(connection, locked, self.log_limit)
            return read_person(connection, collection_id, find_person(connection, locked.row, new))

    def keep_apart(self, collection_id: str, person_id: str, face_ids: Sequence[str]) -> tuple[str, ...]:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            found = connection.execute(
                select(people.c.row).where(people.c.collection_row == locked.row, people.c.person_id == person_id)
            ).first()
            person = find_person(connection, locked.row, person_id).row if found is None else found.row
            numbers = numbers_of(connection, locked, face_ids)
            known: set[int] = set()
            theirs: list[int] = []
            for some in chunks(numbers):
                known |= {face for face, other in connection.execute(_APART, {"some": some}) if other == person}
                theirs += connection.execute(_MINE, {"person": person, "some": some}).scalars()
            each(
                connection,
                insert(apart),
                [{"face_row": one, "person_row": person} for one in numbers if one not in known],
            )
            for some in chunks(theirs):
                # To the person of its identity, where that is another one; else to nobody, to be grouped.
                homes = connection.execute(_HOME, {"some": some}).all()
                homeless = [face for face, home in homes if home in (None, person)]
                connection.execute(_LEAVE, {"some": homeless})
                for face, home in homes:
                    if home not in (None, person):
                        membership.assign(connection, [face], home)
            membership.tidy(connection, locked.row, [person], erased=False)
            record(connection, locked, self.log_limit)
            gone = set(theirs)
            return tuple(one for one, number in zip(dict.fromkeys(face_ids), numbers, strict=True) if number in gone)

    def find_unnamed(self, collection_id: str, after: int, most: int) -> Unnamed:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            asked = {"collection_row": row, "after": after, "most": most}
            found = connection.execute(_UNNAMED, asked).all()
        content = self.collection_keys.of(row)
        return Unnamed(
            tuple(one.row for one in found),
            rows.stack([content.open(one.template, FACE, one.face_id) for one in found]),
            tuple(one.person_row for one in found),
        )

    def owners(self, collection_id: str, face_rows: Sequence[int]) -> Mapping[int, Owner]:
        found: dict[int, Owner] = {}
        with self.database.read() as connection:
            for some in chunks(face_rows):
                for face, person, kind, takes in connection.execute(_OWNERS, {"some": some}):
                    found[face] = Owner(person, kind == GROUP, bool(takes))
        return found

    def samples(self, collection_id: str, persons: Iterable[int], most: int) -> Mapping[int, Sample]:
        found: dict[int, Sample] = {}
        with self.database.read() as connection:
            content = self.collection_keys.of(collection_row(connection, collection_id))
            for person in persons:
                some = fetch(connection, _SAMPLE, {"person": person, "most": most})
                count = len(some)
                if count == most:
                    count = int(fetch(connection, _SIZE, {"person": person})[0][0])
                found[person] = Sample(
                    tuple(row for row, _, _ in some),
                    tuple(face_id for _, face_id, _ in some),
                    rows.stack([content.open(template, FACE, face_id) for _, face_id, template in some]),
                    count,
                )
        return found

    def takers(self, collection_id: str) -> tuple[int, ...]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            return tuple(connection.execute(_TAKERS, {"collection_row": row}).scalars())

    def name_by_row(self, collection_id: str) -> Mapping[int, str]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = connection.execute(_PERSONS, {"collection_row": row}).all()
            return {one.row: one.person_id for one in found}

    def people_of_identities(self, collection_id: str, identities: Sequence[str]) -> Mapping[int, str]:
        found: dict[int, str] = {}
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            for some in chunks(identities):
                found.update(
                    (one.row, one.person_id) for one in connection.execute(_KNOWN_AS, {"of": row, "some": some})
                )
        return found

    def apart_from(self, collection_id: str, face_rows: Sequence[int]) -> Mapping[int, set[int]]:
        found: dict[int, set[int]] = {}
        with self.database.read() as connection:
            for some in chunks(face_rows):
                for face, person in connection.execute(_APART, {"some": some}):
                    found.setdefault(face, set()).add(person)
        return found

    def regroup(self, collection_id: str, placed: Sequence[tuple[int | None, Sequence[int]]], now: float) -> int:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            touched: set[int] = set()
            moved = 0
            for person, wanted in placed:
                free: list[int] = []
                for some in chunks(wanted):
                    asked = {"collection_row": locked.row, "some": some}
                    free += [face for face, owner in connection.execute(_FREE, asked) if owner != person or not person]
                if not free:
                    continue
                number = person
                if (
                    number is None
                    or not connection.execute(_EXISTS, {"collection_row": locked.row, "number": number}).first()
                ):
                    number = membership.new_person(connection, locked.row, "", now, kind=GROUP)
                touched |= membership.assign(connection, free, number)
                moved += len(free)
            if moved:
                membership.tidy(connection, locked.row, touched, erased=False)
                record(connection, locked, self.log_limit)
        return moved

    def pair_token(self, collection_id: str, pair: tuple[float, int, int]) -> str:
        return self.cursors.make_place(f"{pair[0]!r} {pair[1]}", pair[2], "duplicates", collection_id)

    def pair_of_token(self, collection_id: str, token: str | None) -> tuple[float, int, int] | None:
        if token is None:
            return None
        key, other = self.cursors.read_place(token, "duplicates", collection_id)
        square, _, one = key.partition(" ")
        return float(square), int(one), other

    def find_dismissed_pairs(self, collection_id: str) -> frozenset[tuple[int, int]]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            return frozenset((one, other) for one, other in connection.execute(_DISMISSED, {"collection_row": row}))

    def dismiss_pair(self, collection_id: str, one_id: str, other_id: str) -> None:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            low, high = sorted(find_person(connection, locked.row, one).row for one in (one_id, other_id))
            known = select(dismissed).where(dismissed.c.one_row == low, dismissed.c.other_row == high)
            if low != high and connection.execute(known).first() is None:
                connection.execute(insert(dismissed), {"one_row": low, "other_row": high})
                record(connection, locked, self.log_limit)

    def find_stored_twice(self, collection_id: str, most: int) -> tuple[tuple[tuple[str, str], ...], ...]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            digests = connection.execute(_STORED_TWICE, {"collection_row": row, "most": most}).scalars().all()
            found: dict[str, list[tuple[str, str]]] = {}
            for some in chunks(digests):
                for digest, image_id, identity in connection.execute(_COPIES, {"collection_row": row, "some": some}):
                    found.setdefault(digest, []).append((image_id, identity))
        return tuple(tuple(some) for some in found.values())


def _read_group(connection: Connection, found: Any) -> Group:
    count, first, last = connection.execute(_SEEN, {"person": found.row}).one()
    ids = tuple(connection.execute(_OF_GROUP, {"person": found.row}).scalars())
    return Group(found.person_id, int(count), ids[0] if ids else "", ids, float(first or 0), float(last or 0))
