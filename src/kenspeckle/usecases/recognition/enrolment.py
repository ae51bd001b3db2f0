"""Enrolment: a photograph's faces into a collection; and what is stored: faces, photographs, thumbnails."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from kenspeckle.domain import Collection, Deleted, Image, Indexed, validation
from kenspeckle.domain.operations import (
    DeleteFaces,
    GetFaceImage,
    GetImage,
    GetImageById,
    GetThumbnail,
    GetThumbnails,
    Handlers,
    IndexFaces,
)
from kenspeckle.errors import FaceNotFound, ImageNotFound, KenspeckleError
from kenspeckle.ports import NewPhotograph, Staged
from kenspeckle.usecases.recognition.collections import try_remove
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.examination import LocalExaminer
from kenspeckle.usecases.recognition.preparation import Preparation, Prepared, abandon, publish
from kenspeckle.usecases.recognition.supplement import Arrived


class Enrolment:
    """Operations on stored faces and photographs."""

    def __init__(
        self,
        context: Context,
        preparation: Preparation,
        arrived: Arrived = lambda *_: None,
    ) -> None:
        """`arrived` is told of faces without a name once they are stored."""
        self.context = context
        self._preparation = preparation
        self._examiner = LocalExaminer(context)
        self._arrived = arrived

    def handlers(self) -> Handlers:
        return dict(
            [
                IndexFaces.by(self.index_faces),
                DeleteFaces.by(self.delete_faces),
                GetImage.by(self.get_image),
                GetImageById.by(self.get_image_by_id),
                GetFaceImage.by(self.get_face_image),
                GetThumbnail.by(self.get_thumbnail),
                GetThumbnails.by(self.get_thumbnails),
            ]
        )

    def index_faces(self, operation: IndexFaces) -> Indexed:
        """Store every face that passes the bar, at most `max_faces`. A photograph without one stores nothing.

        The same photograph under the same identity again writes nothing and returns the faces it has; but where the
        store has lost or damaged it, it is put back.
        Raises CollectionNotFound, PackMismatch, ModelMissing, UnsupportedImage, ImageTooLarge, InvalidValue,
        Overloaded, StorageFull, TooManyFaces.
        """
        return self.context.settle(
            validation.collection_id(operation.collection_id), lambda collection: self._index(operation, collection)
        )

    def _index(self, operation: IndexFaces, collection: Collection) -> Indexed:
        prepared = self._preparation.prepare(operation, collection, self._examiner)
        if isinstance(prepared, Indexed):
            return prepared
        if not prepared.seen.faces:
            prepared.discard()
            return prepared.answer
        new, staged = prepared.to_store()
        return self._store(prepared, new, staged)

    def _store(self, prepared: Prepared, new: NewPhotograph, staged: Staged | None) -> Indexed:
        context, stored_as, pack = self.context, new.stored_as, prepared.pack
        try:
            with context.stages.time("store"), context.catalog.lock([stored_as] if stored_as else []):
                messages = context.announcer.announce_indexed(new.image, new.external_image_id, new.faces)
                stored, records, created = context.catalog.add_faces(
                    new.image,
                    new.external_image_id,
                    new.faces,
                    new.index_model,
                    messages,
                    stored_as=stored_as,
                    contract=pack.contract,
                    person_name=new.person_name,
                )
                if staged is not None:
                    publish(context, staged)
        except KenspeckleError as error:
            if staged is not None:
                abandon(context, error, [staged])
            raise
        if messages:
            context.announcer.nudge()
        if created and new.external_image_id is None:
            self._arrived(pack, new.image.collection_id, new.faces)
        return Indexed(stored.image_id, records, tuple(prepared.seen.unindexed), pack.version, created)

    def delete_faces(self, operation: DeleteFaces) -> Deleted:
        """Faces of a user stay until they are disassociated; the answer names what stayed and why."""
        ids = validation.face_ids(operation.face_ids)
        tell = self.context.announcer.announce_deleted(validation.collection_id(operation.collection_id))
        deleted, digests = self.context.catalog.delete_faces(operation.collection_id, ids, tell)
        removed = try_remove(self.context, digests)
        complete = self.context.scrubber.scrub(self.context.catalog) if deleted.deleted else True
        return replace(deleted, images=digests, complete=complete and removed)

    def get_image(self, operation: GetImage) -> tuple[Image, bytes]:
        """The newest photograph under this key. Raises ImageNotFound, also where originals are not kept."""
        record = self.context.catalog.image(validation.collection_id(operation.collection_id), operation.key)
        return record, self.context.photographs.get(operation.collection_id, record.digest)

    def get_image_by_id(self, operation: GetImageById) -> tuple[Image, bytes]:
        """The photograph with this id. Raises ImageNotFound, also where originals are not kept."""
        record = self.context.catalog.image_of(validation.collection_id(operation.collection_id), operation.image_id)
        return record, self.context.photographs.get(operation.collection_id, record.digest)

    def get_face_image(self, operation: GetFaceImage) -> tuple[Image, bytes]:
        """Raises FaceNotFound, ImageNotFound, also where originals are not kept."""
        catalog, collection_id = self.context.catalog, validation.collection_id(operation.collection_id)
        record, _ = catalog.face(collection_id, validation.face_id(operation.face_id))
        image = catalog.image_of(collection_id, record.face.image_id)
        return image, self.context.photographs.get(collection_id, image.digest)

    def get_thumbnail(self, operation: GetThumbnail) -> bytes:
        """The face cut out, JPEG. Raises FaceNotFound, ImageNotFound."""
        context = self.context
        kept = context.catalog.thumbnail(
            validation.collection_id(operation.collection_id), validation.face_id(operation.face_id)
        )
        if kept is not None:
            return kept
        record, _ = context.catalog.face(operation.collection_id, operation.face_id)
        digest = context.catalog.image_of(operation.collection_id, record.face.image_id).digest
        data = context.photographs.get(operation.collection_id, digest)
        with context.gate.turn():
            engine = context.engines.default  # no network is run
            return engine.thumbnail(engine.open(data), record.detail.box)

    def get_thumbnails(self, operation: GetThumbnails) -> Mapping[str, bytes]:
        """Those that there are, by face id; one that is gone or not kept keeps no other away."""
        found: dict[str, bytes] = {}
        for face_id in validation.face_ids(operation.face_ids, validation.MAX_THUMBNAILS):
            with suppress(FaceNotFound, ImageNotFound):
                found[face_id] = self.get_thumbnail(
                    GetThumbnail(collection_id=operation.collection_id, face_id=face_id)
                )
        return found
