"""Photographs of which no face was stored, remembered so that bulk indexing need not look at them again.

A row has no name and nothing of a person: the name that the photograph would have in the image store, what was asked,
and why its faces were refused. It goes with its collection and by age; to lose one costs a second look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import Connection, bindparam, delete, insert, select

from kenspeckle.catalog.base import Part, chunks, collection_row
from kenspeckle.catalog.changes import lock_collection
from kenspeckle.catalog.database import each
from kenspeckle.catalog.tables import faceless
from kenspeckle.domain import Reason

_FOUND = select(faceless.c.digest, faceless.c.asked, faceless.c.reasons).where(
    faceless.c.collection_row == bindparam("of_row"), faceless.c.digest.in_(bindparam("some", expanding=True))
)
_FORGET = delete(faceless).where(
    faceless.c.collection_row == bindparam("of_row"), faceless.c.digest.in_(bindparam("some", expanding=True))
)
_AGED = delete(faceless).where(
    faceless.c.collection_row == bindparam("of_row"), faceless.c.created_at < bindparam("before")
)
_ALL = delete(faceless).where(faceless.c.collection_row == bindparam("of_row"))
_ADD = insert(faceless)


class FacelessPhotographs(Part):
    """The part of `ports.Catalog` that remembers photographs without a face to store."""

    def faceless(self, collection_id: str, digests: Sequence[str]) -> Mapping[str, tuple[str, tuple[Reason, ...]]]:
        content = self.content(collection_id)
        names = {content.name(one): one for one in digests}
        found: dict[str, tuple[str, tuple[Reason, ...]]] = {}
        with self.database.read() as connection:
            row = collection_row(connection, collection_id)
            for some in chunks(list(names)):
                for name, asked, reasons in connection.execute(_FOUND, {"of_row": row, "some": some}):
                    found[names[name]] = (asked, tuple(Reason(one) for one in orjson.loads(reasons)))
        return found

    def remember_faceless(
        self, collection_id: str, asked: str, some: Mapping[str, tuple[Reason, ...]], now: float
    ) -> None:
        with self.database.write() as connection:
            row = lock_collection(connection, collection_id).row
            content = self.collection_keys.of(row, connection)
            values = [
                {
                    "collection_row": row,
                    "digest": content.name(digest),
                    "asked": asked,
                    "reasons": orjson.dumps(list(reasons)).decode(),
                    "created_at": now,
                }
                for digest, reasons in some.items()
            ]
            for names in chunks([str(one["digest"]) for one in values]):
                connection.execute(_FORGET, {"of_row": row, "some": names})
            each(connection, _ADD, values)

    def forget_faceless(self, collection_id: str, before: float) -> None:
        with self.database.write() as connection:
            connection.execute(_AGED, {"of_row": collection_row(connection, collection_id), "before": before})


def forget_names(connection: Connection, row: int) -> None:
    """Forget all of a collection, by its row: names in the image store are about to change."""
    connection.execute(_ALL, {"of_row": row})
