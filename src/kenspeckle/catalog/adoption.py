"""People for faces that an older version stored without any: of their user, else of their identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from kenspeckle.catalog import membership, rows
from kenspeckle.catalog.base import Part, chunks, collection_row
from kenspeckle.catalog.changes import lock_collection
from kenspeckle.catalog.tables import (
    collections,
    faces,
    images,
    members,
    users,
)

_UNADOPTED = (
    select(*rows.FACE, faces.c.user_row, faces.c.detail, images.c.width, images.c.height)
    .join(images, images.c.row == faces.c.image_row)
    .outerjoin(users, users.c.row == faces.c.user_row)
    .where(faces.c.collection_row == bindparam("collection_row"), faces.c.row > bindparam("after"))
    .order_by(faces.c.row)
    .limit(bindparam("most"))
)
_OWNED = select(members.c.face_row).where(members.c.face_row.in_(bindparam("some", expanding=True)))
_ADOPTED = select(collections.c.adopted).where(collections.c.row == bindparam("collection_row"))


class Adoption(Part):
    """The part of `ports.People` that gives people to faces which an older version stored."""

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
