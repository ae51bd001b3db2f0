"""The part of the fake catalog that keeps collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kenspeckle.domain import Collection, Page, WebhookMessage
from kenspeckle.errors import AlreadyExists, QuotaExceeded
from tests.fakes.galleries import Galleries, Gallery


class Collections(Galleries):
    """Collections, their tags and how long they keep."""

    def create_collection(self, collection: Collection) -> None:
        with self._lock:
            if collection.collection_id in self._galleries:
                raise AlreadyExists(f"A collection named '{collection.collection_id}' exists.", field="collection_id")
            self._order[collection.collection_id] = self._next("collection")
            self._galleries[collection.collection_id] = Gallery(
                collection, self._floor, self._floor, dict(collection.tags)
            )

    def collection(self, collection_id: str) -> Collection:
        with self._lock:
            gallery = self._gallery(collection_id)
            return replace(
                gallery.collection,
                revision=gallery.revision,
                face_count=len(gallery.faces),
                user_count=len(gallery.users),
                tags=dict(gallery.tags),
            )

    def collections(self, limit: int, cursor: str | None, only: Sequence[str] | None = None) -> Page[Collection]:
        with self._lock:
            named = [one for one in self._galleries if only is None or one in only]
            rows = {self._order[one]: self.collection(one) for one in named}
            return self._page(rows, limit, cursor, "collections")

    def delete_collection(
        self, collection_id: str, messages: Sequence[WebhookMessage] = (), *, purge: bool = True
    ) -> tuple[str, ...]:
        with self._lock:
            self.messages += messages
            gallery = self._gallery(collection_id)
            del self._galleries[collection_id]
            self._floor = max(self._floor, gallery.revision + 1)
            unreferenced = self._unreferenced(photo.image.digest for photo in gallery.photos.values())
            self._removals |= set(unreferenced)
            return unreferenced if purge else ()

    def digests_only_of(self, collection_id: str, limit: int) -> tuple[str, ...]:
        with self._lock:
            mine = {photo.image.digest for photo in self._gallery(collection_id).photos.values()}
            others = [one for name, one in self._galleries.items() if name != collection_id]
            elsewhere = {photo.image.digest for one in others for photo in one.photos.values() if photo.image.kept}
            return tuple(sorted(mine - elsewhere)[:limit])

    def drop_deleted_keys(self) -> None:
        """Nothing is held."""

    def has_remains(self) -> bool:
        return False

    def purge_some(self, most: int) -> int:
        return 0

    def tags(self, collection_id: str) -> Mapping[str, str]:
        with self._lock:
            return dict(self._gallery(collection_id).tags)

    def set_tags(self, collection_id: str, tags: Mapping[str, str], limit: int) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            if len({**gallery.tags, **tags}) > limit:
                raise QuotaExceeded(f"A collection takes at most {limit} tags.", field="tags")
            gallery.tags.update(tags)
            self._wrote(gallery)

    def remove_tags(self, collection_id: str, keys: Sequence[str]) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            for key in keys:
                gallery.tags.pop(key, None)
            self._wrote(gallery)

    def set_retention(self, collection_id: str, days: int | None) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            gallery.collection = replace(gallery.collection, retention_days=days)
            self._wrote(gallery)
