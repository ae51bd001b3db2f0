"""People merged and split, and both undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from kenspeckle.catalog import membership
from kenspeckle.catalog.base import Part, chunks
from kenspeckle.catalog.changes import LockedCollection, lock_collection, record
from kenspeckle.catalog.person_rows import (
    APART,
    MEMBERS,
    MEMBERS_AMONG,
    OWN_IDENTITIES,
    REDIRECT,
    find_person,
    numbers_of,
    read_person,
)
from kenspeckle.catalog.tables import (
    apart,
    dismissed,
    faces,
    identities,
    images,
    members,
    people,
    undo,
)
from kenspeckle.domain.people import Person, Undone
from kenspeckle.errors import Conflict

MOST_UNDO = 100
"""Merges and splits of a collection that can be undone."""
_OTHERS_WITH = (
    select(members.c.face_row)
    .join(faces, faces.c.row == members.c.face_row)
    .join(images, images.c.row == faces.c.image_row)
    .where(members.c.person_row == bindparam("person"), images.c.identity == bindparam("identity"))
    .limit(1)
)
_MOVE_ALL = update(members).where(members.c.person_row == bindparam("source")).values(person_row=bindparam("to"))
_REDIRECT_SOME = (
    update(identities)
    .where(
        identities.c.collection_row == bindparam("of_collection"),
        identities.c.person_row == bindparam("source"),
        identities.c.identity.in_(bindparam("some", expanding=True)),
    )
    .values(person_row=bindparam("to"))
)
_DISMISSED = select(dismissed.c.one_row, dismissed.c.other_row).where(
    or_(dismissed.c.one_row == bindparam("person"), dismissed.c.other_row == bindparam("person"))
)
_UNDO = select(undo).where(undo.c.collection_row == bindparam("collection_row")).order_by(undo.c.row.desc())


class Merging(Part):
    """The part of `ports.People` that merges and splits, and undoes both."""

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
                "faces": connection.execute(MEMBERS, {"person": source.row}).scalars().all(),
                "identities": connection.execute(OWN_IDENTITIES, {"person": source.row}).scalars().all(),
                "apart": connection.execute(APART, {"person": source.row}).scalars().all(),
            }
            connection.execute(_MOVE_ALL, {"source": source.row, "to": target.row})
            connection.execute(REDIRECT, {"source": source.row, "to": target.row})
            _inherit(connection, source, target)
            membership.remove_people(connection, [source.row])
            undo_id = self._note(connection, locked, target.row, source.row, detail, now)
            record(connection, locked, self.log_limit)
            return read_person(connection, collection_id, find_person(connection, locked.row, into), undo_id)

    def split_person(
        self, collection_id: str, person_id: str, face_ids: Sequence[str], name: str | None, now: float
    ) -> Person:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            source = _whole(connection, locked.row, person_id)
            numbers = numbers_of(connection, locked, face_ids)
            theirs: set[int] = set()
            for some in chunks(numbers):
                theirs.update(connection.execute(MEMBERS_AMONG, {"person": source.row, "some": some}).scalars())
            if len(theirs) < len(numbers):
                raise Conflict(
                    "Not all of the faces are this person's; list its faces and name those.", field="face_ids"
                )
            if find_person(connection, locked.row, person_id).face_count == len(numbers):
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
                for one in connection.execute(OWN_IDENTITIES, {"person": source.row}).scalars().all()
                if connection.execute(_OTHERS_WITH, {"person": source.row, "identity": one}).first() is None
                and connection.execute(_OTHERS_WITH, {"person": new, "identity": one}).first() is not None
            ]
            _redirect(connection, locked.row, source.row, new, leaving)
            detail = {"kind": "split", "faces": numbers, "identities": leaving}
            undo_id = self._note(connection, locked, new, source.row, detail, now)
            record(connection, locked, self.log_limit)
            made = connection.execute(select(people.c.person_id).where(people.c.row == new)).scalar_one()
            return read_person(connection, collection_id, find_person(connection, locked.row, made), undo_id)

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
                read_person(connection, collection_id, find_person(connection, locked.row, one)) for one in ids
            )
        return Undone(detail["kind"], shown)

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


def _whole(connection: Connection, collection_row: int, person_id: str) -> Any:
    """The row of a person."""
    row = find_person(connection, collection_row, person_id).row
    return connection.execute(select(people).where(people.c.row == row)).one()


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
    known = set(connection.execute(APART, {"person": target.row}).scalars())
    own = set(connection.execute(MEMBERS, {"person": target.row}).scalars())
    coming = set(connection.execute(APART, {"person": source.row}).scalars()) - known - own
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
    connection.execute(REDIRECT, {"source": kept.row, "to": source.row})
    connection.execute(
        update(undo).where(undo.c.collection_row == locked.row, undo.c.kept_row == kept.row).values(kept_row=source.row)
    )
    membership.remove_people(connection, [kept.row])
    return (source.person_id,)


def _bring_back(connection: Connection, locked: LockedCollection, source: int, to: int, detail: Any) -> None:
    for some in chunks(detail["faces"]):
        still = connection.execute(MEMBERS_AMONG, {"person": source, "some": some}).scalars().all()
        membership.assign(connection, still, to)
    _redirect(connection, locked.row, source, to, detail["identities"])
