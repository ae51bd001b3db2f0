"""Collections: create, describe, list, tag, delete."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from kenspeckle.domain import Collection, JobKind, validation
from kenspeckle.domain.operations import (
    CreateCollection,
    DeleteCollection,
    Handlers,
    RetainCollection,
    TagCollection,
    UntagCollection,
)
from kenspeckle.errors import AlreadyExists, Conflict, KenspeckleError, StorageUnavailable
from kenspeckle.usecases.recognition.context import Context

log = logging.getLogger(__name__)

PURGED_AT_ONCE = 2000
"""Faces of a collection that are removed before its deletion is answered."""

REMOVED_AT_ONCE = 250
"""Photographs whose names are held at once, so that nobody waits long who stores one of them."""


class Collections:
    """Operations on collections, their tags and their retention."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict(
            [
                CreateCollection.by(self.create_collection),
                DeleteCollection.by(self.delete_collection),
                RetainCollection.by(self.retain_collection),
                TagCollection.by(self.tag_collection),
                UntagCollection.by(self.untag_collection),
            ]
        )

    def create_collection(self, operation: CreateCollection) -> Collection:
        """Raises AlreadyExists, InvalidValue, ModelMissing. The collection is bound to the contract of its pack."""
        pack = self.context.engines.find_pack(operation.pack)
        self.context.catalog.create_collection(
            Collection(
                collection_id=validation.collection_id(operation.collection_id),
                pack=pack.name,
                contract=pack.contract,
                created_at=self.context.now(),
                tags=validation.tags(operation.tags),
            )
        )
        return self.context.catalog.collection(operation.collection_id)

    def ensure_default(self) -> None:
        """Create the operator's default collection where it does not exist."""
        try:
            self.create_collection(CreateCollection(collection_id=self.context.settings.collection))
        except AlreadyExists:
            return

    def delete_collection(self, operation: DeleteCollection) -> None:
        """Faces, users, tags and photographs go with it; those of a large collection in a job, where jobs run, after
        the answer: nothing finds them then. Raises CollectionNotFound."""
        context, collection_id = self.context, validation.collection_id(operation.collection_id)
        if is_purged_later(context, context.catalog.collection(collection_id)):
            delete_at_once(context, collection_id)
        else:
            erase_collection(context, collection_id)

    def retain_collection(self, operation: RetainCollection) -> Collection:
        """Raises CollectionNotFound, InvalidValue."""
        days = None if operation.days is None else validation.retention_days(operation.days)
        self.context.catalog.set_retention(validation.collection_id(operation.collection_id), days)
        return self.context.catalog.collection(operation.collection_id)

    def tag_collection(self, operation: TagCollection) -> None:
        """Add or change tags. Raises CollectionNotFound, QuotaExceeded."""
        self.context.catalog.set_tags(
            validation.collection_id(operation.collection_id), validation.tags(operation.tags), validation.MAX_TAGS
        )

    def untag_collection(self, operation: UntagCollection) -> None:
        """Absent tags are ignored. Raises CollectionNotFound."""
        self.context.catalog.remove_tags(validation.collection_id(operation.collection_id), operation.keys)


def purge_later(context: Context, collection_id: str | None) -> None:
    """Queue a job that removes what deleted collections have left. One that is queued for the name does it too."""
    with suppress(Conflict):
        context.jobs.submit(JobKind.PURGE, collection_id)


def is_purged_later(context: Context, collection: Collection) -> bool:
    """Whether the collection is so large that a job removes what it has."""
    return context.jobs.served and collection.face_count > PURGED_AT_ONCE


def delete_at_once(context: Context, collection_id: str) -> None:
    """Delete the collection; a job removes what it had."""
    with _uploads_going_too(context):
        messages = context.announcer.collection_deleted(collection_id)
        context.catalog.delete_collection(collection_id, messages, purge=False)
    context.index.forget(collection_id)
    try:
        purge_later(context, collection_id)
    except KenspeckleError:
        log.exception("the rows of a deleted collection are left; housekeeping removes them")


def erase_collection(context: Context, collection_id: str) -> tuple[tuple[str, ...], bool]:
    """Faces, users, tags and photographs; digests of the photographs, and whether nothing is left in any file."""
    with _uploads_going_too(context):
        digests = context.catalog.delete_collection(collection_id, context.announcer.collection_deleted(collection_id))
    context.index.forget(collection_id)
    removed = try_remove(context, digests)
    return digests, context.scrubber.scrub(context.catalog) and removed


@contextmanager
def _uploads_going_too(context: Context) -> Iterator[None]:
    """Remove the videos of jobs that end here, those of the collection; their keys go with it."""
    if context.videos is None:
        yield
        return
    before = context.videos.results.find_staged_uploads()
    yield
    if before:
        try:
            for name in before - context.videos.results.find_staged_uploads():
                context.videos.staged.remove(name)
        except StorageUnavailable as error:
            log.error("videos of a deleted collection are not removed yet, it is tried again: %s", error.message)


def try_remove(context: Context, digests: Sequence[str]) -> bool:
    """Whether the photographs are removed. Where their store does not answer they are removed later: their faces are
    deleted, so an error now would be wrong."""
    try:
        remove_images(context, digests)
    except KenspeckleError as error:
        log.error("photographs of deleted faces are not removed yet, it is tried again: %s", error.message)
        context.leave_photographs()
        return False
    return True


def work_off(context: Context) -> None:
    """Remove photographs whose last face was deleted and whose bytes were left. Raises StorageFull,
    StorageUnavailable."""
    while some := context.catalog.removals(REMOVED_AT_ONCE):
        remove_images(context, some)


def remove_images(context: Context, digests: Sequence[str]) -> None:
    """Remove photographs whose last face went, unless one was indexed again meanwhile; then they are off the list of
    what is still to be removed. Raises StorageFull, StorageUnavailable."""
    for start in range(0, len(digests), REMOVED_AT_ONCE):
        some = digests[start : start + REMOVED_AT_ONCE]
        with context.catalog.lock(some):
            wanted = context.catalog.digests(some)
            context.images.delete([digest for digest in some if digest not in wanted])
            context.catalog.forget_removals(some)
