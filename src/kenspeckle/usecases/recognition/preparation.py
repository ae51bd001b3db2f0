"""What precedes the storing of a photograph: what is known of it, its bytes on their way to disk, what it shows."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from kenspeckle.domain import (
    Attribute,
    Collection,
    FaceRecord,
    Image,
    Indexed,
    LeftOut,
    PackInfo,
    UnindexedFace,
    validation,
)
from kenspeckle.domain.operations import IndexFaces
from kenspeckle.domain.people import person_name
from kenspeckle.errors import ImageNotFound, KenspeckleError, StorageUnavailable
from kenspeckle.ports import Asked, Examined, Examiner, NewPhotograph, Staged
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.examination import require_one
from kenspeckle.usecases.recognition.supplement import Arrived, is_wanted, supplement

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photograph that was looked at, whose bytes are being written where photographs are kept. One that is not stored
    is discarded."""

    operation: IndexFaces
    image: Image
    seen: Examined
    pack: PackInfo
    person_name: str | None
    writing: Future[tuple[str, Staged]] | None

    @property
    def answer(self) -> Indexed:
        """Where no face is stored."""
        return Indexed(self.image.image_id, (), tuple(self.seen.unindexed), self.pack.version, created=True)

    def to_store(self) -> tuple[NewPhotograph, Staged | None]:
        """The photograph to store, once its bytes are on disk. Raises StorageFull, StorageUnavailable."""
        stored_as, staged = self.writing.result() if self.writing else (None, None)
        new = NewPhotograph(
            self.image,
            self.operation.external_image_id,
            self.seen.faces,
            self.pack.version,
            stored_as,
            self.person_name,
        )
        return new, staged

    def discard(self) -> None:
        _discard(self.writing)


class Preparation:
    """Prepares photographs, in as many threads as call it. Close it."""

    def __init__(self, context: Context, arrived: Arrived = lambda *_: None) -> None:
        """`arrived` is told of faces without a name that come to a stored photograph."""
        self._context = context
        self._arrived = arrived
        self._stagers = ThreadPoolExecutor(context.gate.workers, thread_name_prefix="stage")

    def close(self) -> None:
        """Wait for photographs that are being written."""
        self._stagers.shutdown()

    def fill_in(self, operation: IndexFaces) -> Asked:
        """With the settings filled in. Raises InvalidValue."""
        settings = self._context.settings
        return Asked(
            quality=operation.quality or settings.quality_filter,
            max_faces=min(
                validation.count(operation.max_faces or settings.max_faces, validation.MAX_MATCHES, "max_faces"),
                validation.MAX_FACES_AN_IMAGE,
            ),
            attributes=settings.asked if operation.attributes is None else operation.attributes,
            least_confidence=operation.least_confidence,
            alone=operation.alone,
            thumbnails=not settings.keep_images,
        )

    def prepare(self, operation: IndexFaces, collection: Collection, examiner: Examiner) -> Prepared | Indexed:
        """The answer where the photograph is stored under this identity already; one that the store has lost or damaged
        is put back, and faces that were left out are added where more is asked for now. Raises as `Examiner`, and
        InvalidValue, StorageFull, StorageUnavailable."""
        context = self._context
        if operation.external_image_id is not None:
            validation.external_image_id(operation.external_image_id)
        name = None if operation.person_name is None else person_name(operation.person_name)
        metadata = validation.metadata(operation.metadata)
        asked = self.fill_in(operation)
        digest = hashlib.sha256(operation.image).hexdigest()
        pack = context.engines.pack_of(collection)
        known = self._find_known(operation, collection, digest, asked, examiner)
        if known is not None:
            return known

        # The disk works while the cores do; the bytes move into their place only after the commit.
        writing: Future[tuple[str, Staged]] | None = None

        def start_writing() -> None:
            nonlocal writing
            if context.settings.keep_images:
                stage = context.photographs.stage
                writing = self._stagers.submit(stage, operation.collection_id, digest, operation.image)

        try:
            seen = examiner(collection, operation.image, asked, start_writing)
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
            media_type=seen.media_type,
            size=len(operation.image),
            width=seen.width,
            height=seen.height,
            created_at=context.now(),
            kept=writing is not None,
            metadata=metadata,
            left_out=_find_left_out(asked, seen),
        )
        return Prepared(operation, record, seen, pack, name, writing)

    def _find_known(
        self, operation: IndexFaces, collection: Collection, digest: str, asked: Asked, examiner: Examiner
    ) -> Indexed | None:
        """What is stored of the photograph under this identity; None where nothing is."""
        context = self._context
        known = context.catalog.find_indexed(operation.collection_id, digest, operation.external_image_id)
        if known is None or not known[1]:
            return None
        image, records = known
        if asked.alone:
            require_one(len(records))
        self._mend(image, operation.image)
        unindexed: tuple[UnindexedFace, ...] = ()
        added = 0
        if is_wanted(image, asked):
            more = supplement(context, operation, collection, image, asked, examiner, self._arrived)
            if more is None:
                return None
            records, unindexed, added = more
        told = self._add_attributes(collection, operation, records, asked.attributes)
        version = context.engines.pack_of(collection).version
        return Indexed(image.image_id, told, unindexed, version, created=added > 0, before=len(told) - added)

    def _mend(self, known: Image, data: bytes) -> None:
        """Restore a photograph that is missing in the store, from the bytes that were sent again."""
        context = self._context
        if not known.kept or self._is_stored(known):
            return
        name = context.photographs.name(known.collection_id, known.digest)
        with context.catalog.lock([name]):
            # Not if its publication was under way, or it was deleted meanwhile.
            if not self._is_stored(known) and context.catalog.digests([name]):
                log.warning("a photograph was missing or damaged in the store, and came again: it is put back")
                context.photographs.stage(known.collection_id, known.digest, data)[1].publish()

    def _add_attributes(
        self, collection: Collection, operation: IndexFaces, records: Sequence[FaceRecord], asked: frozenset[Attribute]
    ) -> tuple[FaceRecord, ...]:
        """Faces that were stored before, with what is asked for of them. Those of which it was not inferred yet, or by
        older networks, get it now, and keep it."""
        # Faces of imported encodings have no landmarks to infer anything by.
        bare = [one for one in records if one.detail.landmarks and not one.detail.tells(asked)] if asked else []
        if bare:
            engine = self._context.engines.of(collection)
            had = [one.detail.attributes.asked for one in bare if one.detail.attributes is not None]
            with self._context.gate.turn(), self._context.stages.time("attributes"):
                details = [one.detail for one in bare]
                told = engine.attributes(engine.open(operation.image), details, asked.union(*had))
            new = {before.face.face_id: after for before, after in zip(bare, told, strict=True) if after.attributes}
            self._context.catalog.add_attributes(operation.collection_id, new)
            records = [replace(one, detail=new.get(one.face.face_id, one.detail)) for one in records]
        return tuple(replace(one, detail=one.detail.showing(asked)) for one in records)

    def _is_stored(self, image: Image) -> bool:
        try:
            self._context.photographs.get(image.collection_id, image.digest)
        except (ImageNotFound, StorageUnavailable):
            return False
        return True


def _find_left_out(asked: Asked, seen: Examined) -> LeftOut | None:
    boxes = tuple(one.detail.box for one in seen.unindexed)
    return LeftOut(asked.max_faces, asked.quality, boxes) if boxes else None


def publish(context: Context, staged: Staged) -> None:
    """The faces are stored and the photograph is on disk, so an error now would be wrong. It is moved later."""
    try:
        staged.publish()
    except KenspeckleError as error:
        log.error("a photograph could not be moved into its place, it is tried again: %s", error.message)
        context.leave_photographs()


def abandon(context: Context, error: KenspeckleError, staged: Iterable[Staged | Prepared]) -> None:
    """Discard photographs that could not be stored. Where it is not known whether they were, they are left: they come
    into their place if they were, and are removed when they are old if not."""
    if isinstance(error, StorageUnavailable) and error.uncertain:
        context.leave_photographs()
        return
    for one in staged:
        one.discard()


def _discard(writing: Future[tuple[str, Staged]] | None) -> None:
    if writing is not None and writing.exception() is None:
        writing.result()[1].discard()
