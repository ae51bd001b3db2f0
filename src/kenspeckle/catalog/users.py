"""Users, the faces that are theirs, and one template for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from kenspeckle.catalog import membership, rows
from kenspeckle.catalog.base import Part, chunks, collection_row, find_faces, no_user, user_row
from kenspeckle.catalog.changes import check_contract, lock_collection, record
from kenspeckle.catalog.tables import faces, users
from kenspeckle.catalog.tokens import keep_answer
from kenspeckle.domain import Page, User, Vector
from kenspeckle.encryption.cipher import FACE, USER, Content
from kenspeckle.errors import Conflict, QuotaExceeded
from kenspeckle.ports import Answered

_USER = select(*rows.USER, users.c.template).where(users.c.collection_row == bindparam("collection_row"))
_ONE = _USER.where(users.c.user_id == bindparam("user_id"))
_PAGE = _USER.where(users.c.row > bindparam("after")).order_by(users.c.row).limit(bindparam("most"))
_TEMPLATES = (
    select(faces.c.face_id, faces.c.template).where(faces.c.user_row == bindparam("user")).order_by(faces.c.row)
)
_GIVE = update(faces).where(faces.c.row.in_(bindparam("some", expanding=True))).values(user_row=bindparam("user"))
_MEMBERS = select(faces.c.face_id).where(faces.c.user_row == bindparam("user"))
_CHANGED = "Another request changed the user's faces meanwhile; read them and send this one again."


class Users(Part):
    """Users, the faces that are theirs, and one template for each."""

    def create_user(self, user: User, *, answered: Answered | None = None) -> None:
        with self.database.write() as connection:
            locked = lock_collection(connection, user.collection_id)
            if connection.execute(_ONE, {"collection_row": locked.row, "user_id": user.user_id}).first() is not None:
                raise Conflict(f"A user '{user.user_id}' exists.", field="user_id")
            values = {
                "collection_row": locked.row,
                "user_id": user.user_id,
                "status": user.status,
                "created_at": user.created_at,
                "face_count": 0,
            }
            connection.execute(insert(users), values)
            record(connection, locked, self.log_limit, users=1)
            keep_answer(connection, locked.row, answered)

    def delete_user(self, collection_id: str, user_id: str, *, answered: Answered | None = None) -> None:
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            found = _user(connection, locked.row, user_id)
            numbers = membership.faces_of_user(connection, found.row)
            connection.execute(update(faces).where(faces.c.user_row == found.row).values(user_row=None))
            touched = membership.release_user(connection, found.row)
            touched |= membership.return_to_identities(connection, locked.row, numbers, found.created_at)
            membership.tidy(connection, locked.row, touched, erased=False)
            connection.execute(delete(users).where(users.c.row == found.row))
            changed = [] if found.template is None else [("user", found.row)]
            record(connection, locked, self.log_limit, changed, users=-1)
            keep_answer(connection, locked.row, answered)

    def user(self, collection_id: str, user_id: str) -> tuple[User, Vector | None]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = _user(connection, row, user_id)
        if found.template is None:
            return rows.user(collection_id, found), None
        template = self.collection_keys.of(row).open(found.template, USER, user_id)
        return rows.user(collection_id, found), rows.vector(template, f"the user {user_id}")

    def users(self, collection_id: str, limit: int, cursor: str | None) -> Page[User]:
        bound = ("users", collection_id)
        after = self.cursors.read(cursor, *bound)
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = connection.execute(_PAGE, {"collection_row": row, "after": after, "most": limit + 1}).all()
        return self.page(found, limit, lambda one: rows.user(collection_id, one), bound)

    def user_templates(self, collection_id: str, user_id: str) -> tuple[tuple[str, Vector], ...]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = connection.execute(_TEMPLATES, {"user": user_row(connection, row, user_id)}).all()
        content = self.collection_keys.of(row)
        return tuple(
            (face_id, rows.vector(content.open(template, FACE, face_id), f"the face {face_id}"))
            for face_id, template in found
        )

    def link_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        template: Vector | None,
        limit: int,
        *,
        among: Sequence[str] | None = None,
        contract: str | None = None,
        answered: Answered | None = None,
    ) -> None:
        asked = list(dict.fromkeys(face_ids))
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            check_contract(locked, contract)
            user = _user(connection, locked.row, user_id)
            _check_members(connection, user.row, among)
            found = find_faces(connection, locked.row, asked)
            if len(found) < len(asked) or any(one.user_row not in (None, user.row) for one in found.values()):
                raise Conflict(
                    "A face was deleted or given to another user meanwhile; read the faces and ask again.",
                    field="face_ids",
                )
            new = [one.row for one in found.values() if one.user_row is None]
            count = user.face_count + len(new)
            if count > limit:
                raise QuotaExceeded(f"A user takes at most {limit} faces.", field="face_ids")
            _give(connection, new, user.row)
            person = membership.person_of_user(connection, locked.row, user)
            membership.tidy(connection, locked.row, membership.assign(connection, new, person), erased=False)
            set_template(connection, user, count, template, self.collection_keys.of(locked.row, connection))
            record(connection, locked, self.log_limit, [("user", user.row)])
            keep_answer(connection, locked.row, answered)

    def unlink_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        template: Vector | None,
        *,
        among: Sequence[str] | None = None,
        contract: str | None = None,
        answered: Answered | None = None,
    ) -> None:
        asked = list(dict.fromkeys(face_ids))
        with self.database.write() as connection:
            locked = lock_collection(connection, collection_id)
            check_contract(locked, contract)
            user = _user(connection, locked.row, user_id)
            _check_members(connection, user.row, among)
            found = find_faces(connection, locked.row, asked)
            leaving = [one.row for one in found.values() if one.user_row == user.row]
            count = user.face_count - len(leaving)
            # The template was made of other faces than the user has now.
            if len(leaving) < len(asked) or (count == 0) != (template is None):
                raise Conflict(_CHANGED, field="face_ids")
            _give(connection, leaving, None)
            touched = membership.return_to_identities(connection, locked.row, leaving, user.created_at)
            membership.tidy(connection, locked.row, touched, erased=False)
            set_template(connection, user, count, template, self.collection_keys.of(locked.row, connection))
            record(connection, locked, self.log_limit, [("user", user.row)])
            keep_answer(connection, locked.row, answered)


def _user(connection: Connection, collection_row: int, user_id: str) -> Any:
    found = connection.execute(_ONE, {"collection_row": collection_row, "user_id": user_id}).first()
    if found is None:
        raise no_user(user_id)
    return found


def _check_members(connection: Connection, user: int, among: Sequence[str] | None) -> None:
    if among is not None and set(among) != set(connection.execute(_MEMBERS, {"user": user}).scalars()):
        raise Conflict(_CHANGED, field="face_ids")


def _give(connection: Connection, numbers: Sequence[int], user: int | None) -> None:
    for some in chunks(numbers):
        connection.execute(_GIVE, {"some": some, "user": user})


def set_template(connection: Connection, user: Any, count: int, template: Vector | None, content: Content) -> None:
    """The user (its `row` and `user_id`) has so many faces now, and this template of them."""
    values = {
        "face_count": count,
        "status": "ACTIVE" if count else "CREATED",
        "template": None if template is None else content.seal(rows.pack_vector(template), USER, user.user_id),
    }
    connection.execute(update(users).where(users.c.row == user.row).values(values))
