"""Bulk indexing: many photographs looked at on all cores, and stored in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

from kenspeckle import __version__
from kenspeckle.domain import BulkOutcome, Collection, Faceless, Indexed, PackInfo, Reason, validation
from kenspeckle.domain.operations import Handlers, IndexFaces, IndexPhotographs
from kenspeckle.errors import (
    DamagedImage,
    ImageTooLarge,
    ImageTooSmall,
    InvalidValue,
    KenspeckleError,
    TooManyFaces,
    UnsupportedImage,
)
from kenspeckle.ports import Asked, Examiner, NewPhotograph, Staged
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.examination import LocalExaminer
from kenspeckle.usecases.recognition.preparation import Preparation, Prepared, abandon, publish
from kenspeckle.usecases.recognition.supplement import Arrived

OF_THE_PHOTOGRAPH = (UnsupportedImage, DamagedImage, ImageTooLarge, ImageTooSmall, InvalidValue, TooManyFaces)
"""Errors that say what is wrong with one photograph; any other concerns all of them."""


class BulkIndexing:
    """Operations on many photographs at once."""

    def __init__(
        self,
        context: Context,
        preparation: Preparation,
        arrived: Arrived = lambda *_: None,
    ) -> None:
        """`arrived` is told of faces without a name once they are stored."""
        self.context = context
        self._preparation = preparation
        self._arrived = arrived
        self._examiner: Examiner = LocalExaminer(context, beside=True)
        self._threads = ThreadPoolExecutor(context.gate.workers, thread_name_prefix="bulk")

    def handlers(self) -> Handlers:
        return dict([IndexPhotographs.by(self.index_photographs)])

    def examine_by(self, examiner: Examiner, threads: int) -> None:
        """Have photographs looked at elsewhere, so many at once."""
        self._threads.shutdown()
        self._examiner = examiner
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bulk")

    def close(self) -> None:
        """Wait for photographs that are being looked at."""
        self._threads.shutdown()

    def index_photographs(self, operation: IndexPhotographs) -> tuple[BulkOutcome, ...]:
        """Raises CollectionNotFound, PackMismatch, ModelMissing, StorageFull, StorageUnavailable; nothing is stored
        then. InvalidValue for photographs of another collection."""
        collection_id = validation.collection_id(operation.collection_id)
        if any(one.collection_id != collection_id for one in operation.photographs):
            raise InvalidValue("All photographs have to be for the collection of the operation.", field="photographs")
        return self.context.settle(collection_id, lambda collection: self._index(operation, collection))

    def _index(self, operation: IndexPhotographs, collection: Collection) -> tuple[BulkOutcome, ...]:
        some = operation.photographs
        digests = [hashlib.sha256(one.image).hexdigest() for one in some]
        first: dict[tuple[str, str | None], int] = {}
        for place, (one, digest) in enumerate(zip(some, digests, strict=True)):
            first.setdefault((digest, one.external_image_id), place)
        outcomes: dict[int, BulkOutcome] = {} if operation.again else self._find_remembered(some, digests, collection)
        places = [place for place in first.values() if place not in outcomes]
        prepared = self._prepare([some[place] for place in places], collection)
        new = {}
        for place, found in zip(places, prepared, strict=True):
            if not isinstance(found, Prepared):
                outcomes[place] = found
            elif not found.seen.faces:
                found.discard()
                outcomes[place] = found.answer
            else:
                new[place] = found
        faceless = {place: one for place, one in zip(places, prepared, strict=True) if isinstance(one, Prepared)}
        self._remember({place: one for place, one in faceless.items() if place not in new}, collection)
        outcomes.update(zip(new, self._store(list(new.values()), collection), strict=True))
        for place, (one, digest) in enumerate(zip(some, digests, strict=True)):
            if place not in outcomes:
                outcomes[place] = _again(outcomes[first[digest, one.external_image_id]])
        return tuple(outcomes[place] for place in range(len(some)))

    def _prepare(
        self, some: Sequence[IndexFaces], collection: Collection
    ) -> list[Prepared | Indexed | KenspeckleError]:
        """Raises what is no photograph's own fault, once all are done."""

        def one(operation: IndexFaces) -> Prepared | Indexed | KenspeckleError:
            try:
                return self._preparation.prepare(operation, collection, self._examiner)
            except OF_THE_PHOTOGRAPH as error:
                return error

        under_way = [self._threads.submit(one, operation) for operation in some]
        wait(under_way)
        try:
            return [future.result() for future in under_way]
        except BaseException:
            for future in under_way:
                if future.exception() is None and isinstance(done := future.result(), Prepared):
                    done.discard()
            raise

    def _store(self, some: Sequence[Prepared], collection: Collection) -> list[Indexed]:
        if not some:
            return []
        context = self.context
        staged: list[Staged] = []
        try:
            new = []
            for one in some:
                photograph, bytes_ = one.to_store()
                messages = context.announcer.announce_indexed(
                    photograph.image, photograph.external_image_id, photograph.faces
                )
                new.append(replace(photograph, messages=messages))
                staged += [bytes_] if bytes_ is not None else []
            names = {one.stored_as for one in new if one.stored_as is not None}
            with context.stages.time("store"), context.catalog.lock(names):
                stored = context.catalog.add_photographs(collection.collection_id, new, some[0].pack.contract)
                for one_staged in staged:
                    publish(self.context, one_staged)
        except KenspeckleError as error:
            abandon(context, error, some)
            raise
        self._tell(new, [created for _, _, created in stored], some[0].pack, collection.collection_id)
        return [
            Indexed(image.image_id, records, tuple(one.seen.unindexed), one.pack.version, created)
            for one, (image, records, created) in zip(some, stored, strict=True)
        ]

    def _tell(self, some: Sequence[NewPhotograph], created: Sequence[bool], pack: PackInfo, collection_id: str) -> None:
        new = [one for one, is_new in zip(some, created, strict=True) if is_new]
        if any(one.messages for one in new):
            self.context.announcer.nudge()
        nameless = [face for one in new if one.external_image_id is None for face in one.faces]
        if nameless:
            self._arrived(pack, collection_id, nameless)

    def _find_remembered(
        self, some: Sequence[IndexFaces], digests: Sequence[str], collection: Collection
    ) -> dict[int, BulkOutcome]:
        known = self.context.catalog.faceless(collection.collection_id, list(dict.fromkeys(digests)))
        found: dict[int, BulkOutcome] = {}
        for place, (one, digest) in enumerate(zip(some, digests, strict=True)):
            asked, reasons = known.get(digest, ("", ()))
            if asked and asked == self._question(one, collection):
                found[place] = Faceless(reasons)
        return found

    def _remember(self, some: Mapping[int, Prepared], collection: Collection) -> None:
        questions: dict[str, dict[str, tuple[Reason, ...]]] = {}
        for one in some.values():
            reasons = tuple(sorted({reason for face in one.seen.unindexed for reason in face.reasons}))
            questions.setdefault(self._question(one.operation, collection), {})[one.image.digest] = reasons
        for question, answers in questions.items():
            self.context.catalog.remember_faceless(collection.collection_id, question, answers, self.context.now())

    def _question(self, operation: IndexFaces, collection: Collection) -> str:
        """What decides whether a photograph has a face to store. Another version of the program may see more; another
        `max_faces` does not."""
        asked: Asked = self._preparation.fill_in(replace(operation, max_faces=1))
        parts = (__version__, collection.contract, asked.quality.value, str(asked.least_confidence))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _again(outcome: BulkOutcome) -> BulkOutcome:
    """Of the same photograph under the same identity, further down."""
    return replace(outcome, created=False) if isinstance(outcome, Indexed) and outcome.records else outcome
