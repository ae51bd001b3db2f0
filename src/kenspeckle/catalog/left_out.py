"""Adds faces to a stored photograph that were left out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import bindparam, update

from kenspeckle.catalog import insertion, rows
from kenspeckle.catalog.base import Part
from kenspeckle.catalog.changes import check_contract, lock_collection, record
from kenspeckle.catalog.database import fetch
from kenspeckle.catalog.faces import INDEXED, read_indexed
from kenspeckle.catalog.outbox import post
from kenspeckle.catalog.tables import images
from kenspeckle.domain import FaceRecord, Image, QualityFilter, WebhookMessage
from kenspeckle.ports import NewFace, NewPhotograph

_LEAVE_OUT = update(images).where(images.c.row == bindparam("number")).values(left_out=bindparam("now"))


class LeftOutFaces(Part):
    """Faces that a wider request lets in."""

    def add_left_out(
        self,
        image: Image,
        external_image_id: str | None,
        faces: Sequence[NewFace],
        tell: Callable[[Sequence[NewFace]], Sequence[WebhookMessage]] = lambda faces: (),
        *,
        max_faces: int,
        quality: QualityFilter,
        contract: str | None = None,
        person_name: str | None = None,
    ) -> tuple[Image, tuple[FaceRecord, ...], tuple[NewFace, ...]] | None:
        with self.database.write() as connection:
            locked = lock_collection(connection, image.collection_id)
            check_contract(locked, contract)
            content = self.collection_keys.of(locked.row, connection)
            asked = {
                "collection_id": image.collection_id,
                "digest": content.name(image.digest),
                "identity": external_image_id or "",
            }
            found = fetch(connection, INDEXED, asked)
            known = read_indexed(image.collection_id, found, content)
            if known is None:
                return None
            image_row, (stored, records) = found[0][0], known
            if stored.left_out is None:
                return stored, records, ()
            boxes = [one.face.box for one in records]
            added = tuple(one for one in faces if stored.left_out.holds(one.detail.box, boxes))
            left_out = stored.left_out.without((one.detail.box for one in added), max_faces, quality)
            if left_out == stored.left_out:
                return stored, records, ()
            connection.execute(_LEAVE_OUT, {"number": image_row, "now": rows.pack_left_out(left_out)})
            if added:
                photograph = NewPhotograph(stored, external_image_id, added, "", person_name=person_name)
                numbers = insertion.add_faces(connection, locked.row, image_row, photograph, content)
                record(connection, locked, self.log_limit, [("face", one) for one in numbers], faces=len(numbers))
                post(connection, tell(added))
                _, records = read_indexed(image.collection_id, fetch(connection, INDEXED, asked), content) or known
            return replace(stored, left_out=left_out), records, added
