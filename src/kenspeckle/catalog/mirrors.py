"""The account of mirrors, copies of templates in a vector database: which there are, and how far they follow."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from kenspeckle.catalog import rows
from kenspeckle.catalog.base import Part, collection_row, no_collection
from kenspeckle.catalog.database import fetch
from kenspeckle.catalog.tables import collection_keys, collections, faces, mirrors
from kenspeckle.domain import Vector
from kenspeckle.encryption.cipher import FACE
from kenspeckle.ports import Mirror, Mirrored, MirrorState

_COLUMNS = (
    mirrors.c.row,
    mirrors.c.collection_row,
    mirrors.c.collection_id,
    mirrors.c.place,
    mirrors.c.name,
    mirrors.c.contract,
    mirrors.c.dimension,
    mirrors.c.state,
    mirrors.c.since,
    mirrors.c.after,
    mirrors.c.revision,
    mirrors.c.target,
    mirrors.c.compacted,
    mirrors.c.stamp,
    mirrors.c.faces,
)
# Asked at every search of a process that has a vector database: one statement.
_OF = (
    select(
        collections.c.row,
        collections.c.revision,
        collections.c.contract,
        collections.c.face_count,
        collection_keys.c.key_id,
        *_COLUMNS,
    )
    .select_from(collections)
    .outerjoin(collection_keys, collection_keys.c.collection_row == collections.c.row)
    .outerjoin(mirrors, mirrors.c.collection_row == collections.c.row)
    .where(collections.c.collection_id == bindparam("collection_id"))
    .order_by(mirrors.c.row)
)
_ALL = (
    select(*_COLUMNS, collections.c.collection_id)
    .select_from(mirrors)
    .outerjoin(collections, collections.c.row == mirrors.c.collection_row)
    .order_by(mirrors.c.row)
)
_LARGE = (
    select(collections.c.collection_id)
    .where(collections.c.collection_id.is_not(None), collections.c.face_count >= bindparam("least"))
    .order_by(collections.c.row)
)
_TEMPLATES = (
    select(faces.c.row, faces.c.template, faces.c.face_id)
    .where(faces.c.collection_row == bindparam("collection_row"), faces.c.row > bindparam("after"))
    .order_by(faces.c.row)
    .limit(bindparam("most"))
)


class Mirrors(Part):
    """Implements `ports.Mirrors`."""

    def describe_mirrored(self, collection_id: str) -> Mirrored:
        found = self.database.rows(_OF, {"collection_id": collection_id})
        if not found:
            raise no_collection(collection_id)
        row, revision, contract, count, key_id = found[0][:5]
        some = tuple(_mirror(one[5:]) for one in found if one[5] is not None)
        return Mirrored(row, collection_id, revision, contract, count, key_id is not None, some)

    def mirrors(self) -> tuple[tuple[Mirror, bool], ...]:
        return tuple((_mirror(one[:-1]), one[-1] is not None) for one in self.database.rows(_ALL, {}))

    def large(self, least: int) -> tuple[str, ...]:
        return tuple(one for (one,) in self.database.rows(_LARGE, {"least": least}))

    def add_mirror(self, mirror: Mirror) -> Mirror:
        values = _values(mirror)
        with self.database.write() as connection:
            made = connection.execute(insert(mirrors), values).inserted_primary_key
        return Mirror(**{**asdict(mirror), "row": int(made[0]) if made else 0})

    def save_mirror(self, mirror: Mirror) -> None:
        with self.database.write() as connection:
            connection.execute(update(mirrors).where(mirrors.c.row == mirror.row).values(**_values(mirror)))

    def doubt_mirror(self, row: int) -> None:
        ready = update(mirrors).where(mirrors.c.row == row, mirrors.c.state == MirrorState.READY.value)
        with self.database.write() as connection:
            connection.execute(ready.values(state=MirrorState.WRONG.value))

    def remove_mirror(self, row: int) -> None:
        with self.database.write() as connection:
            connection.execute(delete(mirrors).where(mirrors.c.row == row))

    def forget_mirrors(self) -> None:
        """In a copy of a catalog: what the original has elsewhere is not the copy's."""
        with self.database.write() as connection:
            connection.execute(delete(mirrors))

    def templates_after(self, collection_id: str, after: int, most: int) -> tuple[list[int], Vector]:
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            found = fetch(connection, _TEMPLATES, {"collection_row": row, "after": after, "most": most})
            content = self.collection_keys.of(row, connection)
        return [one[0] for one in found], rows.stack([content.open(one[1], FACE, one[2]) for one in found])


def _mirror(columns: Any) -> Mirror:
    values = dict(zip((one.name for one in _COLUMNS), columns, strict=True))
    return Mirror(**{**values, "state": MirrorState(values["state"])})


def _values(mirror: Mirror) -> dict[str, Any]:
    values = {**asdict(mirror), "state": mirror.state.value}
    del values["row"]
    return values
