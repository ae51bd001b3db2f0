"""Templates of another pack for the faces of a collection, staged until all are there and take the place of the old."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kenspeckle.domain import Claim, FaceRecord, Image, PackInfo, Vector
from kenspeckle.ports.catalog import Change


class Source(StrEnum):
    """What a template was made of: a photograph or thumbnail in which the pack sees the face, or one in which it does
    not, where the face was aligned by the landmarks that it was stored with. NOTHING: no template could be made."""

    PHOTOGRAPH = "photograph"
    PHOTOGRAPH_ALIGNED = "photograph_aligned"
    THUMBNAIL = "thumbnail"
    THUMBNAIL_ALIGNED = "thumbnail_aligned"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Undescribed:
    """Faces of one photograph that have no staged template. `row` grows in the order in which they are read."""

    row: int
    image: Image
    faces: tuple[FaceRecord, ...]


@dataclass(frozen=True, slots=True)
class StagedTemplate:
    """A face's new template; None with the source NOTHING."""

    face_id: str
    source: Source
    template: Vector | None


Counts = Mapping[Source, int]


@dataclass(frozen=True, slots=True)
class Switched:
    """A switch to another pack: the job's result, the collection's revision after it, and what had changed since the
    revision that was asked for, with the templates of now; None where that is not known, or too much."""

    result: Mapping[str, object]
    revision: int
    changes: Sequence[Change] | None


class Staging(Protocol):
    """Every method is one transaction, unless it says otherwise. Raises CollectionNotFound, StorageFull and
    StorageUnavailable. With a claim: JobLost where it is gone, and nothing is stored."""

    def sourceless(self, collection_id: str, limit: int) -> tuple[int, tuple[str, ...]]:
        """How many faces have neither a photograph that is kept nor a thumbnail, and some of them."""
        ...

    def find_undescribed(self, collection_id: str, contract: str, after: int, limit: int) -> tuple[Undescribed, ...]:
        """Faces after this row without a template of that contract, at most `limit`, by photograph."""
        ...

    def stage(self, claim: Claim, collection_id: str, contract: str, described: Sequence[StagedTemplate]) -> None:
        """Those of the faces that are still there; what was staged for them before goes."""
        ...

    def count_staged(self, collection_id: str, contract: str) -> Counts: ...
    def impossible(self, collection_id: str, contract: str, limit: int) -> tuple[str, ...]:
        """Some of the faces of which no template could be made."""
        ...

    def snapshot_staged(self, collection_id: str, contract: str) -> tuple[int, Iterable[tuple[Sequence[int], Vector]]]:
        """As `Catalog.snapshot`, of the templates that are staged for faces that are there."""
        ...

    def switch(
        self,
        claim: Claim,
        collection_id: str,
        pack: PackInfo,
        combine: Callable[[Sequence[Vector]], Vector],
        result: Callable[[Counts], Mapping[str, object]],
        *,
        since: int | None = None,
    ) -> Switched | None:
        """The staged templates take the place of the others, users get the template that `combine` makes of theirs, and
        the collection belongs to `pack`; its revision rises, and its log begins anew, so that every index reads it
        anew, but for one that is told the changes `since` a revision. What `result` makes of the counts is kept with
        the job and answered. None: a face has no staged template, and nothing was changed."""
        ...

    def unstage(self, claim: Claim, collection_id: str) -> None:
        """Remove what is staged, in several transactions."""
        ...

    def sweep_staged(self) -> int:
        """Remove what is staged of collections with no unfinished upgrade, in several transactions; how many."""
        ...
