"""Which person a face belongs to: at first that of its identity, then whom it was moved to.

A person stays as long as it has a face or a user, or a face of one of its identities is with somebody else: then that
face comes back to it when its user is deleted. After that its name and everything else of it is deleted.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import BindParameter, Connection, and_, bindparam, delete, exists, insert, or_, select, update

from kenspeckle.catalog import rows
from kenspeckle.catalog.base import chunks
from kenspeckle.catalog.database import each, fetch
from kenspeckle.catalog.numbered import Numbered
from kenspeckle.catalog.tables import apart, dismissed, faces, identities, images, members, people, undo, users
from kenspeckle.domain import display_name
from kenspeckle.domain.people import cover_score, name_key

PERSON, GROUP = "person", "group"
"""Kinds of rows: a person, and faces of somebody who has no name yet."""

_some: BindParameter[int] = bindparam("some", expanding=True)
_texts: BindParameter[str] = bindparam("some", expanding=True)
_OF_IDENTITY = select(identities.c.person_row).where(
    identities.c.collection_row == bindparam("collection_row"), identities.c.identity == bindparam("identity")
)
_OF_USER = select(people.c.row).where(people.c.user_row == bindparam("user"))
_OF_IDENTITIES = select(identities.c.identity, identities.c.person_row).where(
    identities.c.collection_row == bindparam("collection_row"), identities.c.identity.in_(_texts)
)
_NEW = insert(people).returning(people.c.row)
_NEW_ONES = Numbered(people, people.c.person_id)
_NAME_IDENTITY = insert(identities)
_JOIN = insert(members)
_RENAME = (
    update(people)
    .where(people.c.row == bindparam("of_row"))
    .values(name=bindparam("new_name"), name_key=bindparam("new_key"), given=bindparam("by_hand"))
)
_RENAME_FREE = _RENAME.where(people.c.given.is_(False))
_MOVE = update(members).where(members.c.face_row.in_(_some)).values(person_row=bindparam("to"))
_KNOWN = select(members.c.face_row, members.c.person_row).where(members.c.face_row.in_(_some))
_STRAY = (
    select(*rows.FACE, faces.c.detail, images.c.width, images.c.height)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .where(faces.c.row.in_(_some), ~exists().where(members.c.face_row == faces.c.row))
)
_LEAVE = delete(members).where(members.c.face_row.in_(_some))
_FORGET_APART = delete(apart).where(apart.c.face_row.in_(_some))
_IDENTITIES_OF = select(faces.c.row, images.c.identity).join(images, images.c.row == faces.c.image_row)
_OF_FACES = _IDENTITIES_OF.where(faces.c.row.in_(_some))
_OF_USERS_FACES = _IDENTITIES_OF.where(faces.c.user_row == bindparam("user"))
_same_identity = and_(
    images.c.collection_row == identities.c.collection_row, images.c.identity == identities.c.identity
)
_DROP_IDENTITIES = (
    delete(identities)
    .where(
        identities.c.collection_row == bindparam("collection_row"),
        identities.c.identity.in_(bindparam("some", expanding=True)),
        ~exists().where(_same_identity),
    )
    .returning(identities.c.person_row)
)
_IDLE = select(people.c.row).where(
    people.c.row.in_(_some),
    people.c.user_row.is_(None),
    ~exists().where(members.c.person_row == people.c.row),
    ~exists().where(identities.c.person_row == people.c.row, exists().where(_same_identity)),
)
_UNDO_OF = select(undo.c.row, undo.c.other_row, undo.c.detail).where(
    undo.c.collection_row == bindparam("collection_row"), undo.c.kept_row.in_(_some)
)
_SPLIT_OF = select(undo.c.row, undo.c.other_row, undo.c.detail).where(
    undo.c.collection_row == bindparam("collection_row"), undo.c.other_row.in_(_some)
)
_FORGET_UNDO = delete(undo).where(undo.c.row.in_(_some))
_FACES_LEFT = select(faces.c.row).where(faces.c.row.in_(_some)).limit(1)
_RELEASE = update(people).where(people.c.user_row == bindparam("user")).values(user_row=None)
# Children before parents.
_DELETE = (
    delete(identities).where(identities.c.person_row.in_(_some)),
    delete(apart).where(apart.c.person_row.in_(_some)),
    delete(dismissed).where(or_(dismissed.c.one_row.in_(_some), dismissed.c.other_row.in_(_some))),
    delete(people).where(people.c.row.in_(_some)),
)


def new_id(kind: str) -> str:
    """A random id of a person, group or undo."""
    return f"{kind}-{secrets.token_hex(8)}"


def new_person(
    connection: Connection,
    collection_row: int,
    name: str,
    created_at: float,
    *,
    given: bool = False,
    kind: str = PERSON,
    takes: bool = False,
    user: int | None = None,
    person_id: str | None = None,
    hidden: bool = False,
) -> int:
    """The number of a person made."""
    values = _person(
        collection_row,
        name,
        created_at,
        given=given,
        kind=kind,
        takes=takes,
        user=user,
        person_id=person_id,
        hidden=hidden,
    )
    return int(fetch(connection, _NEW, values)[0][0])


def _person(
    collection_row: int,
    name: str,
    created_at: float,
    *,
    given: bool,
    kind: str = PERSON,
    takes: bool = False,
    user: int | None = None,
    person_id: str | None = None,
    hidden: bool = False,
) -> dict[str, Any]:
    return {
        "collection_row": collection_row,
        "person_id": person_id or new_id(kind),
        "kind": kind,
        "name": name,
        "name_key": name_key(name),
        "given": given,
        "takes": takes,
        "hidden": hidden,
        "user_row": user,
        "created_at": created_at,
    }


def rename(connection: Connection, person: int, name: str, *, given: bool) -> None:
    """Set a person's name."""
    each(connection, _RENAME, [{"of_row": person, "new_name": name, "new_key": name_key(name), "by_hand": given}])


def person_of_identity(
    connection: Connection, collection_row: int, identity: str, created_at: float, name: str | None = None
) -> int:
    """The number of the person of an identity, made where there is none. `name` is given to a person that was given
    none."""
    found = fetch(connection, _OF_IDENTITY, {"collection_row": collection_row, "identity": identity})
    if found:
        if name is not None:
            values = {"of_row": found[0][0], "new_name": name, "new_key": name_key(name), "by_hand": True}
            connection.execute(_RENAME_FREE, values)
        return int(found[0][0])
    person = new_person(connection, collection_row, name or display_name(identity), created_at, given=name is not None)
    link_identity(connection, collection_row, identity, person)
    return person


def people_of_identities(
    connection: Connection, collection_row: int, wanted: Mapping[str, tuple[float, str | None]]
) -> dict[str, int]:
    """As `person_of_identity` for many: by identity when its person is made where there is none, and its given name."""
    found: dict[str, int] = {}
    for some in chunks(list(wanted)):
        known = connection.execute(_OF_IDENTITIES, {"collection_row": collection_row, "some": some})
        found.update((identity, int(person)) for identity, person in known)
    for identity in [one for one in found if wanted[one][1] is not None]:
        person_of_identity(connection, collection_row, identity, *wanted[identity])
    values = {
        identity: _person(collection_row, name or display_name(identity), created_at, given=name is not None)
        for identity, (created_at, name) in wanted.items()
        if identity not in found
    }
    if not values:
        return found
    made = {one: int(number) for number, one in _NEW_ONES.add(connection, collection_row, list(values.values()))}
    new = {identity: made[one["person_id"]] for identity, one in values.items()}
    links = [
        {"collection_row": collection_row, "identity": identity, "person_row": person}
        for identity, person in new.items()
    ]
    each(connection, _NAME_IDENTITY, links)
    return found | new


def link_identity(connection: Connection, collection_row: int, identity: str, person: int) -> None:
    """Let faces of an identity that has no person come to this one."""
    each(connection, _NAME_IDENTITY, [{"collection_row": collection_row, "identity": identity, "person_row": person}])


def person_of_user(connection: Connection, collection_row: int, user: Any) -> int:
    """The number of the person of a user (its `row`, `user_id`, `created_at`), made where there is none."""
    found = fetch(connection, _OF_USER, {"user": user.row})
    if found:
        return int(found[0][0])
    return new_person(connection, collection_row, display_name(user.user_id), user.created_at, user=user.row)


def join(connection: Connection, person: int, scored: Iterable[tuple[int, float]]) -> None:
    """Make faces (number, score) the person's that are nobody's."""
    join_all(connection, [(face, person, score) for face, score in scored])


def join_all(connection: Connection, joined: Iterable[tuple[int, int, float]]) -> None:
    """Make faces that are nobody's those of people: numbers of both, and the face's score."""
    each(
        connection, _JOIN, [{"face_row": face, "person_row": person, "score": score} for face, person, score in joined]
    )


def assign(connection: Connection, numbers: Sequence[int], person: int) -> set[int]:
    """Make faces the person's, whomever they belong to; numbers of the people who lost some."""
    lost: set[int] = set()
    for some in chunks(numbers):
        lost.update(owner for _, owner in connection.execute(_KNOWN, {"some": some}))
        connection.execute(_MOVE, {"some": some, "to": person})
        strays = connection.execute(_STRAY, {"some": some}).all()
        join(connection, person, [(one[0], score(one)) for one in strays])
    return lost - {person}


def score(columns: Sequence[Any]) -> float:
    """The cover score of a row that begins with the columns FACE and ends with detail, width and height."""
    *_, detail, width, height = columns
    return cover_score(rows.detail(rows.face("", columns), detail), width, height)


def return_to_identities(
    connection: Connection, collection_row: int, numbers: Sequence[int], created_at: float
) -> set[int]:
    """Return faces to the people of their identities, those without one to nobody; numbers of who lost some."""
    lost: set[int] = set()
    for some in chunks(numbers):
        by_identity: dict[str, list[int]] = {}
        for number, identity in connection.execute(_OF_FACES, {"some": some}):
            by_identity.setdefault(identity, []).append(number)
        for identity, theirs in by_identity.items():
            if identity:
                lost |= assign(connection, theirs, person_of_identity(connection, collection_row, identity, created_at))
            else:
                lost.update(owner for _, owner in connection.execute(_KNOWN, {"some": theirs}))
                connection.execute(_LEAVE, {"some": theirs})
    return lost


def faces_of_user(connection: Connection, user: int) -> list[int]:
    """Numbers of the faces that belong to a user."""
    return [number for number, _ in fetch(connection, _OF_USERS_FACES, {"user": user})]


def release_user(connection: Connection, user: int) -> set[int]:
    """Before a user is deleted: its person has none then. Returns the person's number."""
    found = {int(number) for (number,) in fetch(connection, _OF_USER, {"user": user})}
    connection.execute(_RELEASE, {"user": user})
    return found


def leave(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Before faces are deleted: take them from their people; the numbers of these."""
    lost: set[int] = set()
    for some in chunks(numbers):
        lost.update(owner for _, owner in connection.execute(_KNOWN, {"some": some}))
        connection.execute(_LEAVE, {"some": some})
        connection.execute(_FORGET_APART, {"some": some})
    return lost


def tidy(
    connection: Connection, collection_row: int, touched: Collection[int], gone: Sequence[str] = (), *, erased: bool
) -> None:
    """Delete what is no longer needed: identities among `gone` of which no photograph is left, people among those
    `touched` (and of these identities) without face, user and identity. Where faces were `erased`, also what would
    have undone a merge or split of them."""
    touched = set(touched)
    for some in chunks([one for one in gone if one]):
        dropped = connection.execute(_DROP_IDENTITIES, {"collection_row": collection_row, "some": some})
        touched.update(dropped.scalars())
    if erased:
        forget_undo_of_erased(connection, collection_row, touched)
    for few in chunks(sorted(touched)):
        idle = connection.execute(_IDLE, {"some": few}).scalars().all()
        if idle:
            forget_undo(connection, collection_row, idle)
            remove_people(connection, idle)


def remove_people(connection: Connection, numbers: Sequence[int]) -> None:
    """Delete people without faces, with all rows that refer to them."""
    for some in chunks(numbers):
        for statement in _DELETE:
            connection.execute(statement, {"some": some})


def forget_undo(connection: Connection, collection_row: int, persons: Sequence[int]) -> None:
    """Forget merges and splits of people who are deleted, and merges into those whom these merges know."""
    waiting, seen = list(persons), set(persons)
    while waiting:
        asked = {"collection_row": collection_row, "some": waiting[:500]}
        waiting = waiting[500:]
        found = connection.execute(_UNDO_OF, asked).all()
        splits = [
            one for one in connection.execute(_SPLIT_OF, asked).all() if orjson.loads(one.detail)["kind"] == "split"
        ]
        merged = [one.other_row for one in found if orjson.loads(one.detail)["kind"] == "merge"]
        for some in chunks([one.row for one in (*found, *splits)]):
            connection.execute(_FORGET_UNDO, {"some": some})
        waiting += [one for one in merged if one not in seen]
        seen.update(merged)


def forget_undo_of_erased(connection: Connection, collection_row: int, persons: Collection[int]) -> None:
    """Forget merges and splits of which no face is left, and so the names in them."""
    for some in chunks(sorted(persons)):
        found = connection.execute(_UNDO_OF, {"collection_row": collection_row, "some": some}).all()
        for one in found:
            numbers = orjson.loads(one.detail)["faces"]
            if not any(connection.execute(_FACES_LEFT, {"some": few}).first() for few in chunks(numbers)):
                connection.execute(_FORGET_UNDO, {"some": [one.row]})
