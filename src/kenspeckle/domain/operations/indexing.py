"""Operations on many photographs that lie in the operator's buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kenspeckle.domain.access import Of, Right, Scope
from kenspeckle.domain.attributes import Attribute
from kenspeckle.domain.collections import Page
from kenspeckle.domain.detection import QualityFilter
from kenspeckle.domain.indexing import LineResult
from kenspeckle.domain.jobs import Job
from kenspeckle.domain.operations.base import INDEX, InCollection, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class StartIndexing(InCollection[Job]):
    """Start the job that indexes what a manifest of JSON Lines names, a file at `path`. `only` are the collections that
    the key is limited to, which may limit the buckets that it may name."""

    right = INDEX
    path: str
    max_faces: int | None = None
    quality: QualityFilter | None = None
    attributes: frozenset[Attribute] | None = None
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListIndexResults(Operation[Page[LineResult]]):
    """What became of the lines of a manifest that are done. Raises JobNotFound also where the job's collection is not
    in `only`."""

    right = Right(Scope.READ, Of.ANYTHING)
    job_id: str
    limit: int = 1000
    cursor: str | None = None
    only: Sequence[str] | None = None
