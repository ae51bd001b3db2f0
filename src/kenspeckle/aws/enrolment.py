"""Enrolment: a photograph into the bucket, its faces into Rekognition's collection, their rows into the table.

In this order, and each step can be done again without harm: the object's key follows from photograph, identity and
collection; Rekognition returns the faces that it has of the same photograph under the same identity; all rows are
written in one transaction that fails where they exist. The rows are the commit: a face without one is never answered.
So a request that ended anywhere is finished by the same request again, and two at once agree.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from kenspeckle import errors
from kenspeckle.aws import attributes, rows
from kenspeckle.aws.context import MOST_NAMED, MOST_SENT, Context
from kenspeckle.aws.failures import BUSY_SECONDS
from kenspeckle.aws.removal import LEAVING, Removal
from kenspeckle.aws.table import WRITTEN_AT_ONCE, Changed
from kenspeckle.domain import Attribute, Face, FaceRecord, Image, Indexed, QualityFilter, validation
from kenspeckle.domain.operations import Handlers, IndexFaces
from kenspeckle.errors import KenspeckleError, Overloaded
from kenspeckle.shapes import load

log = logging.getLogger(__name__)

LONGEST_DELETION = 60.0
"""Seconds after which an unfinished deletion counts as abandoned: no request lasts so long."""

LONGEST_KEY = 1024
"""Bytes, as S3 counts a key; the table's index takes twice as many."""

_FINAL = (
    errors.InvalidValue,
    errors.UnsupportedImage,
    errors.ImageTooLarge,
    errors.ImageTooSmall,
    errors.NotFound,
)
"""Errors that a repeated request would meet again, so that nothing of it is kept."""


class Enrolment:
    """How the managed recognizer stores a photograph's faces."""

    def __init__(self, context: Context, removal: Removal) -> None:
        self.context = context
        self.removal = removal

    def handlers(self) -> Handlers:
        return dict([IndexFaces.by(self.index_faces)])

    def index_faces(self, operation: IndexFaces) -> Indexed:
        """One write to the bucket, one call of Rekognition, one write to the table.

        Raises CollectionNotFound, UnsupportedImage, ImageTooLarge, InvalidValue, Overloaded, RecognizerUnavailable,
        StorageUnavailable."""
        settings = self.context.settings
        validation.collection_id(operation.collection_id)
        if operation.alone or operation.least_confidence:
            raise errors.NotOffered("Amazon stores the faces it sees: how many and how sure can't be asked before.")
        if operation.external_image_id is not None:
            validation.external_image_id(operation.external_image_id)
        if operation.key is not None and len(operation.key.encode()) > LONGEST_KEY:
            raise errors.InvalidValue(f"A key has at most {LONGEST_KEY} bytes; this one has more.", field="key")
        kept_metadata = validation.metadata(operation.metadata)
        most = validation.count(operation.max_faces or settings.max_faces, validation.MAX_MATCHES, "max_faces")
        media_type, width, height = self.context.judge(
            operation.image, most=MOST_NAMED if settings.keep_images else MOST_SENT
        )
        digest = hashlib.sha256(operation.image).hexdigest()
        photograph = Image(
            image_id="",  # Rekognition gives it
            collection_id=operation.collection_id,
            key=operation.key or operation.external_image_id or digest,
            digest=digest,
            media_type=media_type,
            size=len(operation.image),
            width=width,
            height=height,
            created_at=self.context.now(),
            kept=settings.keep_images,
            metadata=kept_metadata,
        )
        enrol = _Enrol(
            self.context,
            self.removal,
            photograph,
            operation.image,
            operation.external_image_id,
            settings.asked if operation.attributes is None else operation.attributes,
        )
        return enrol.run(min(most, validation.MAX_FACES_AN_IMAGE), operation.quality or settings.quality_filter)


class _Enrol:
    """One photograph under one identity."""

    def __init__(
        self,
        context: Context,
        removal: Removal,
        photograph: Image,
        data: bytes,
        external_image_id: str | None,
        asked: frozenset[Attribute],
    ) -> None:
        self.context = context
        self.removal = removal
        self.photograph = photograph
        self.data = data
        self.identity = external_image_id
        self.attributes = asked
        self.record = rows.record_id(photograph.collection_id, external_image_id, photograph.digest)
        prefix = context.bucket.prefix
        self.key = rows.object_key(prefix, photograph.collection_id, self.record) if photograph.kept else ""

    def run(self, most: int, quality: QualityFilter) -> Indexed:
        placed = self._place()
        if not placed and (known := self._find_known()) is not None:
            return known
        try:
            with self.context.stages.time("index"):
                answer = self._ask(most, quality)
        except _FINAL:
            self._undo(placed)
            raise
        unindexed = tuple(
            replace(one, detail=replace(one.detail, attributes=None))
            for one in load.unindexed(answer.get("UnindexedFaces", ()))
        )
        found = answer.get("FaceRecords", ())
        model = str(answer.get("FaceModelVersion", ""))
        if not found:
            self._undo(placed)
            return Indexed("", (), unindexed, model, created=True)
        records = self._records(found, model)
        try:
            with self.context.stages.time("store"):
                self._commit(records)
        except Changed:
            return self._agree(records)
        if not placed and self.key:
            # Another request stored the photograph, and may have removed it since.
            self._place()
        return Indexed(records[0].face.image_id, records, unindexed, model, created=True)

    def _place(self) -> bool:
        """Whether the photograph was not in the bucket before. Where originals are not kept it never is."""
        if not self.key:
            return False
        with self.context.stages.time("place"):
            return self.context.bucket.put(self.key, self.data, self.photograph.media_type, self.identity)

    def _find_known(self) -> Indexed | None:
        """What an earlier request stored; None where it stored nothing or did not finish."""
        row = self.context.table.row(rows.image_row(self.record))
        if row is None:
            return None
        if LEAVING in row:
            self._leave(row)
            return None
        # A set is in no order; the largest face comes first.
        found = self.context.table.rows(row.get("Faces", ()))
        records = [rows.record_of(one) for one in found.values()]
        records.sort(key=lambda one: (-one.face.box.area, one.face.face_id))
        model = records[0].face.index_model if records else ""
        return Indexed(row["ImageId"], tuple(records), (), model, created=False)

    def _leave(self, row: Mapping[str, Any]) -> None:
        """The photograph is being deleted. Raises Overloaded while that may still run, completes it where it was
        abandoned."""
        if self.context.now() - float(row[LEAVING]) < LONGEST_DELETION:
            raise Overloaded("The same photograph is being deleted; send the request again.", retry_after=BUSY_SECONDS)
        self.removal.finish(row)
        self._place()

    def _ask(self, most: int, quality: QualityFilter) -> dict[str, Any]:
        named = {"S3Object": {"Bucket": self.context.bucket.name, "Name": self.key}}
        return self.context.amazon.rekognition(
            "index_faces",
            CollectionId=self.photograph.collection_id,
            Image=named if self.key else {"Bytes": self.data},
            MaxFaces=most,
            QualityFilter=quality.value,
            DetectionAttributes=attributes.to_ask(self.attributes, self.context.settings),
            **({} if self.identity is None else {"ExternalImageId": self.identity}),
        )

    def _records(self, found: Sequence[Mapping[str, Any]], model: str) -> tuple[FaceRecord, ...]:
        records = [
            FaceRecord(
                self._face(one["Face"], model),
                attributes.read_face(one.get("FaceDetail", one["Face"]), self.attributes, self.context.settings),
            )
            for one in found
        ]
        return tuple(sorted(records, key=lambda one: (-one.face.box.area, one.face.face_id)))

    def _face(self, shape: Mapping[str, Any], model: str) -> Face:
        return load.face(shape, self.photograph.collection_id, self.photograph.created_at, model)

    def _commit(self, records: Sequence[FaceRecord]) -> None:
        """Raises Changed where the photograph is stored already."""
        table = self.context.table
        image = replace(self.photograph, image_id=records[0].face.image_id)
        bucket = self.context.bucket.name if self.key else ""
        ids = [one.face.face_id for one in records]
        row = rows.of_photograph(image, self.record, bucket, self.key, self.identity, ids)
        changes = [table.put(rows.of_face(one, row)) for one in records]
        # Of 100 faces one does not fit beside the photograph's row; before it, no request can find the face.
        surplus = len(changes) - (WRITTEN_AT_ONCE - 1)
        if surplus > 0:
            table.write(*changes[:surplus])
            changes = changes[surplus:]
        table.write(table.put(row, new=True), *changes)

    def _agree(self, records: Sequence[FaceRecord]) -> Indexed:
        """Another request was first: return its answer, and remove our faces that it does not have."""
        known = self._find_known()
        if known is None:
            raise Overloaded(
                "The same photograph was deleted meanwhile; send the request again.", retry_after=BUSY_SECONDS
            )
        theirs = {one.face.face_id for one in known.records}
        ours = [one.face.face_id for one in records if one.face.face_id not in theirs]
        if ours:
            with suppress(KenspeckleError):  # without a row they are never answered, and `reconcile` finds them
                self.removal.faces(self.photograph.collection_id, ours)
        return known

    def _undo(self, placed: bool) -> None:
        """No face was found: remove the photograph, unless another request has stored faces of it."""
        if not placed:
            return
        table, row = self.context.table, rows.image_row(self.record)
        try:
            if table.row(row) is None:
                self.context.bucket.remove([self.key])
                if table.row(row) is not None:  # stored just then
                    self._place()
        except KenspeckleError as error:
            log.error("a photograph without faces is still in the bucket (%s): %s", self.key, error.message)
