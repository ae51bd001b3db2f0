"""Indexes many photographs in parallel and counts the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kenspeckle.client.errors import CommandFailed, ServerUnreachable, describe
from kenspeckle.domain import Attribute, Face, Indexed, NamedFaces, QualityFilter
from kenspeckle.domain.operations import IndexFaces
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
from kenspeckle.intake.files import Photograph, read, same_person
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


@dataclass(slots=True)
class Tally:
    """Counts of a run, for its summary."""

    reached: int = 0
    indexed: int = 0
    present: int = 0
    faces: int = 0
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    unindexed: int = 0
    named: int = 0
    """Faces that XMP named."""
    written: int = 0
    """Faces that were written into sidecars."""
    remarks: list[tuple[Path, str]] = field(default_factory=list)
    groups: dict[str, int] = field(default_factory=dict)
    """Photographs with several faces, all stored under one identity: its name and how many."""

    def add(self, outcome: Outcome) -> None:
        self.reached += 1
        if outcome.status == "skipped":
            self.skipped.append((outcome.photograph.path, outcome.reason))
        elif outcome.status == "present":
            self.present += 1
        else:
            self.indexed += 1
        self.named += sum(len(one.face_ids) for one in outcome.people)
        self.written += outcome.written
        self.remarks += [(outcome.photograph.path, one) for one in outcome.remarks]
        if outcome.answer is not None and outcome.status == "indexed":
            self.faces += len(outcome.answer.records)
            self.unindexed += len(outcome.answer.unindexed)
            if len(outcome.answer.records) > 1 and outcome.identity:
                self.groups[outcome.identity] = len(outcome.answer.records)


class Xmp(Protocol):
    """Names in photographs' own metadata. Errors that concern one photograph are remarks."""

    def named(
        self, recognizer: Recognizer, path: Path, data: bytes, faces: Sequence[Face]
    ) -> tuple[list[NamedFaces], list[str]]:
        """Name the stored faces of a photograph by its XMP."""
        ...

    def written(self, recognizer: Recognizer, path: Path, data: bytes, faces: Sequence[Face]) -> tuple[int, list[str]]:
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

    def one(self, photograph: Photograph) -> Outcome:
        """Index one photograph. Raises what ends the run; everything else is an outcome."""
        identity = photograph.identity if self.named else ""
        try:
            data = read(photograph.path, self.most_bytes)
            answer = self.recognizer.handle(
                IndexFaces(
                    collection_id=self.collection,
                    image=data,
                    external_image_id=identity or None,
                    key=identity or None,
                    max_faces=self.max_faces,
                    quality=self.quality,
                    person_name=photograph.person_name if self.named else None,
                    attributes=self.attributes,
                )
            )
        except (*HOPELESS, ServerUnreachable):
            raise
        except (KenspeckleError, CommandFailed) as error:
            return Outcome(photograph, identity, "skipped", describe(error)[0])
        if self.picture is not None:
            self.picture(photograph, data, answer)
        if not answer.records:
            return Outcome(photograph, identity, "skipped", why_none(answer), answer)
        done = Outcome(photograph, identity, "indexed" if answer.created else "present", "", answer)
        return done if self.xmp is None else self._with_xmp(self.xmp, done, data, answer)

    def _with_xmp(self, xmp: Xmp, done: Outcome, data: bytes, answer: Indexed) -> Outcome:
        faces = [one.face for one in answer.records]
        try:
            people, remarks = xmp.named(self.recognizer, done.photograph.path, data, faces)
            written, more = xmp.written(self.recognizer, done.photograph.path, data, faces)
        except (*HOPELESS, ServerUnreachable):
            raise
        except (KenspeckleError, CommandFailed) as error:
            return replace(done, remarks=(describe(error)[0],))
        return replace(done, people=tuple(people), written=written, remarks=(*remarks, *more))

    def many(self, photographs: Iterable[Photograph], workers: int) -> Generator[Outcome, None, None]:
        """Outcomes in order of completion, `workers` photographs at once. Closing the iterator finishes those under way
        and starts no others."""
        return parallel(self.one, photographs, workers)


def why_none(answer: Indexed) -> str:
    """Why no face of a photograph was stored."""
    if not answer.unindexed:
        return "No face found"
    reasons = sorted({str(reason) for one in answer.unindexed for reason in one.reasons})
    return f"No face good enough ({', '.join(reasons)})"


def distinguished(photographs: Iterable[Photograph]) -> tuple[list[Photograph], list[Outcome], int]:
    """(photographs to index, those skipped because another name became the same identity, how many names lie in
    several folders and count as one identity)."""
    taken: dict[str, Photograph] = {}
    folders: dict[str, set[Path]] = {}
    good: list[Photograph] = []
    skipped: list[Outcome] = []
    for photograph in photographs:
        identity = photograph.identity
        first = taken.setdefault(identity, photograph)
        if not same_person(first.original, photograph.original):
            reason = f"Its identity would be {identity}, as that of {first.path}; rename one of them"
            skipped.append(Outcome(photograph, identity, "skipped", reason))
            continue
        folders.setdefault(identity, set()).add(photograph.path.parent)
        good.append(photograph)
    return good, skipped, sum(len(places) > 1 for places in folders.values())
