"""The local recognizer: all use cases as one `ports.Recognizer`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from kenspeckle.domain import JobKind
from kenspeckle.domain.attributes import list_offered
from kenspeckle.domain.operations import A, Handlers, Operation, dispatch
from kenspeckle.errors import KenspeckleError, StorageUnavailable
from kenspeckle.usecases.indexing.operations import IndexOperations
from kenspeckle.usecases.indexing.work import IndexWork
from kenspeckle.usecases.jobs.runner import Handler
from kenspeckle.usecases.mirrors.syncing import Syncing
from kenspeckle.usecases.recognition.bulk import BulkIndexing
from kenspeckle.usecases.recognition.collections import Collections, purge_later, work_off
from kenspeckle.usecases.recognition.completion import Completion
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.disagreement import Disagreement
from kenspeckle.usecases.recognition.duplicates import DuplicatePeople
from kenspeckle.usecases.recognition.enrolment import Enrolment
from kenspeckle.usecases.recognition.erasure import Erasing
from kenspeckle.usecases.recognition.groups import Groups
from kenspeckle.usecases.recognition.lists import Lists
from kenspeckle.usecases.recognition.loading import Loading
from kenspeckle.usecases.recognition.people import People
from kenspeckle.usecases.recognition.preparation import Preparation
from kenspeckle.usecases.recognition.purge import Purge
from kenspeckle.usecases.recognition.search import Recognition
from kenspeckle.usecases.recognition.templates import Templates
from kenspeckle.usecases.recognition.upgrade import Upgrading
from kenspeckle.usecases.recognition.users import Users
from kenspeckle.usecases.videos.analysis import Analysis
from kenspeckle.usecases.videos.appearances import Appearances
from kenspeckle.usecases.videos.operations import VideoOperations

OFFERED = ("people", "groups", "packs", "jobs", "upgrade", "compreface")
"""Features that not every recognizer offers, as named in `/v1/info`."""

log = logging.getLogger(__name__)


class LocalRecognizer:
    """Implements `ports.Recognizer` over engine, index, catalog and images."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._collections = Collections(context)
        self._groups = Groups(context)
        self._preparation = Preparation(context, self._groups.place_new)
        self.bulk = BulkIndexing(context, self._preparation, self._groups.place_new)
        self._erasing = Erasing(context)
        self._upgrading = Upgrading(context)
        self._syncing = Syncing(context, context.keeper)
        self.completion = Completion(context)
        self.loading = Loading(context)
        self.videos = VideoOperations(context)
        self._indexing = IndexOperations(context)
        sections = (
            Lists(context.catalog, context.people),
            self._collections,
            Enrolment(context, self._preparation, self._groups.place_new),
            self.bulk,
            self._erasing,
            Recognition(context, self._groups.around),
            Templates(context),
            Users(context),
            People(context),
            self._groups,
            DuplicatePeople(context),
            Disagreement(context),
            self._upgrading,
            self._syncing,
            self.completion,
            self.videos,
            Appearances(context),
            self._indexing,
            context.jobs,
        )
        self.handlers: Handlers = {kind: run for one in sections for kind, run in one.handlers().items()}
        self.long_work: dict[JobKind, Handler] = {
            JobKind.PURGE: Purge(context).run,
            JobKind.UPGRADE: self._upgrading.run,
            JobKind.GROUPS: self._groups.run,
        }
        """Handlers by kind of job."""
        if context.keeper is not None:
            self.long_work[JobKind.SYNC] = self._syncing.run
        self.index_work: IndexWork | None = None
        if context.manifests is not None and context.buckets is not None:
            self.index_work = IndexWork(context, context.manifests, context.buckets, self.bulk.index_photographs)
            self.long_work[JobKind.INDEX] = self.index_work.run
        if context.videos is not None:
            self.long_work[JobKind.VIDEO] = Analysis(context, context.videos).run

    def handle(self, operation: Operation[A]) -> A:
        return dispatch(self.handlers, operation)

    def start(self) -> None:
        """Recover from a crash; create the default collection where it does not exist."""
        self._recover_photographs()
        try:
            work_off(self.context)
            self._upgrading.sweep()
            self.videos.sweep()
        except KenspeckleError as error:
            # The service starts even if nothing can be written; it is tried again.
            log.error("what was to be removed is still there: %s", error.message)
            self.context.leave_photographs()
        self._collections.ensure_default()

    def _recover_photographs(self) -> None:
        """Move photographs into their place that were stored as a process died. Raises StorageUnavailable where their
        place is wrong; where it only does not answer now, searches need not wait for it."""
        try:
            self.context.images.recover(self.context.catalog.digests, self.context.catalog.lock)
        except StorageUnavailable as error:
            if error.retry_after is None:
                raise
            log.error("photographs can't be reached, it is tried again: %s", error.message)
            self.context.leave_photographs()

    def work_off(self) -> None:
        """Remove photographs whose last face was deleted and whose bytes were left by a crash, and what upgrades left;
        have the rest of deleted collections removed."""
        work_off(self.context)
        self._upgrading.sweep()
        self.completion.trim()
        self.videos.sweep()
        self._indexing.sweep()
        if self.context.jobs.served and self.context.catalog.has_remains():
            purge_later(self.context, None)

    def close(self) -> None:
        """Wait for photographs that are being looked at and written."""
        self.bulk.close()
        self._preparation.close()

    def info(self, only: Sequence[str] | None = None) -> Mapping[str, object]:
        """Configuration and counts, with `only` of the collections of these names, JSON-ready; never a secret."""
        settings, pack = self.context.settings, self.context.engines.default.pack
        return {
            "recognizer": "local",
            "pack": {
                **pack.described,
                "attributes": ["BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"],
                "attributes_on_request": [str(one) for one in list_offered(gender=settings.gender)],
            },
            "packs": [one.described for one in self.context.engines.packs],
            "collection": settings.collection,
            "face_match_threshold": settings.face_match_threshold,
            "max_faces": settings.max_faces,
            "quality_filter": settings.quality_filter.value,
            "detection_attributes": settings.detection_attributes,
            "gender": settings.gender,
            "search_groups": settings.search_groups,
            "keep_images": settings.keep_images,
            "limits": {
                "max_image_bytes": settings.max_image_bytes,
                "max_image_pixels": settings.max_image_pixels,
                "workers": settings.workers,
                "queue": settings.queue,
                "max_video_bytes": settings.max_video_bytes,
                "max_video_seconds": settings.max_video_seconds,
            },
            "offered": [*OFFERED, *(("video",) if self._takes_videos else ())],
            "counts": dict(self.context.catalog.counts(only)),
        }

    @property
    def _takes_videos(self) -> bool:
        return self.context.videos is not None and self.context.videos.decoder.available

    def ready(self) -> None:
        """Raises StorageUnavailable where the catalog does not answer, or templates are being loaded."""
        self.context.catalog.revision(self.context.settings.collection)
        self.loading.check()
