"""Enrolment: a photograph's faces into a collection; and what is stored: faces, photographs, thumbnails."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from kenspeckle.domain import (
    Attribute,
    Collection,
    Deleted,
    Face,
    FaceRecord,
    Image,
    Indexed,
    PackInfo,
    Page,
    QualityFilter,
    UnindexedFace,
    validation,
)
from kenspeckle.domain.operations import (
    DeleteFaces,
    GetFace,
    GetFaceImage,
    GetImage,
    GetImageById,
    GetThumbnail,
    GetThumbnails,
    Handlers,
    IndexFaces,
    ListFaces,
)
from kenspeckle.domain.people import person_name
from kenspeckle.errors import FaceNotFound, ImageNotFound, KenspeckleError, StorageUnavailable, TooManyFaces
from kenspeckle.ports import Engine, NewFace, NewPhotograph, Photo, Staged
from kenspeckle.usecases.recognition.collections import remove_images
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.quality_bars import embedded

log = logging.getLogger(__name__)


class Enrolment:
    """Operations on stored faces and photographs."""

    def __init__(
        self, context: Context, arrived: Callable[[PackInfo, str, Sequence[NewFace]], None] = lambda *_: None
    ) -> None:
        """`arrived` is told of faces without a name once they are stored."""
        self.context = context
        self._arrived = arrived
        self._stagers = ThreadPoolExecutor(context.gate.workers, thread_name_prefix="stage")

    def handlers(self) -> Handlers:
        return dict(
            [
                IndexFaces.by(self.index_faces),
                GetFace.by(self.get_face),
                ListFaces.by(self.list_faces),
                DeleteFaces.by(self.delete_faces),
                GetImage.by(self.get_image),
                GetImageById.by(self.get_image_by_id),
                GetFaceImage.by(self.get_face_image),
                GetThumbnail.by(self.get_thumbnail),
                GetThumbnails.by(self.get_thumbnails),
            ]
        )

    def close(self) -> None:
        """Wait for photographs that are being written."""
        self._stagers.shutdown()

    def index_faces(self, operation: IndexFaces) -> Indexed:
        """Store every face that passes the bar, at most `max_faces`. A photograph without one stores nothing.

        The same photograph under the same identity again writes nothing and returns the faces it has; but where the
        store has lost or damaged it, it is put back.
        Raises CollectionNotFound, PackMismatch, ModelMissing, UnsupportedImage, ImageTooLarge, InvalidValue,
        Overloaded, StorageFull, TooManyFaces.
        """
        return self.context.settled(
            validation.collection_id(operation.collection_id), lambda collection: self._index(operation, collection)
        )

    def _index(self, operation: IndexFaces, collection: Collection) -> Indexed:
        context = self.context
        if operation.external_image_id is not None:
            validation.external_image_id(operation.external_image_id)
        name = None if operation.person_name is None else person_name(operation.person_name)
        kept_metadata = validation.metadata(operation.metadata)
        most = validation.count(operation.max_faces or context.settings.max_faces, validation.MAX_MATCHES, "max_faces")
        engine = context.engines.of(collection)
        asked = context.settings.asked if operation.attributes is None else operation.attributes
        digest = hashlib.sha256(operation.image).hexdigest()
        model = engine.pack.version
        known = context.catalog.find_indexed(operation.collection_id, digest, operation.external_image_id)
        if known is not None and known[1]:
            _require_one(operation, len(known[1]))
            self._mend(known[0], operation.image)
            records = self._told(engine, operation, known[1], asked)
            return Indexed(known[0].image_id, records, (), model, created=False)

        # The disk works while the cores do; the bytes move into their place only after the commit.
        writing: Future[tuple[str, Staged]] | None = None

        def opened() -> None:
            nonlocal writing
            if context.settings.keep_images:
                stage = context.photographs.stage
                writing = self._stagers.submit(stage, operation.collection_id, digest, operation.image)

        quality = operation.quality or context.settings.quality_filter
        try:
            photo, faces, unindexed = self._analyse(engine, operation, quality, most, asked, opened)
            stored_as, staged = writing.result() if writing else (None, None)
        except BaseException:
            _discard(writing)
            raise
        image_id = str(uuid.uuid4())
        record = Image(
            image_id=image_id,
            collection_id=operation.collection_id,
            # Not its digest, which would show to a reader of the database who has the photograph that it is stored.
            key=operation.key or operation.external_image_id or image_id,
            digest=digest,
            media_type=photo.media_type,
            size=len(operation.image),
            width=photo.width,
            height=photo.height,
            created_at=context.now(),
            kept=staged is not None,
            metadata=kept_metadata,
        )
        if not faces:
            _discard(writing)
            return Indexed(record.image_id, (), unindexed, model, created=True)
        photograph = NewPhotograph(record, operation.external_image_id, faces, model, stored_as, name)
        return self._store(engine.pack, photograph, unindexed, staged)

    def _mend(self, known: Image, data: bytes) -> None:
        """Restore a photograph that is missing in the store, from the bytes that were sent again."""
        context = self.context
        if not known.kept or self._is_stored(known):
            return
        name = context.photographs.name(known.collection_id, known.digest)
        with context.catalog.lock([name]):
            # Not if its publication was under way, or it was deleted meanwhile.
            if not self._is_stored(known) and context.catalog.digests([name]):
                log.warning("a photograph was missing or damaged in the store, and came again: it is put back")
                context.photographs.stage(known.collection_id, known.digest, data)[1].publish()

    def _told(
        self, engine: Engine, operation: IndexFaces, records: Sequence[FaceRecord], asked: frozenset[Attribute]
    ) -> tuple[FaceRecord, ...]:
        """Faces that were stored before, with what is asked for of them. Those of which it was not inferred yet, or by
        older networks, get it now, and keep it."""
        # Faces of imported encodings have no landmarks to infer anything by.
        bare = [one for one in records if one.detail.landmarks and not one.detail.tells(asked)] if asked else []
        if bare:
            had = [one.detail.attributes.asked for one in bare if one.detail.attributes is not None]
            with self.context.gate.turn(), self.context.timed("attributes"):
                details = [one.detail for one in bare]
                told = engine.attributes(engine.open(operation.image), details, asked.union(*had))
            new = {before.face.face_id: after for before, after in zip(bare, told, strict=True) if after.attributes}
            self.context.catalog.add_attributes(operation.collection_id, new)
            records = [replace(one, detail=new.get(one.face.face_id, one.detail)) for one in records]
        return tuple(replace(one, detail=one.detail.showing(asked)) for one in records)

    def _is_stored(self, image: Image) -> bool:
        try:
            self.context.photographs.get(image.collection_id, image.digest)
        except (ImageNotFound, StorageUnavailable):
            return False
        return True

    def _analyse(
        self,
        engine: Engine,
        operation: IndexFaces,
        quality: QualityFilter,
        most: int,
        asked: frozenset[Attribute],
        opened: Callable[[], None],
    ) -> tuple[Photo, list[NewFace], tuple[UnindexedFace, ...]]:
        """The faces to store and the others; calls `opened` when the bytes are known to be a photograph."""
        context = self.context
        with context.gate.turn():
            with context.timed("detect"):
                photo = engine.open(operation.image)
                opened()
                seen = [one for one in engine.detect(photo) if one.confidence >= operation.least_confidence]
                _require_one(operation, len(seen))
            with context.timed("embed"):
                kept, templates, unindexed = embedded(
                    engine, photo, seen, quality, min(most, validation.MAX_FACES_AN_IMAGE)
                )
            if asked and kept:
                with context.timed("attributes"):
                    kept = engine.attributes(photo, kept, asked)
            thumbnails = [
                None if context.settings.keep_images else engine.thumbnail(photo, detail.box) for detail in kept
            ]
        faces = [
            NewFace(str(uuid.uuid4()), detail, template, thumbnail)
            for detail, template, thumbnail in zip(kept, templates, thumbnails, strict=True)
        ]
        return photo, faces, tuple(unindexed)

    def _store(
        self,
        pack: PackInfo,
        new: NewPhotograph,
        unindexed: tuple[UnindexedFace, ...],
        staged: Staged | None,
    ) -> Indexed:
        context, stored_as = self.context, new.stored_as
        try:
            with context.timed("store"), context.catalog.lock([stored_as] if stored_as else []):
                messages = context.announcer.indexed(new.image, new.external_image_id, new.faces)
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
                    _publish(staged)
        except KenspeckleError:
            if staged is not None:
                staged.discard()
            raise
        if messages:
            context.announcer.nudge()
        if created and new.external_image_id is None:
            self._arrived(pack, new.image.collection_id, new.faces)
        return Indexed(stored.image_id, records, unindexed, pack.version, created)

    def get_face(self, operation: GetFace) -> FaceRecord:
        """Raises CollectionNotFound, FaceNotFound."""
        return self.context.catalog.face(
            validation.collection_id(operation.collection_id), validation.face_id(operation.face_id)
        )[0]

    def list_faces(self, operation: ListFaces) -> Page[Face]:
        """Faces in the order they were stored, filtered. Raises CollectionNotFound, UserNotFound, InvalidCursor."""
        return self.context.catalog.faces(
            validation.collection_id(operation.collection_id),
            validation.count(operation.limit, validation.MAX_PAGE, "limit"),
            operation.cursor,
            user_id=operation.user_id,
            face_ids=validation.face_ids(operation.face_ids) if operation.face_ids else None,
            external_image_id=operation.external_image_id,
        )

    def delete_faces(self, operation: DeleteFaces) -> Deleted:
        """Faces of a user stay until they are disassociated; the answer names what stayed and why."""
        ids = validation.face_ids(operation.face_ids)
        tell = self.context.announcer.deleted(validation.collection_id(operation.collection_id))
        deleted, digests = self.context.catalog.delete_faces(operation.collection_id, ids, tell)
        remove_images(self.context, digests)
        complete = self.context.scrubber.scrub(self.context.catalog) if deleted.deleted else True
        return replace(deleted, images=digests, complete=complete)

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


def _require_one(operation: IndexFaces, count: int) -> None:
    if operation.alone and count > 1:
        raise TooManyFaces(f"The photograph shows {count} faces; one was asked for.", field="image")


def _publish(staged: Staged) -> None:
    """The faces are stored and the photograph is on disk, so an error now would be wrong. The next start moves it."""
    try:
        staged.publish()
    except KenspeckleError:
        log.exception("a photograph could not be moved into its place; the next start will do it")


def _discard(writing: Future[tuple[str, Staged]] | None) -> None:
    if writing is not None and writing.exception() is None:
        writing.result()[1].discard()
