"""Removes what an index request has left that ended before its rows were written and was not repeated.

Its photograph is in the bucket, and Rekognition may have faces of it without a row. They are never answered, and must
not be kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice

from kenspeckle import errors
from kenspeckle.aws import rows
from kenspeckle.aws.context import Context
from kenspeckle.aws.removal import LEAVING, Removal
from kenspeckle.aws.table import READ_AT_ONCE, Changed
from kenspeckle.domain import validation
from kenspeckle.errors import KenspeckleError

log = logging.getLogger(__name__)

EVERY_SECONDS = 86_400.0
OLD_SECONDS = 3600.0
"""A photograph without rows may belong to a running request; an older one does not."""

STATE = "reconciled:"
"""Row with the time up to which all photographs were checked."""

_NOTHING_THERE = (errors.CollectionNotFound, errors.UnsupportedImage, errors.InvalidValue, errors.ImageTooLarge)


class Reconciliation:
    """One pass. Costs one listing of the bucket and one read of the table for every hundred photographs that are new
    since the pass before."""

    def __init__(self, context: Context, removal: Removal) -> None:
        self._context = context
        self._removal = removal

    def run(self) -> int:
        """Returns how many photographs were removed; 0 also where the last pass was less than a day ago. Raises the
        first failure once all were tried; then the next pass begins where this one did."""
        table, now = self._context.table, self._context.now()
        last = (table.row(STATE) or {}).get("At")
        if last is not None and now - float(last) < EVERY_SECONDS:
            return 0
        since = 0.0 if last is None else float(last) - 2 * OLD_SECONDS
        fresh = (
            key
            for key, modified in self._context.bucket.objects(self._context.bucket.prefix)
            if since <= modified < now - OLD_SECONDS
        )
        count, failure = 0, None
        for key, row in self._rowless(fresh):
            try:
                self._take_back(key, row)
                count += 1
            except KenspeckleError as error:
                log.error("a photograph could not be taken back (%s): %s", key, error.message)
                failure = failure or error
        if failure is not None:
            raise failure
        # Written last, so that an interrupted pass is repeated.
        table.mark(STATE, "At", now)
        return count

    def _rowless(self, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Keys of photographs without a row, with their rows' keys."""
        prefix = self._context.bucket.prefix
        found = ((rows.image_row(parts[1]), key) for key in keys if (parts := rows.parts_of(prefix, key)) is not None)
        while some := dict(islice(found, READ_AT_ONCE)):
            for row in some.keys() - self._context.table.rows(some, only=["Digest"]).keys():
                yield some[row], row

    def _take_back(self, key: str, row: str) -> None:
        """Rekognition names the faces that it has of a photograph when it is asked to index it again."""
        collection_id, _ = rows.parts_of(self._context.bucket.prefix, key) or ("", "")
        try:
            faces = self._faces(key, collection_id)
        except errors.ImageNotFound:
            return
        except _NOTHING_THERE as error:
            log.info("of a photograph that was left nothing is indexed: %s", error.message)
            faces = frozenset()
        if not faces:
            self._context.bucket.remove([key])
            return
        # This row keeps requests away that send the photograph again at this moment.
        now = self._context.now()
        claim = {
            rows.KEY: row,
            "CollectionId": collection_id,
            "Order": rows.order("image#", now, row),
            "Key": key,
            "Digest": "",
            "Faces": faces,
            LEAVING: now,
        }
        try:
            self._context.table.write(self._context.table.put(claim, new=True))
        except Changed:
            return  # the request was repeated, and the photograph is stored
        self._removal.finish(claim)
        log.info("a photograph was taken back whose indexing never ended", extra={"collection": collection_id})

    def _faces(self, key: str, collection_id: str) -> frozenset[str]:
        identity = self._context.bucket.identity(key)
        answer = self._context.amazon.rekognition(
            "index_faces",
            CollectionId=collection_id,
            Image={"S3Object": {"Bucket": self._context.bucket.name, "Name": key}},
            MaxFaces=validation.MAX_FACES_AN_IMAGE,
            QualityFilter="NONE",
            **({} if identity is None else {"ExternalImageId": identity}),
        )
        return frozenset(one["Face"]["FaceId"] for one in answer.get("FaceRecords", ()))
