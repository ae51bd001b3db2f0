"""Enrolment, stored faces and photographs, and their erasure with signed receipts, recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kenspeckle.domain import Deleted, Erased, Erasure, Face, FaceRecord, Image, Indexed, Page, QualityFilter, Receipt
from kenspeckle.domain.audit import AuditRow
from kenspeckle.usecases.audit import actor
from kenspeckle.usecases.audit.recognizer.recording import MOST_NAMED, Recording, given

MOST_DELETED = 4096
"""Face ids of the row of a deletion; of any other row MOST_NAMED."""


class AuditedGallery(Recording):
    """The part of `ports.Recognizer` about what is stored: enrolment, faces, photographs, erasure."""

    def index_faces(
        self,
        collection_id: str,
        image: bytes,
        external_image_id: str | None = None,
        *,
        key: str | None = None,
        metadata: Mapping[str, str] | None = None,
        max_faces: int | None = None,
        quality: QualityFilter | None = None,
    ) -> Indexed:
        return self._run(
            "IndexFaces",
            collection_id,
            lambda: self.inner.index_faces(
                collection_id,
                image,
                external_image_id,
                key=key,
                metadata=metadata,
                max_faces=max_faces,
                quality=quality,
            ),
            {"identity": external_image_id},
            faces=lambda done: [one.face.face_id for one in done.records],
            told=lambda done: {
                "image": done.image_id,
                "created": done.created,
                "unindexed": len(done.unindexed),
            },
        )

    def get_face(self, collection_id: str, face_id: str) -> FaceRecord:
        return self._run("GetFace", collection_id, lambda: self.inner.get_face(collection_id, face_id), asked=[face_id])

    def list_faces(
        self,
        collection_id: str,
        limit: int = 100,
        cursor: str | None = None,
        *,
        user_id: str | None = None,
        face_ids: Sequence[str] | None = None,
        external_image_id: str | None = None,
    ) -> Page[Face]:
        return self._run(
            "ListFaces",
            collection_id,
            lambda: self.inner.list_faces(
                collection_id, limit, cursor, user_id=user_id, face_ids=face_ids, external_image_id=external_image_id
            ),
            given(user=user_id, identity=external_image_id),
            faces=lambda page: [one.face_id for one in page.items],
        )

    def delete_faces(self, collection_id: str, face_ids: Sequence[str]) -> Deleted:
        done, row = self._recorded(
            "DeleteFaces",
            collection_id,
            lambda: self.inner.delete_faces(collection_id, face_ids),
            asked=face_ids,
            faces=lambda done: list(done.deleted),
            told=lambda done: {"unsuccessful": len(done.unsuccessful), "images": list(done.images[:MOST_NAMED])},
            most=MOST_DELETED,
        )
        if not done.deleted:
            return done
        went = Erased(
            done.deleted,
            done.images,
            complete=done.complete,
            face_count=len(done.deleted),
            image_count=len(done.images),
        )
        return replace(done, receipt=self._receipt(Erasure.FACES, "", collection_id, went, row))

    def erase(self, collection_id: str, what: Erasure, name: str = "") -> Erased:
        erased, row = self._recorded(
            f"Erase{what.capitalize()}",
            collection_id,
            lambda: self.inner.erase(collection_id, what, name),
            {"name": name},
            faces=lambda erased: erased.face_ids,
            count=lambda erased: erased.face_count,
            told=lambda erased: {
                "images": list(erased.images[:MOST_NAMED]),
                "image_count": erased.image_count,
                "users": list(erased.users[:MOST_NAMED]),
                "complete": erased.complete,
            },
            most=MOST_DELETED,
            worth=lambda erased: what is not Erasure.AGE or erased.face_count > 0,
        )
        if what is Erasure.AGE and not erased.face_count:
            return erased
        return replace(erased, receipt=self._receipt(what, name, collection_id, erased, row))

    def image(self, collection_id: str, key: str) -> tuple[Image, bytes]:
        return self._run(
            "GetImage",
            collection_id,
            lambda: self.inner.image(collection_id, key),
            {"key": key},
            told=lambda found: {"image": found[0].image_id},
        )

    def thumbnail(self, collection_id: str, face_id: str) -> bytes:
        return self._run(
            "GetThumbnail", collection_id, lambda: self.inner.thumbnail(collection_id, face_id), asked=[face_id]
        )

    def _receipt(
        self, what: Erasure, name: str, collection_id: str, erased: Erased, row: AuditRow | None
    ) -> Receipt | None:
        if self.receipts is None:
            return None
        at = self.recorder.now() if row is None else row.at
        return self.receipts.receipt(what.value, name, collection_id, erased, actor.current(), row, at)
