"""Collections, recorded; their names, counts and tags are no data of a person and are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kenspeckle.domain import Collection, Page
from kenspeckle.usecases.audit.recognizer.recording import MOST_NAMED, Recording


class AuditedCollections(Recording):
    """The part of `ports.Recognizer` about collections."""

    def create_collection(self, collection_id: str, tags: Mapping[str, str] | None = None) -> Collection:
        return self._run("CreateCollection", collection_id, lambda: self.inner.create_collection(collection_id, tags))

    def describe_collection(self, collection_id: str) -> Collection:
        return self.inner.describe_collection(collection_id)

    def list_collections(self, limit: int = 100, cursor: str | None = None) -> Page[Collection]:
        return self.inner.list_collections(limit, cursor)

    def delete_collection(self, collection_id: str) -> None:
        self._run("DeleteCollection", collection_id, lambda: self.inner.delete_collection(collection_id))

    def tags(self, collection_id: str) -> Mapping[str, str]:
        return self.inner.tags(collection_id)

    def tag(self, collection_id: str, tags: Mapping[str, str]) -> None:
        facts = {"keys": sorted(tags)[:MOST_NAMED]}
        self._run("TagResource", collection_id, lambda: self.inner.tag(collection_id, tags), facts)

    def untag(self, collection_id: str, keys: Sequence[str]) -> None:
        facts = {"keys": sorted(keys)[:MOST_NAMED]}
        self._run("UntagResource", collection_id, lambda: self.inner.untag(collection_id, keys), facts)

    def retain(self, collection_id: str, days: int | None) -> Collection:
        return self._run(
            "RetainCollection", collection_id, lambda: self.inner.retain(collection_id, days), {"days": days}
        )
