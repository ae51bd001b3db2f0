"""Removes faces, photographs and collections, in an order that is safe if it is interrupted.

Rows of the table go last: until then they say what is still to be removed, and the same request again finishes it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kenspeckle.aws import rows
from kenspeckle.aws.context import Context
from kenspeckle.aws.failures import Refused
from kenspeckle.aws.table import TRIES, WRITTEN_AT_ONCE, Changed
from kenspeckle.domain import Deleted, UnsuccessfulFace
from kenspeckle.errors import CollectionNotFound, Conflict, NotOffered, UserNotFound
from kenspeckle.shapes import load

log = logging.getLogger(__name__)

DENIED = "AccessDeniedException"

NOT_FOUND = "FACE_NOT_FOUND"
OF_A_USER = "ASSOCIATED_TO_AN_EXISTING_USER"

LEAVING = "Leaving"
"""Attribute of a photograph's row whose last faces are being removed: since when."""

SWEPT = 1000

Row = Mapping[str, Any]


@dataclass(slots=True)
class Removed:
    """What was removed: ids of faces, digests of photographs; and the faces that stayed."""

    faces: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    stayed: list[UnsuccessfulFace] = field(default_factory=list)

    def add(self, other: Removed) -> None:
        """Add what another step removed."""
        self.faces += other.faces
        self.images += other.images

    def to_answer(self) -> Deleted:
        return Deleted(tuple(self.faces), tuple(self.stayed), tuple(self.images))


class Removal:
    """Used by several parts of the recognizer."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def faces(self, collection_id: str, face_ids: Sequence[str]) -> Removed:
        """Remove faces that belong to no user, and photographs whose last face was removed. Raises
        CollectionNotFound."""
        answer = self._context.amazon.rekognition("delete_faces", CollectionId=collection_id, FaceIds=list(face_ids))
        failed = load.unsuccessful(answer.get("UnsuccessfulFaceDeletions", ()))
        refused = {one.face_id: one for one in failed if NOT_FOUND not in one.reasons}
        known = {
            key: row
            for key, row in self._context.table.rows(face_ids).items()
            if row["CollectionId"] == collection_id and key not in refused
        }
        removed = Removed(stayed=list(refused.values()))
        for photograph in dict.fromkeys(row["Image"] for row in known.values()):
            gone = frozenset(key for key, row in known.items() if row["Image"] == photograph)
            removed.images += self._photograph(photograph, gone)
            removed.faces += gone
        gone_at_amazon = frozenset(answer.get("DeletedFaces", ())) - known.keys()
        removed.faces += gone_at_amazon
        answered = known.keys() | refused.keys() | gone_at_amazon
        removed.stayed += [UnsuccessfulFace(one, (NOT_FOUND,)) for one in face_ids if one not in answered]
        return removed

    def _photograph(self, key: str, gone: frozenset[str]) -> list[str]:
        """Remove faces from a photograph's row; with the last of them the photograph is removed, and its digest
        returned."""
        table = self._context.table
        for _ in range(TRIES):
            photograph = table.row(key)
            had: frozenset[str] = frozenset() if photograph is None else photograph.get("Faces", frozenset())
            changes = [table.drop(face_id) for face_id in gone]
            try:
                if photograph is None or not had:
                    _write(table.write, changes)
                    return []
                if had - gone:
                    leaving = gone & had
                    more = [table.remove_from(key, "Faces", leaving, had)] if leaving else []
                    _write(table.write, changes, more)
                    return []
                if LEAVING not in photograph:
                    table.mark(key, LEAVING, self._context.now(), having=("Faces", had))
                if "Key" in photograph:
                    self._context.bucket.remove([photograph["Key"]])
                _write(table.write, changes, [table.drop_having(key, "Faces", had)])
            except Changed:
                continue
            return [photograph["Digest"]]
        raise Conflict("Other requests change the same photograph; send this one again.", retry_after=1.0)

    def user(self, collection_id: str, user_id: str, **token: str) -> None:
        """Remove a user, not its faces. Raises UserNotFound, CollectionNotFound, after removing the row of a user that
        no longer exists."""
        row = rows.user_row(collection_id, user_id)
        try:
            self._context.amazon.rekognition("delete_user", CollectionId=collection_id, UserId=user_id, **token)
        except UserNotFound:
            self._context.table.delete(row)
            raise
        self._context.table.delete(row)

    def finish(self, photograph: Row) -> None:
        """Remove what an abandoned deletion has left of a photograph and its faces."""
        faces: frozenset[str] = photograph["Faces"]
        with suppress(CollectionNotFound):
            self._context.amazon.rekognition(
                "delete_faces", CollectionId=photograph["CollectionId"], FaceIds=sorted(faces)
            )
        self._photograph(photograph[rows.KEY], faces)

    def collection(self, collection_id: str) -> Removed:
        """Remove a collection with everything in it. Raises CollectionNotFound where neither Rekognition nor the table
        has anything of it, and NotOffered where this service's role may not delete it; then nothing was removed."""
        absent: CollectionNotFound | None = None
        try:
            self._context.amazon.rekognition("delete_collection", expected=(DENIED,), CollectionId=collection_id)
        except CollectionNotFound as error:
            absent = error
        except Refused as refused:
            log.error("Amazon Rekognition refuses to delete a collection: %s", refused.response)
            raise NotOffered(
                "This service's role may not delete this collection: the operator has not allowed it (on AWS with "
                "Terraform: collections and delete_collections). Delete its faces one by one."
            ) from refused
        removed = self.sweep(collection_id)
        if absent is not None and not removed.faces and not removed.images:
            raise absent
        return removed

    def is_left(self, collection_id: str) -> bool:
        """Whether the table has anything of a collection."""
        return bool(self._context.table.in_collection(collection_id, 1, None, "").items)

    def sweep(self, collection_id: str) -> Removed:
        """Remove photographs and rows of a collection that Rekognition no longer has."""
        table = self._context.table
        self._context.bucket.remove_all(rows.in_collection(self._context.bucket.prefix, collection_id))
        gone: dict[str, Row] = {}
        # The index lags behind the rows: passes are repeated until one finds no row.
        while found := self._pass(collection_id):
            gone |= found
        table.delete(rows.collection_row(collection_id))
        return Removed(
            faces=[key for key in gone if ":" not in key],
            images=[row["Digest"] for row in gone.values() if "Digest" in row],
        )

    def _pass(self, collection_id: str) -> dict[str, Row]:
        """Remove the rows that the index has of a collection; returns those that existed."""
        table, gone, cursor = self._context.table, dict[str, Row](), None
        while True:
            page = table.in_collection(collection_id, SWEPT, cursor, "")
            found = table.rows(page.items, only=["Digest"])
            _write(table.write, [table.drop(key) for key in found])
            gone |= found
            cursor = page.cursor
            if cursor is None:
                return gone


def _write(write: Any, changes: Sequence[Any], last: Sequence[Any] = ()) -> None:
    """Any number of changes, `last` in the last transaction."""
    size = WRITTEN_AT_ONCE - len(last)
    while len(changes) > size:
        write(*changes[:WRITTEN_AT_ONCE])
        changes = changes[WRITTEN_AT_ONCE:]
    if changes or last:
        write(*changes, *last)
