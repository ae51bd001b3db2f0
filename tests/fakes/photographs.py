"""The part of the fake catalog that knows photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kenspeckle.domain import Image, Reason
from tests.fakes.galleries import Galleries


class Photographs(Galleries):
    """Photographs by name, and those whose files have to go; nothing is encrypted."""

    def removals(self, limit: int) -> tuple[str, ...]:
        with self._lock:
            return tuple(sorted(self._removals)[:limit])

    def photograph_name(self, collection_id: str, digest: str) -> str:
        self._gallery(collection_id)
        return digest

    def seal_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes:
        return data

    def open_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes:
        return data

    def faceless(self, collection_id: str, digests: Sequence[str]) -> Mapping[str, tuple[str, tuple[Reason, ...]]]:
        with self._lock:
            known = self._gallery(collection_id).faceless
            return {one: known[one][:2] for one in digests if one in known}

    def remember_faceless(
        self, collection_id: str, asked: str, some: Mapping[str, tuple[Reason, ...]], now: float
    ) -> None:
        with self._lock:
            self._gallery(collection_id).faceless.update({one: (asked, why, now) for one, why in some.items()})

    def forget_faceless(self, collection_id: str, before: float) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            gallery.faceless = {one: known for one, known in gallery.faceless.items() if known[2] >= before}

    def forget_removals(self, digests: Sequence[str]) -> None:
        with self._lock:
            self._removals -= set(digests)

    def scrub(self, *, thorough: bool = False) -> bool:
        """Memory forgets by itself."""
        return True

    def image(self, collection_id: str, key: str) -> Image:
        return self._newest_image(collection_id, lambda image: image.key == key, f"No photograph lies under '{key}'.")

    def image_of(self, collection_id: str, image_id: str) -> Image:
        return self._newest_image(collection_id, lambda image: image.image_id == image_id, f"No image '{image_id}'.")

    def thumbnail(self, collection_id: str, face_id: str) -> bytes | None:
        with self._lock:
            gallery = self._gallery(collection_id)
            return gallery.faces[self._face_row(gallery, face_id)].new.thumbnail
