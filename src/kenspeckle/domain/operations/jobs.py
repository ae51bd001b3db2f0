"""Operations on long work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kenspeckle.domain.access import Of, Right, Scope
from kenspeckle.domain.collections import Page
from kenspeckle.domain.jobs import Job, JobState
from kenspeckle.domain.operations.base import ADMIN, InCollection, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobs(Operation[Page[Job]]):
    """Newest first; with `only` those of these collections, and none of the service as a whole."""

    right = Right(Scope.READ, Of.ANYTHING)
    state: JobState | None = None
    limit: int = 100
    cursor: str | None = None
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetJob(Operation[Job]):
    """Raises JobNotFound also where the job's collection is not in `only`."""

    right = Right(Scope.READ, Of.ANYTHING)
    job_id: str
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJob(Operation[Job]):
    """End a job: at once where no process has started it, else at its next step. `only` as for GetJob."""

    right = Right(Scope.ADMIN, Of.ANYTHING)
    job_id: str
    only: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeCollection(InCollection[Job]):
    """Start the job that describes all faces by another model pack. Until it has, searches answer by the old one."""

    right = ADMIN
    pack: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncCollection(InCollection[Job]):
    """Start the job that builds the collection's index in the vector database, or compares it with the catalog and
    repairs it. `rebuild`: build it anew, and use the old one meanwhile."""

    right = ADMIN
    rebuild: bool = False
