"""Galleries: create, describe, list, tag, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kenspeckle.domain import Collection, Page
from kenspeckle.errors import AlreadyExists
from kenspeckle.usecases import rules
from kenspeckle.usecases.parts import Parts


class Collections:
    """The collection half of `ports.Recognizer`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def create_collection(self, collection_id: str, tags: Mapping[str, str] | None = None) -> Collection:
        """Raises AlreadyExists, InvalidValue. The collection is bound to the engine's pack for good."""
        pack = self.parts.engine.pack
        self.parts.catalog.create_collection(
            Collection(
                collection_id=rules.collection_id(collection_id),
                pack=pack.name,
                contract=pack.contract,
                created_at=self.parts.now(),
                tags=rules.tags(tags or {}),
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
        return self.parts.catalog.collection(rules.collection_id(collection_id))

    def list_collections(self, limit: int = 100, cursor: str | None = None) -> Page[Collection]:
        """Raises InvalidCursor."""
        return self.parts.catalog.collections(rules.count(limit, rules.MAX_PAGE, "limit"), cursor)

    def delete_collection(self, collection_id: str) -> None:
        """Faces, users, tags and photographs go with it. Raises CollectionNotFound."""
        digests = self.parts.catalog.delete_collection(rules.collection_id(collection_id))
        self.parts.index.forget(collection_id)
        remove_images(self.parts, digests)

    def tags(self, collection_id: str) -> Mapping[str, str]:
        """Raises CollectionNotFound."""
        return self.parts.catalog.tags(rules.collection_id(collection_id))

    def tag(self, collection_id: str, tags: Mapping[str, str]) -> None:
        """Add or change tags. Raises CollectionNotFound, QuotaExceeded."""
        self.parts.catalog.set_tags(rules.collection_id(collection_id), rules.tags(tags), rules.MAX_TAGS)

    def untag(self, collection_id: str, keys: Sequence[str]) -> None:
        """Absent tags are fine. Raises CollectionNotFound."""
        self.parts.catalog.remove_tags(rules.collection_id(collection_id), keys)


def remove_images(parts: Parts, digests: Sequence[str]) -> None:
    """Remove photographs whose last face went, unless one was indexed again meanwhile."""
    if not digests:
        return
    with parts.digests.hold(digests):
        wanted = parts.catalog.digests(digests)
        parts.images.delete([digest for digest in digests if digest not in wanted])
