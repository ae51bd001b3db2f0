"""People: listed, named, merged, split, with undo. `membership` says which face is whose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, or_, select, update

from kenspeckle.catalog import membership, rows
from kenspeckle.catalog.base import Part, chunks, collection_row, found_faces, no_face, no_person
from kenspeckle.catalog.changes import LockedCollection, lock_collection, record
from kenspeckle.catalog.database import fetch
from kenspeckle.catalog.membership import PERSON
from kenspeckle.catalog.tables import (
    apart,
    collections,
    dismissed,
    faces,
    identities,
    images,
    members,
    people,
    undo,
    users,
)
from kenspeckle.domain import Face, Page, display_name
from kenspeckle.domain.people import NamedFaces, Person, Undone, name_key
from kenspeckle.errors import Conflict

MOST_UNDO = 100
"""Merges and splits of a collection that can be undone."""

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
_PERSON = select(
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
_COUNT = (
    select(func.count(people.c.row))
    .join(collections, collections.c.row == people.c.collection_row)
    .where(people.c.kind == PERSON, collections.c.collection_id.is_not(None))
)
_ONE = _PERSON.where(
    people.c.collection_row == bindparam("collection_row"),
    people.c.person_id == bindparam("person_id"),
    people.c.kind == PERSON,
)
_PAGE = (
    _PERSON.where(
        people.c.collection_row == bindparam("collection_row"),
        people.c.kind == PERSON,
        or_(
            people.c.name_key > bindparam("after_key"),
            and_(people.c.name_key == bindparam("after_key"), people.c.row > bindparam("after_row")),
        ),
        or_(people.c.user_row.is_not(None), exists().where(members.c.person_row == people.c.row)),
    )
    .order_by(people.c.name_key, people.c.row)
    .limit(bindparam("most"))
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
_MEMBERS = select(members.c.face_row).where(members.c.person_row == bindparam("person"))
_ANY_MEMBER = _MEMBERS.limit(1)
_OTHERS_WITH = (
    select(members.c.face_row)
    .join(faces, faces.c.row == members.c.face_row)
    .join(images, images.c.row == faces.c.image_row)
    .where(members.c.person_row == bindparam("person"), images.c.identity == bindparam("identity"))
    .limit(1)
)
_OWN_IDENTITIES = select(identities.c.identity).where(identities.c.person_row == bindparam("person"))
_MOVE_ALL = update(members).where(members.c.person_row == bindparam("source")).values(person_row=bindparam("to"))
_REDIRECT = update(identities).where(identities.c.person_row == bindparam("source")).values(person_row=bindparam("to"))
_REDIRECT_SOME = (
    update(identities)
    .where(
        identities.c.collection_row == bindparam("of_collection"),
        identities.c.person_row == bindparam("source"),
        identities.c.identity.in_(bindparam("some", expanding=True)),
    )
    .values(person_row=bindparam("to"))
)
_APART = select(apart.c.face_row).where(apart.c.person_row == bindparam("person"))
_NOT_APART = delete(apart).where(
    apart.c.person_row == bindparam("person"), apart.c.face_row.in_(bindparam("some", expanding=True))
)
_STILL = select(members.c.face_row).where(
    members.c.person_row == bindparam("person"), members.c.face_row.in_(bindparam("some", expanding=True))
)
_DISMISSED = select(dismissed.c.one_row, dismissed.c.other_row).where(
    or_(dismissed.c.one_row == bindparam("person"), dismissed.c.other_row == bindparam("person"))
)
_UNADOPTED = (
    select(*rows.FACE, faces.c.user_row, faces.c.detail, images.c.width, images.c.height)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .where(faces.c.collection_row == bindparam("collection_row"), faces.c.row > bindparam("after"))
    .order_by(faces.c.row)
    .limit(bindparam("most"))
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
_OWNED = select(members.c.face_row).where(members.c.face_row.in_(bindparam("some", expanding=True)))
_ADOPTED = select(collections.c.adopted).where(collections.c.row == bindparam("collection_row"))
_UNDO = select(undo).where(undo.c.collection_row == bindparam("collection_row")).order_by(undo.c.row.desc())


class People(Part):
    """Implements `ports.People`."""

    def count_people(self) -> int:
        """People of all collections; groups without a name are none."""
        with self.database.read() as connection:
            return int(connection.execute(_COUNT).scalar_one())

    def adopt(self, collection_id: str, most: int) -> tuple[int, int] | None:
        with self.database.read() as connection:  # mostly there is nothing to do, and a look takes no lock
            row = collection_row(connection, collection_id)
            if connection.execute(_ADOPTED, {"collection_row": row}).scalar() is None:
                return None
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            after = connection.execute(_ADOPTED, {"collection_row": locked.row}).scalar()
            if after is None:
                return None
            asked = {"collection_row": locked.row, "after": after, "most": most}
            found = connection.execute(_UNADOPTED, asked).all()
            _adopt(connection, locked.row, found)
            upto = found[-1][0] if len(found) == most else None
            connection.execute(update(collections).where(collections.c.row == locked.row).values(adopted=upto))
            if upto is None:
                return None
            total = connection.execute(
                select(collections.c.face_count).where(collections.c.row == locked.row)
            ).scalar_one()
            done = connection.execute(
                select(func.count()).where(faces.c.collection_row == locked.row, faces.c.row <= upto)
            ).scalar_one()
        return int(done), int(total)

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
            items = tuple(shown_person(connection, collection_id, one) for one in found[:limit])
        if len(found) <= limit:
            return Page(items)
        last = found[limit - 1]
        return Page(items, self.cursors.make_place(last.name_key, last.row, *bound))

    def person(self, collection_id: str, person_id: str) -> Person:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            return shown_person(connection, collection_id, found_person(connection, row, person_id))

    def faces_of_person(self, collection_id: str, person_id: str, limit: int, cursor: str | None) -> Page[Face]:
        bound = ("faces of person", collection_id, person_id)
        after = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            person = found_person(connection, row, person_id).row
            found = connection.execute(_FACES, {"person": person, "after": after, "most": limit + 1}).all()
        return self.page(found, limit, lambda one: rows.face(collection_id, one), bound)

    def change_person(
        self, collection_id: str, person_id: str, *, name: str | None = None, hidden: bool | None = None
    ) -> Person:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            person = found_person(connection, locked.row, person_id)
            if name is not None:
                membership.rename(connection, person.row, name or _own_name(connection, person), given=bool(name))
            if hidden is not None:
                connection.execute(update(people).where(people.c.row == person.row).values(hidden=hidden))
            record(connection, locked, self.log_limit)
            return shown_person(connection, collection_id, found_person(connection, locked.row, person_id))

    def move_faces(self, collection_id: str, person_id: str, face_ids: Sequence[str]) -> Person:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            person = found_person(connection, locked.row, person_id).row
            numbers = numbers_of(connection, locked, face_ids)
            lost = membership.assign(connection, numbers, person)
            for some in chunks(numbers):
                connection.execute(_NOT_APART, {"person": person, "some": some})
            for source in lost:
                if connection.execute(_ANY_MEMBER, {"person": source}).first() is None:
                    # Faces that are indexed under its identity from now on are this person's too.
                    connection.execute(_REDIRECT, {"source": source, "to": person})
            membership.tidy(connection, locked.row, lost, erased=False)
            record(connection, locked, self.log_limit)
            return shown_person(connection, collection_id, found_person(connection, locked.row, person_id))

    def merge_people(self, collection_id: str, person_id: str, into: str, now: float) -> Person:
        if person_id == into:
            raise Conflict("A person can't be merged into itself; name another one.", field="into")
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            source = _whole(connection, locked.row, person_id)
            target = _whole(connection, locked.row, into)
            if source.user_row is not None and target.user_row is not None:
                raise Conflict(
                    "Both people have a user (UserId), which can't be merged. Take its faces from one user or delete "
                    "that user first.",
                    field="into",
                )
            detail = {
                "kind": "merge",
                "person": {name: getattr(source, name) for name in _KEPT},
                "user": source.user_row is not None,
                "takes": [source.takes, target.takes],
                "faces": connection.execute(_MEMBERS, {"person": source.row}).scalars().all(),
                "identities": connection.execute(_OWN_IDENTITIES, {"person": source.row}).scalars().all(),
                "apart": connection.execute(_APART, {"person": source.row}).scalars().all(),
            }
            connection.execute(_MOVE_ALL, {"source": source.row, "to": target.row})
            connection.execute(_REDIRECT, {"source": source.row, "to": target.row})
            _inherit(connection, source, target)
            membership.remove_people(connection, [source.row])
            undo_id = self._note(connection, locked, target.row, source.row, detail, now)
            record(connection, locked, self.log_limit)
            return shown_person(connection, collection_id, found_person(connection, locked.row, into), undo_id)

    def split_person(
        self, collection_id: str, person_id: str, face_ids: Sequence[str], name: str | None, now: float
    ) -> Person:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            source = _whole(connection, locked.row, person_id)
            numbers = numbers_of(connection, locked, face_ids)
            theirs: set[int] = set()
            for some in chunks(numbers):
                theirs.update(connection.execute(_STILL, {"person": source.row, "some": some}).scalars())
            if len(theirs) < len(numbers):
                raise Conflict(
                    "Not all of the faces are this person's; list its faces and name those.", field="face_ids"
                )
            if found_person(connection, locked.row, person_id).face_count == len(numbers):
                raise Conflict(
                    "These are all faces of the person: nothing would be left. Rename the person instead.",
                    field="face_ids",
                )
            new = membership.new_person(
                connection, locked.row, name or source.name, now, given=True, takes=source.takes
            )
            membership.assign(connection, numbers, new)
            leaving = [
                one
                for one in connection.execute(_OWN_IDENTITIES, {"person": source.row}).scalars().all()
                if connection.execute(_OTHERS_WITH, {"person": source.row, "identity": one}).first() is None
                and connection.execute(_OTHERS_WITH, {"person": new, "identity": one}).first() is not None
            ]
            _redirect(connection, locked.row, source.row, new, leaving)
            detail = {"kind": "split", "faces": numbers, "identities": leaving}
            undo_id = self._note(connection, locked, new, source.row, detail, now)
            record(connection, locked, self.log_limit)
            made = connection.execute(select(people.c.person_id).where(people.c.row == new)).scalar_one()
            return shown_person(connection, collection_id, found_person(connection, locked.row, made), undo_id)

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
            barred = set() if person is None else set(connection.execute(_APART, {"person": person}).scalars())
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
            found = connection.execute(_PERSON.where(people.c.row == person)).one()
            shown = shown_person(connection, collection_id, found)
        pairs = list(zip(asked, numbers, strict=True))
        return NamedFaces(
            shown,
            tuple(one for one, number in pairs if number in theirs),
            tuple(one for one, number in pairs if number not in theirs),
        )

    def undo_people(self, collection_id: str, undo_id: str | None) -> Undone:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            asked = {"collection_row": locked.row}
            chosen = _UNDO if undo_id is None else _UNDO.where(undo.c.undo_id == undo_id)
            found = connection.execute(chosen.limit(1), asked).first()
            if found is None:
                raise Conflict("There is no merge or split that can be undone.", field="undo_id")
            kept = connection.execute(select(people).where(people.c.row == found.kept_row)).first()
            if kept is None:
                raise Conflict("That person was merged since; undo the later merge first.", field="undo_id")
            detail = orjson.loads(found.detail)
            ids = (_unmerge if detail["kind"] == "merge" else _unsplit)(connection, locked, found, kept, detail)
            connection.execute(delete(undo).where(undo.c.row == found.row))
            record(connection, locked, self.log_limit)
            shown = tuple(
                shown_person(connection, collection_id, found_person(connection, locked.row, one)) for one in ids
            )
        return Undone(detail["kind"], shown)

    def drop_person(self, collection_id: str, person_id: str) -> tuple[str, ...]:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            found = connection.execute(_ONE, {"collection_row": locked.row, "person_id": person_id}).first()
            if found is None or connection.execute(_ANY_MEMBER, {"person": found.row}).first() is not None:
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

    def _note(
        self,
        connection: Connection,
        locked: LockedCollection,
        kept: int,
        other: int,
        detail: dict[str, Any],
        now: float,
    ) -> str:
        """Keep what undoes this; the id that it is undone by."""
        undo_id = membership.new_id("undo")
        values = {
            "collection_row": locked.row,
            "undo_id": undo_id,
            "kept_row": kept,
            "other_row": other,
            "detail": orjson.dumps(detail).decode(),
            "created_at": now,
        }
        connection.execute(insert(undo), values)
        newest = select(undo.c.row).where(undo.c.collection_row == locked.row).order_by(undo.c.row.desc())
        old = connection.execute(newest.offset(MOST_UNDO)).scalars().all()
        if old:
            connection.execute(delete(undo).where(undo.c.row.in_(old)))
        return undo_id


_KEPT = ("person_id", "name", "given", "hidden", "created_at")
"""Columns of a person that undoing a merge brings back."""


def found_person(connection: Connection, collection_row: int, person_id: str) -> Any:
    """The row of a person, as `shown_person` takes it. Raises PersonNotFound."""
    found = connection.execute(_ONE, {"collection_row": collection_row, "person_id": person_id}).first()
    if found is None:
        raise no_person(person_id)
    return found


def _whole(connection: Connection, collection_row: int, person_id: str) -> Any:
    """The row of a person."""
    row = found_person(connection, collection_row, person_id).row
    return connection.execute(select(people).where(people.c.row == row)).one()


def shown_person(connection: Connection, collection_id: str, found: Any, undo_id: str | None = None) -> Person:
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
    names = connection.execute(_OWN_IDENTITIES.order_by(identities.c.identity), {"person": person.row}).scalars().all()
    shown = names or connection.execute(_IDENTITIES, {"person": person.row}).scalars().all()
    first = shown[0] if shown else person.user_id
    return display_name(first) if first else person.name


def numbers_of(connection: Connection, locked: LockedCollection, face_ids: Sequence[str]) -> list[int]:
    """Numbers of all of these faces. Raises FaceNotFound."""
    asked = list(dict.fromkeys(face_ids))
    found = found_faces(connection, locked.row, asked)
    for one in asked:
        if one not in found:
            raise no_face(one)
    return [found[one].row for one in asked]


def _redirect(connection: Connection, collection: int, source: int, to: int, names: Sequence[str]) -> None:
    for some in chunks(names):
        connection.execute(_REDIRECT_SOME, {"of_collection": collection, "source": source, "to": to, "some": some})


def _inherit(connection: Connection, source: Any, target: Any) -> None:
    """What is known of a person who is merged holds for the other: user, whom faces do not show, who it is not."""
    if source.user_row is not None:
        membership.release_user(connection, source.user_row)
        connection.execute(update(people).where(people.c.row == target.row).values(user_row=source.user_row))
    if source.takes and not target.takes:
        connection.execute(update(people).where(people.c.row == target.row).values(takes=True))
    known = set(connection.execute(_APART, {"person": target.row}).scalars())
    own = set(connection.execute(_MEMBERS, {"person": target.row}).scalars())
    coming = set(connection.execute(_APART, {"person": source.row}).scalars()) - known - own
    if coming:
        connection.execute(insert(apart), [{"face_row": one, "person_row": target.row} for one in sorted(coming)])
    pairs = {frozenset(one) for one in connection.execute(_DISMISSED, {"person": target.row})}
    for one in connection.execute(_DISMISSED, {"person": source.row}):
        pair = frozenset(target.row if number == source.row else number for number in one)
        if len(pair) == 2 and pair not in pairs:
            pairs.add(pair)
            low, high = sorted(pair)
            connection.execute(insert(dismissed), {"one_row": low, "other_row": high})


def _unmerge(connection: Connection, locked: LockedCollection, found: Any, kept: Any, detail: Any) -> tuple[str, ...]:
    """Two people again: the one as it was, with those of its faces that are still with the other."""
    was = detail["person"]
    person = membership.new_person(
        connection,
        locked.row,
        was["name"],
        was["created_at"],
        given=was["given"],
        takes=detail["takes"][0],
        person_id=was["person_id"],
        hidden=was["hidden"],
    )
    _bring_back(connection, locked, kept.row, person, detail)
    connection.execute(update(people).where(people.c.row == kept.row).values(takes=detail["takes"][1]))
    if detail["user"] and kept.user_row is not None:
        connection.execute(update(people).where(people.c.row == kept.row).values(user_row=None))
        connection.execute(update(people).where(people.c.row == person).values(user_row=kept.user_row))
    present: set[int] = set()
    for some in chunks(detail["apart"]):
        present.update(connection.execute(select(faces.c.row).where(faces.c.row.in_(some))).scalars())
    if present:
        connection.execute(insert(apart), [{"face_row": one, "person_row": person} for one in sorted(present)])
    # Merges into it, before it was merged itself, can be undone again.
    connection.execute(
        update(undo)
        .where(undo.c.collection_row == locked.row, undo.c.kept_row == found.other_row)
        .values(kept_row=person)
    )
    return was["person_id"], kept.person_id


def _unsplit(connection: Connection, locked: LockedCollection, found: Any, kept: Any, detail: Any) -> tuple[str, ...]:
    """One person again. Faces that came to the new one since go along."""
    source = connection.execute(select(people).where(people.c.row == found.other_row)).first()
    if source is None:
        raise Conflict("The person that was split no longer exists; merge the two instead.", field="undo_id")
    if kept.user_row is not None and source.user_row is not None:
        raise Conflict("Both people have a user (UserId) by now, which can't be merged.", field="undo_id")
    if kept.user_row is not None:
        membership.release_user(connection, kept.user_row)
        connection.execute(update(people).where(people.c.row == source.row).values(user_row=kept.user_row))
    connection.execute(_MOVE_ALL, {"source": kept.row, "to": source.row})
    connection.execute(_REDIRECT, {"source": kept.row, "to": source.row})
    connection.execute(
        update(undo).where(undo.c.collection_row == locked.row, undo.c.kept_row == kept.row).values(kept_row=source.row)
    )
    membership.remove_people(connection, [kept.row])
    return (source.person_id,)


def _bring_back(connection: Connection, locked: LockedCollection, source: int, to: int, detail: Any) -> None:
    for some in chunks(detail["faces"]):
        still = connection.execute(_STILL, {"person": source, "some": some}).scalars().all()
        membership.assign(connection, still, to)
    _redirect(connection, locked.row, source, to, detail["identities"])


def _adopt(connection: Connection, collection: int, found: Sequence[Any]) -> None:
    """Give people to those of the faces that have none: of their user, else of their identity."""
    owned: set[int] = set()
    for some in chunks([one[0] for one in found]):
        owned.update(connection.execute(_OWNED, {"some": some}).scalars())
    known: dict[tuple[str, object], int] = {}
    joined: dict[int, list[tuple[int, float]]] = {}
    for one in found:
        if one[0] in owned:
            continue
        owner = ("user", one.user_row) if one.user_row is not None else ("identity", one.identity)
        if not owner[1]:
            continue
        if owner not in known:
            if one.user_row is not None:
                user = connection.execute(select(users).where(users.c.row == one.user_row)).one()
                known[owner] = membership.person_of_user(connection, collection, user)
            else:
                known[owner] = membership.person_of_identity(connection, collection, one.identity, one.created_at)
        columns = (*one[: len(rows.FACE)], one.detail, one.width, one.height)
        joined.setdefault(known[owner], []).append((one[0], membership.score(columns)))
    for person, scored in joined.items():
        membership.join(connection, person, scored)
