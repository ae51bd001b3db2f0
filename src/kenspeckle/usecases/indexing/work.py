"""The job of kind `index`: slices of a manifest, read from the operator's buckets and stored in batches.

The process that runs the job does slices, and every other process that serves the same catalog helps. A slice is done
by one of them at a time; one whose process died is done again, which stores nothing twice: line by line, so that a
photograph that kills who looks at it is found, and is refused alone.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from kenspeckle.domain import (
    Attribute,
    BulkOutcome,
    Faceless,
    Indexed,
    Job,
    JobLost,
    LineResult,
    LineStatus,
    ManifestLine,
    QualityFilter,
)
from kenspeckle.domain.operations import IndexFaces, IndexPhotographs
from kenspeckle.errors import (
    BucketNotAllowed,
    ImageTooLarge,
    KenspeckleError,
    Overloaded,
    StorageFull,
    StorageUnavailable,
)
from kenspeckle.parallel import parallel
from kenspeckle.ports import Buckets, Manifests, Slice
from kenspeckle.usecases.audit import actor
from kenspeckle.usecases.jobs.runner import Cancelled, Progress
from kenspeckle.usecases.recognition.context import Context

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
HOLD_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""How often a process looks for slices of jobs that others run, and a job for slices that others have finished."""

AT_ONCE = 2
"""Slices under way in a process: one is read and stored while the cores look at the other. More where photographs are
looked at on a cluster (`IndexWork.at_once`)."""

READERS = 4
"""Photographs of a slice that are read at once."""

BATCH_BYTES = 64 * 1024 * 1024
"""Bytes from which the photographs of a slice are stored before further ones are read."""

MOST_BEGUN = 5
"""A line that so many processes have died over, while they looked at it by itself, has failed. Few of them were killed
by something else at that moment."""

UNREAD = "No such object is in the bucket or folder, or the server may not read it."

PAUSE_SECONDS = 5.0
"""After a bucket or the catalog did not answer."""

MOST_FAILURES = 60
"""After so many pauses without a slice that was done in between the job fails."""


class IndexWork:
    """Implements the handler of `JobKind.INDEX`, and helps with jobs of other processes from `start` to `close`.
    `index` stores photographs; it is the recorded one once there is one."""

    def __init__(
        self,
        context: Context,
        manifests: Manifests,
        buckets: Buckets,
        index: Callable[[IndexPhotographs], Sequence[BulkOutcome]],
    ) -> None:
        self._context = context
        self._manifests = manifests
        self._buckets = buckets
        self.index = index
        self.at_once = AT_ONCE
        self._owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._singly = threading.Lock()
        self._own: set[str] = set()

    def run(self, job: Job, progress: Progress) -> Mapping[str, object]:
        """The work of a job; also of one that another process began."""
        stop = threading.Event()
        self._own.add(job.job_id)
        failed: list[KenspeckleError] = []
        threads = [
            threading.Thread(target=self._drain, args=(job, stop, failed), name=f"{job.job_id} slice", daemon=True)
            for _ in range(self.at_once)
        ]
        try:
            self._context.catalog.collection(job.collection_id or "")
            progress.step(*self._manifests.slice_counts(job.job_id))
            for one in threads:
                one.start()
            while self._manifests.has_unfinished_slices(job.job_id):
                stop.wait(LOOK_SECONDS / 5)
                progress.step(*self._manifests.slice_counts(job.job_id))
                if failed:
                    raise failed[0]
            progress.step(*self._manifests.slice_counts(job.job_id))
        except Cancelled:
            self._let_end(job, stop, threads)
            progress.done, progress.total = self._manifests.slice_counts(job.job_id)
            raise
        finally:
            _stop(stop, threads)
            self._own.discard(job.job_id)
        return {name.value: count for name, count in self._manifests.statuses(job.job_id).items()}

    def _let_end(self, job: Job, stop: threading.Event, threads: Sequence[threading.Thread]) -> None:
        """Nothing is stored any more once a job is cancelled: slices that are under way, here and elsewhere, come to
        their end before. Those of a process that died until their lease has."""
        _stop(stop, threads)
        while self._manifests.slices_held(job.job_id) and not self._closing.wait(LOOK_SECONDS / 5):
            pass

    def start(self) -> None:
        """Begin to help, in a thread."""
        self._thread = threading.Thread(target=self._help, name="index slices", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish the slice at hand."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _help(self) -> None:
        actor.acting(actor.Actor(actor.SERVICE))
        while not self._closing.wait(LOOK_SECONDS):
            try:
                self._help_once()
            except JobLost:
                continue
            except KenspeckleError as error:
                log.warning("slices of a job can't be done here now: %s", error.message)
                self._closing.wait(PAUSE_SECONDS)
            except Exception:
                log.exception("slices of a job can't be done here")
                self._closing.wait(PAUSE_SECONDS)

    def _help_once(self) -> None:
        """Do slices of a job that another process runs, as long as it has any."""
        if self._own or (taken := self._manifests.take_slice(None, self._owner, LEASE_SECONDS)) is None:
            return
        job = self._context.jobs.job(taken.job_id)
        none_left = threading.Event()

        def turn(one: Slice | None) -> None:
            one = one or self._manifests.take_slice(job.job_id, self._owner, LEASE_SECONDS)
            if one is None:
                none_left.set()
            else:
                self._do(job, one)

        def turns() -> Iterator[Slice | None]:
            """A slice is taken as its turn comes: what is taken is worked on, and held."""
            yield taken
            while not none_left.is_set() and not self._closing.is_set():
                yield None

        with closing(parallel(turn, turns(), AT_ONCE)) as done:
            for _ in done:
                pass

    def _drain(self, job: Job, stop: threading.Event, failed: list[KenspeckleError]) -> None:
        """Do slices of a job until `stop` is set."""
        failures = 0
        while not stop.is_set():
            try:
                taken = self._manifests.take_slice(job.job_id, self._owner, LEASE_SECONDS)
                if taken is None:
                    stop.wait(LOOK_SECONDS)  # others may be at work on the last ones
                    continue
                self._do(job, taken)
                failures = 0
            except JobLost:
                continue
            except (StorageUnavailable, StorageFull, Overloaded) as error:
                failures += 1
                log.warning("job %s waits: %s", job.job_id, error.message)
                if failures > MOST_FAILURES:
                    failed.append(error)
                    return
                stop.wait(PAUSE_SECONDS)
            except KenspeckleError as error:
                failed.append(error)
                return
            except Exception:
                log.exception("a slice of job %s failed", job.job_id)
                failed.append(StorageUnavailable("A slice failed unexpectedly; the server's log has the reason."))
                return

    def _do(self, job: Job, one: Slice) -> None:
        """Index the photographs of a slice. Raises JobLost, and what concerns all of them; it is given back then."""
        actor.acting(actor.Actor(actor.SERVICE))
        try:
            with self._hold(one) as lost:
                again = one.attempts > 1
                results = self._results_singly(job, one, lost) if again else self._results(job, one.lines, lost)
            self._manifests.finish_slice(one, sorted(results, key=lambda result: result.number))
        except JobLost:
            raise
        except BaseException:
            self._manifests.release_slice(one)
            raise

    def _results_singly(self, job: Job, one: Slice, lost: threading.Event) -> list[LineResult]:
        """Of a slice that a process has died over. Each line is noted before it is looked at, and no other one is
        looked at meanwhile that came here so: who was beside the one that kills is not blamed."""
        results = list(one.results)
        known = {result.number for result in results}
        for line in one.lines:
            if line.number in known:
                continue
            begun = one.begun if line.number == one.at_hand else 0
            if begun >= MOST_BEGUN:
                why = f"{begun} processes have died while they looked at this photograph."
                results.append(_fail(line, "internal_error", why))
                continue
            with self._singly:
                self._manifests.note_line(one, results, line.number, begun + 1)
                try:
                    results += self._results(job, [line], lost)
                except JobLost:
                    raise
                except BaseException:
                    self._manifests.note_line(one, results, line.number, begun)  # nobody has died over it
                    raise
        return results

    def _results(self, job: Job, lines: Sequence[ManifestLine], lost: threading.Event) -> list[LineResult]:
        results: list[LineResult] = []
        waiting: list[tuple[ManifestLine, IndexFaces]] = []
        size = 0
        with closing(parallel(lambda line: self._read(job, line), lines, READERS)) as found:
            for line, read in found:
                if isinstance(read, LineResult):
                    results.append(read)
                    continue
                waiting.append((line, read))
                size += len(read.image)
                if size >= BATCH_BYTES:
                    results += self._store(job, waiting, lost)
                    waiting, size = [], 0
        return results + self._store(job, waiting, lost)

    def _store(
        self, job: Job, some: Sequence[tuple[ManifestLine, IndexFaces]], lost: threading.Event
    ) -> list[LineResult]:
        if not some:
            return []
        if lost.is_set():
            raise JobLost(f"A slice of job {job.job_id} is another's by now, or the job has ended.")
        some = sorted(some, key=lambda one: one[0].number)  # of equal photographs the first is the one that is stored
        operations = [operation for _, operation in some]
        outcomes = self.index(IndexPhotographs(collection_id=job.collection_id or "", photographs=operations))
        return [_result(line, outcome) for (line, _), outcome in zip(some, outcomes, strict=True)]

    def _read(self, job: Job, line: ManifestLine) -> tuple[ManifestLine, IndexFaces | LineResult]:
        asked = job.parameters
        try:
            most = self._context.settings.max_image_bytes
            image = self._buckets.read(line.bucket, line.name, None, most)
        except BucketNotAllowed as error:
            return line, _fail(line, error.code, UNREAD)
        except ImageTooLarge as error:
            return line, _fail(line, error.code, error.message)
        quality, attributes, max_faces = asked.get("quality"), asked.get("attributes"), asked.get("max_faces")
        return line, IndexFaces(
            collection_id=job.collection_id or "",
            image=image,
            external_image_id=line.identity,
            key=line.identity,
            metadata=line.metadata,
            max_faces=max_faces if isinstance(max_faces, int) else None,
            quality=QualityFilter(str(quality)) if quality else None,
            attributes=frozenset(map(Attribute, attributes)) if isinstance(attributes, list) else None,
        )

    @contextmanager
    def _hold(self, one: Slice) -> Iterator[threading.Event]:
        """Keep the lease for the length of the block; the event says that it is lost."""
        lost, done = threading.Event(), threading.Event()

        def keep() -> None:
            while not done.wait(HOLD_SECONDS):
                try:
                    if not self._manifests.hold_slice(one, LEASE_SECONDS):
                        lost.set()
                        return
                except KenspeckleError as error:
                    log.warning("the lease of a slice could not be renewed: %s", error.message)

        thread = threading.Thread(target=keep, name=f"{one.job_id} slice's lease", daemon=True)
        thread.start()
        try:
            yield lost
        finally:
            done.set()
            thread.join()


def _stop(stop: threading.Event, threads: Sequence[threading.Thread]) -> None:
    stop.set()
    for one in threads:
        if one.ident is not None:
            one.join()


def _fail(line: ManifestLine, code: str, reason: str) -> LineResult:
    return LineResult(line.number, LineStatus.FAILED, code=code, reason=reason)


def _result(line: ManifestLine, outcome: BulkOutcome) -> LineResult:
    if isinstance(outcome, KenspeckleError):
        return _fail(line, outcome.code, outcome.message)
    if isinstance(outcome, Indexed) and outcome.records:
        status = LineStatus.INDEXED if outcome.created else LineStatus.PRESENT
        return LineResult(line.number, status, outcome.image_id)
    if isinstance(outcome, Faceless):
        refused = {str(reason) for reason in outcome.reasons}
    else:
        refused = {str(reason) for face in outcome.unindexed for reason in face.reasons}
    reason = f"No face good enough ({', '.join(sorted(refused))})" if refused else "No face found"
    return LineResult(line.number, LineStatus.NO_FACE, reason=reason)
