"""Galleries: create, describe, list, tag, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kenspeckle.domain import Collection, Page, validation
from kenspeckle.errors import AlreadyExists
from kenspeckle.usecases.recognition.context import Parts

REMOVED_AT_ONCE = 250
"""Photographs whose names are held at once, so that nobody waits long who stores one of them."""


class Collections:
    """The collection half of `ports.Recognizer`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def create_collection(self, collection_id: str, tags: Mapping[str, str] | None = None) -> Collection:
        """Raises AlreadyExists, InvalidValue. The collection is bound to the engine's pack for good."""
        pack = self.parts.engine.pack
        self.parts.catalog.create_collection(
            Collection(
                collection_id=validation.collection_id(collection_id),
                pack=pack.name,
                contract=pack.contract,
                created_at=self.parts.now(),
                tags=validation.tags(tags or {}),
            )
        )
        return self.parts.catalog.collection(collection_id)

    def ensure_default_collection(self) -> None:
        """Create the operator's default collection where it is not there yet."""
        try:
            self.create_collection(self.parts.settings.collection)
        except AlreadyExists:
            return

    def describe_collection(self, collection_id: str) -> Collection:
        """Raises CollectionNotFound."""
        return self.parts.catalog.collection(validation.collection_id(collection_id))

    def list_collections(self, limit: int = 100, cursor: str | None = None) -> Page[Collection]:
        """Raises InvalidCursor."""
        return self.parts.catalog.collections(validation.count(limit, validation.MAX_PAGE, "limit"), cursor)

    def delete_collection(self, collection_id: str) -> None:
        """Faces, users, tags and photographs go with it. Raises CollectionNotFound."""
        erase_collection(self.parts, validation.collection_id(collection_id))

    def tags(self, collection_id: str) -> Mapping[str, str]:
        """Raises CollectionNotFound."""
        return self.parts.catalog.tags(validation.collection_id(collection_id))

    def tag(self, collection_id: str, tags: Mapping[str, str]) -> None:
        """Add or change tags. Raises CollectionNotFound, QuotaExceeded."""
        self.parts.catalog.set_tags(validation.collection_id(collection_id), validation.tags(tags), validation.MAX_TAGS)

    def untag(self, collection_id: str, keys: Sequence[str]) -> None:
        """Absent tags are fine. Raises CollectionNotFound."""
        self.parts.catalog.remove_tags(validation.collection_id(collection_id), keys)


def erase_collection(parts: Parts, collection_id: str) -> tuple[tuple[str, ...], bool]:
    """Faces, users, tags and photographs; digests of the photographs, and whether nothing is left in any file."""
    digests = parts.catalog.delete_collection(collection_id, parts.announcer.collection_deleted(collection_id))
    parts.index.forget(collection_id)
    remove_images(parts, digests)
    return digests, parts.scrubber.scrub(parts.catalog)


def remove_images(parts: Parts, digests: Sequence[str]) -> None:
    """Remove photographs whose last face went, unless one was indexed again meanwhile; then they are off the list of
    what is still to be removed."""
    for start in range(0, len(digests), REMOVED_AT_ONCE):
        some = digests[start : start + REMOVED_AT_ONCE]
        with parts.catalog.lock(some):
            wanted = parts.catalog.digests(some)
            parts.images.delete([digest for digest in some if digest not in wanted])
            parts.catalog.removed(some)
