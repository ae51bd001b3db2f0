"""Indexes many photographs in parallel and counts the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kenspeckle.client.errors import CommandFailed, ServerUnreachable, describe
from kenspeckle.domain import Attribute, BulkOutcome, Face, Faceless, Indexed, NamedFaces, QualityFilter, Reason
from kenspeckle.domain.operations import IndexFaces, IndexPhotographs
from kenspeckle.errors import (
    CollectionNotFound,
    Forbidden,
    KenspeckleError,
    ModelMissing,
    NotOffered,
    Overloaded,
    PackMismatch,
    SettingError,
    StorageFull,
    StorageUnavailable,
    Unauthenticated,
)
from kenspeckle.intake.files import Photograph, read
from kenspeckle.parallel import parallel

if TYPE_CHECKING:
    from kenspeckle.ports import Recognizer

HOPELESS = (
    CollectionNotFound,
    Forbidden,
    ModelMissing,
    NotOffered,
    Overloaded,
    PackMismatch,
    SettingError,
    StorageFull,
    StorageUnavailable,
    Unauthenticated,
)
"""Errors that would occur with every other photograph too, so the run ends."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one photograph: `indexed`, `present` (it was indexed before) or `skipped` with the reason."""

    photograph: Photograph
    identity: str
    status: str
    reason: str = ""
    answer: Indexed | None = None
    people: tuple[NamedFaces, ...] = ()
    """Who its faces were given to by the names in its XMP."""
    written: int = 0
    """Faces that were written into its sidecar."""
    remarks: tuple[str, ...] = ()
    """What could not be read or written of its XMP."""


SHOWN = 20
"""Most photographs and people that a summary names."""

BATCH = 32
"""Photographs of one transaction. More save little of the two waits for the disk that each batch takes."""

BATCH_BYTES = 64 * 1024 * 1024
"""Bytes from which a batch takes no further photograph."""

AT_ONCE = 3
"""Batches under way: while one is stored and another is read, the cores are busy with a third."""


@dataclass(slots=True)
class Tally:
    """Counts of a run, for its summary, which names the first few."""

    most: int = SHOWN
    reached: int = 0
    indexed: int = 0
    present: int = 0
    faces: int = 0
    skipped_count: int = 0
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    unindexed: int = 0
    named: int = 0
    """Faces that XMP named."""
    written: int = 0
    """Faces that were written into sidecars."""
    remarks: list[tuple[Path, str]] = field(default_factory=list)
    remarks_count: int = 0

    def add(self, outcome: Outcome) -> None:
        self.reached += 1
        if outcome.status == "skipped":
            self.skipped_count += 1
            if len(self.skipped) < self.most:
                self.skipped.append((outcome.photograph.path, outcome.reason))
        elif outcome.status == "present":
            self.present += 1
        else:
            self.indexed += 1
        self.named += sum(len(one.face_ids) for one in outcome.people)
        self.written += outcome.written
        self.remarks_count += len(outcome.remarks)
        self.remarks += [(outcome.photograph.path, one) for one in outcome.remarks[: self.most - len(self.remarks)]]
        if outcome.answer is not None and outcome.status == "indexed":
            self.faces += len(outcome.answer.records) - outcome.answer.before
            self.unindexed += len(outcome.answer.unindexed)


class Xmp(Protocol):
    """Names in photographs' own metadata. Errors that concern one photograph are remarks."""

    def name_faces(
        self, recognizer: Recognizer, path: Path, data: bytes, faces: Sequence[Face]
    ) -> tuple[list[NamedFaces], list[str]]:
        """Name the stored faces of a photograph by its XMP."""
        ...

    def write_names(
        self, recognizer: Recognizer, path: Path, data: bytes, faces: Sequence[Face]
    ) -> tuple[int, list[str]]:
        """Write the names of these faces beside the photograph; how many were written."""
        ...


@dataclass(frozen=True, slots=True)
class Enrolment:
    """How photographs are indexed: the same for all of a run."""

    recognizer: Recognizer
    collection: str
    most_bytes: int
    max_faces: int | None
    quality: QualityFilter | None
    attributes: frozenset[Attribute] | None = None
    picture: Callable[[Photograph, bytes, Indexed], None] | None = None
    named: bool = True
    """Whether faces get the identity that a photograph's name gives."""
    xmp: Xmp | None = None
    again: bool = False
    """Whether photographs that are known to have no face are looked at again."""
    at_once: int = AT_ONCE
    """Batches under way."""

    def one(self, photograph: Photograph) -> Outcome:
        """Index one photograph. Raises what ends the run; everything else is an outcome."""
        identity = photograph.identity if self.named else ""
        try:
            operation = self._operation(photograph)
            answer = self.recognizer.handle(operation)
        except (*HOPELESS, ServerUnreachable):
            raise
        except (KenspeckleError, CommandFailed) as error:
            return Outcome(photograph, identity, "skipped", describe(error)[0])
        return self._outcome(photograph, operation, answer)

    def one_by_one(self, some: Iterable[Photograph | Outcome], workers: int) -> Generator[Outcome, None, None]:
        """Outcomes in order of completion, `workers` photographs at once; what is an outcome already is one. Closing
        the iterator finishes those under way and starts no others."""
        return parallel(lambda one: one if isinstance(one, Outcome) else self.one(one), some, workers)

    def in_batches(self, some: Iterable[Photograph | Outcome]) -> Generator[Outcome, None, None]:
        """As `one_by_one`, for a recognizer that takes many photographs at once."""
        with closing(parallel(self._batch, _batches(some), self.at_once)) as batches:
            for outcomes in batches:
                yield from outcomes

    def _batch(self, some: Sequence[Photograph | Outcome]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        waiting: list[tuple[Photograph, IndexFaces]] = []
        size = 0
        for one in some:
            if isinstance(one, Outcome):
                outcomes.append(one)
                continue
            try:
                operation = self._operation(one)
            except CommandFailed as error:
                outcomes.append(Outcome(one, one.identity if self.named else "", "skipped", describe(error)[0]))
                continue
            waiting.append((one, operation))
            size += len(operation.image)
            if size >= BATCH_BYTES:
                outcomes += self._index(waiting)
                waiting, size = [], 0
        return outcomes + self._index(waiting)

    def _index(self, some: Sequence[tuple[Photograph, IndexFaces]]) -> list[Outcome]:
        if not some:
            return []
        operations = [operation for _, operation in some]
        answers = self.recognizer.handle(
            IndexPhotographs(collection_id=self.collection, photographs=operations, again=self.again)
        )
        return [self._outcome(*one, answer) for one, answer in zip(some, answers, strict=True)]

    def _operation(self, photograph: Photograph) -> IndexFaces:
        """Raises CommandFailed where it can't be read."""
        identity = photograph.identity if self.named else ""
        return IndexFaces(
            collection_id=self.collection,
            image=read(photograph.path, self.most_bytes),
            external_image_id=identity or None,
            key=identity or None,
            max_faces=self.max_faces,
            quality=self.quality,
            person_name=photograph.person_name if self.named else None,
            attributes=self.attributes,
        )

    def _outcome(self, photograph: Photograph, operation: IndexFaces, answer: BulkOutcome) -> Outcome:
        identity = operation.external_image_id or ""
        if isinstance(answer, KenspeckleError):
            return Outcome(photograph, identity, "skipped", describe(answer)[0])
        if isinstance(answer, Faceless):
            return Outcome(photograph, identity, "skipped", why_faceless(answer.reasons))
        if self.picture is not None:
            self.picture(photograph, operation.image, answer)
        if not answer.records:
            return Outcome(photograph, identity, "skipped", why_none(answer), answer)
        done = Outcome(photograph, identity, "indexed" if answer.created else "present", "", answer)
        return done if self.xmp is None else self._with_xmp(self.xmp, done, operation.image, answer)

    def _with_xmp(self, xmp: Xmp, done: Outcome, data: bytes, answer: Indexed) -> Outcome:
        faces = [one.face for one in answer.records]
        try:
            people, remarks = xmp.name_faces(self.recognizer, done.photograph.path, data, faces)
            written, more = xmp.write_names(self.recognizer, done.photograph.path, data, faces)
        except (*HOPELESS, ServerUnreachable):
            raise
        except (KenspeckleError, CommandFailed) as error:
            return replace(done, remarks=(describe(error)[0],))
        return replace(done, people=tuple(people), written=written, remarks=(*remarks, *more))


def why_none(answer: Indexed) -> str:
    """Why no face of a photograph was stored."""
    return why_faceless([reason for one in answer.unindexed for reason in one.reasons])


def why_faceless(refused: Iterable[Reason]) -> str:
    """Why no face of a photograph was stored, by the reasons why its faces were refused."""
    reasons = sorted(set(map(str, refused)))
    return f"No face good enough ({', '.join(reasons)})" if reasons else "No face found"


def _batches(some: Iterable[Photograph | Outcome]) -> Generator[list[Photograph | Outcome], None, None]:
    source = iter(some)
    while batch := list(islice(source, BATCH)):
        yield batch
