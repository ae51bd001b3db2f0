"""What every edge speaks to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kenspeckle.domain import (
    Associated,
    Collection,
    Comparison,
    Deleted,
    Erased,
    Erasure,
    Face,
    FaceDetail,
    FaceMatch,
    FaceRecord,
    Image,
    ImageSearch,
    Indexed,
    Page,
    QualityFilter,
    User,
    UserMatch,
    UserSearch,
)


class Recognizer(Protocol):
    """What every edge (REST, wire, command line, Lambda) speaks to. Errors are those of `kenspeckle.errors`.

    Thresholds are similarities, 0..100. `None` for threshold, max_faces or quality means the operator's setting.
    `user token` arguments make a repeated call return the first answer (`IdempotencyMismatch` with other parameters).
    """

    def create_collection(self, collection_id: str, tags: Mapping[str, str] | None = None) -> Collection: ...
    def describe_collection(self, collection_id: str) -> Collection: ...
    def list_collections(self, limit: int = 100, cursor: str | None = None) -> Page[Collection]: ...
    def delete_collection(self, collection_id: str) -> None: ...
    def tags(self, collection_id: str) -> Mapping[str, str]: ...
    def tag(self, collection_id: str, tags: Mapping[str, str]) -> None: ...
    def untag(self, collection_id: str, keys: Sequence[str]) -> None: ...

    def index_faces(
        self,
        collection_id: str,
        image: bytes,
        external_image_id: str | None = None,
        *,
        key: str | None = None,
        metadata: Mapping[str, str] | None = None,
        max_faces: int | None = None,
        quality: QualityFilter | None = None,
    ) -> Indexed: ...
    def get_face(self, collection_id: str, face_id: str) -> FaceRecord: ...
    def list_faces(
        self,
        collection_id: str,
        limit: int = 100,
        cursor: str | None = None,
        *,
        user_id: str | None = None,
        face_ids: Sequence[str] | None = None,
        external_image_id: str | None = None,
    ) -> Page[Face]: ...
    def delete_faces(self, collection_id: str, face_ids: Sequence[str]) -> Deleted:
        """Faces of users stay; `erase` takes them too."""
        ...

    def erase(self, collection_id: str, what: Erasure, name: str = "") -> Erased:
        """Everything of the image key, identity or user `name`, or of the whole collection; with AGE a batch of the
        faces older than `name` days. When it returns, no file of the service holds any of it.

        What is named and not there raises IdentityNotFound, ImageNotFound, UserNotFound or CollectionNotFound: nothing
        was erased, so nothing is attested."""
        ...

    def retain(self, collection_id: str, days: int | None) -> Collection:
        """Erase faces once they are so old; None keeps them for good."""
        ...

    def search_faces(
        self,
        collection_id: str,
        face_id: str,
        *,
        threshold: float | None = None,
        max_faces: int | None = None,
    ) -> tuple[FaceMatch, ...]: ...
    def search_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_faces: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
        every_face: bool = False,
    ) -> ImageSearch: ...
    def detect_faces(self, image: bytes) -> tuple[FaceDetail, ...]: ...
    def compare_faces(
        self,
        source: bytes,
        target: bytes,
        *,
        threshold: float | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> Comparison: ...

    def create_user(self, collection_id: str, user_id: str, token: str | None = None) -> None: ...
    def delete_user(self, collection_id: str, user_id: str, token: str | None = None) -> None: ...
    def get_user(self, collection_id: str, user_id: str) -> User: ...
    def list_users(self, collection_id: str, limit: int = 100, cursor: str | None = None) -> Page[User]: ...
    def associate_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        *,
        threshold: float = 75.0,
        token: str | None = None,
    ) -> Associated: ...
    def disassociate_faces(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, token: str | None = None
    ) -> Associated: ...
    def search_users(
        self,
        collection_id: str,
        *,
        user_id: str | None = None,
        face_id: str | None = None,
        threshold: float | None = None,
        max_users: int | None = None,
    ) -> tuple[UserMatch, ...]: ...
    def search_users_by_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_users: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> UserSearch: ...

    def image(self, collection_id: str, key: str) -> tuple[Image, bytes]: ...
    def thumbnail(self, collection_id: str, face_id: str) -> bytes:
        """The face cut out of its photograph, as JPEG."""
        ...

    def info(self) -> Mapping[str, object]:
        """Counts and configuration of the recognizer, JSON-ready; never a secret."""
        ...

    def ready(self) -> None:
        """Raises where the model is not loaded or the catalog does not answer."""
        ...
