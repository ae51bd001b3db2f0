"""Manifests of jobs that index, in slices; and the operator's buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kenspeckle.domain import Job, LineResult, LineStatus, ManifestLine, Page


@dataclass(frozen=True, slots=True)
class Slice:
    """Some lines of a manifest, as the process holds them that works on them. `attempts` counts how often they were
    taken. Of one that is done line by line: `results` of those before the line at hand, its number, and by how many
    processes it was begun."""

    row: int
    job_id: str
    owner: str
    lines: Sequence[ManifestLine]
    attempts: int
    results: Sequence[LineResult] = ()
    at_hand: int | None = None
    begun: int = 0


class Manifests(Protocol):
    """Manifests in the catalog, in slices that any process takes under a lease. Every method is one transaction.

    Raises StorageFull and StorageUnavailable from any method."""

    def add_slices(self, job_id: str, collection_id: str, first: int, some: Sequence[Sequence[ManifestLine]]) -> None:
        """Store slices for a job that is added afterwards, numbered from `first`. Raises CollectionNotFound."""
        ...

    def drop_slices(self, job_id: str) -> None:
        """Of a job that was not added."""
        ...

    def take_slice(self, job_id: str | None, owner: str, seconds: float) -> Slice | None:
        """The next slice of this running job (None: of any) that nobody holds, `owner`'s for `seconds`."""
        ...

    def hold_slice(self, one: Slice, seconds: float) -> bool:
        """Hold it so long from now. False where it is another's by now, or its job has ended."""
        ...

    def slices_held(self, job_id: str) -> bool:
        """Whether a process works on one, as far as leases say."""
        ...

    def note_line(self, one: Slice, results: Sequence[LineResult], at_hand: int, begun: int) -> None:
        """Store how far it is, before the line with the number `at_hand` is looked at for the `begun`th time. Raises
        JobLost where it is another's by now."""
        ...

    def finish_slice(self, one: Slice, results: Sequence[LineResult]) -> None:
        """Store what became of its lines, and forget these. Raises JobLost where it is another's by now."""
        ...

    def release_slice(self, one: Slice) -> None:
        """Give it back, for any process to take at once."""
        ...

    def slice_counts(self, job_id: str) -> tuple[int, int]:
        """(lines done, lines in all). Lines of a slice that is not finished count where it is done line by line."""
        ...

    def has_unfinished_slices(self, job_id: str) -> bool:
        """Whether slices are left to be done."""
        ...

    def index_results(self, job_id: str, limit: int, cursor: str | None) -> Page[LineResult]:
        """What became of lines, slice by slice, with the faces that are still there. Raises InvalidCursor,
        JobNotFound."""
        ...

    def statuses(self, job_id: str) -> Mapping[LineStatus, int]:
        """How many lines of each status were stored."""
        ...

    def sweep_slices(self) -> None:
        """Forget lines of jobs that ended, and slices of jobs that are forgotten or were never added."""
        ...

    def has_index_job(self, collection_id: str) -> Job | None:
        """An unfinished job that indexes into the collection."""
        ...


class Buckets(Protocol):
    """Objects of the buckets that the operator configured."""

    def allow(self, bucket: str, name: str, only: Sequence[str] | None, *, folder: bool = False) -> None:
        """Raises BucketNotAllowed where it may not be read; reads nothing. `folder`: the bucket has to be a folder."""
        ...

    def read(
        self, bucket: str, name: str, version: str | None, max_bytes: int, only: Sequence[str] | None = None
    ) -> bytes:
        """Raises BucketNotAllowed, ImageTooLarge, StorageUnavailable."""
        ...
