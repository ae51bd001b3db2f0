"""Users and searches for them, recorded."""

from __future__ import annotations

from collections.abc import Sequence

from kenspeckle.domain import Associated, Page, QualityFilter, User, UserMatch, UserSearch
from kenspeckle.usecases.audit.recognizer.recording import MOST_NAMED, Facts, Recording, given


class AuditedUsers(Recording):
    """The part of `ports.Recognizer` about users."""

    def create_user(self, collection_id: str, user_id: str, token: str | None = None) -> None:
        self._run(
            "CreateUser",
            collection_id,
            lambda: self.inner.create_user(collection_id, user_id, token),
            {"user": user_id},
        )

    def delete_user(self, collection_id: str, user_id: str, token: str | None = None) -> None:
        self._run(
            "DeleteUser",
            collection_id,
            lambda: self.inner.delete_user(collection_id, user_id, token),
            {"user": user_id},
        )

    def get_user(self, collection_id: str, user_id: str) -> User:
        return self._run(
            "GetUser", collection_id, lambda: self.inner.get_user(collection_id, user_id), {"user": user_id}
        )

    def list_users(self, collection_id: str, limit: int = 100, cursor: str | None = None) -> Page[User]:
        return self._run(
            "ListUsers",
            collection_id,
            lambda: self.inner.list_users(collection_id, limit, cursor),
            told=lambda page: _users([one.user_id for one in page.items]),
        )

    def associate_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        *,
        threshold: float = 75.0,
        token: str | None = None,
    ) -> Associated:
        return self._run(
            "AssociateFaces",
            collection_id,
            lambda: self.inner.associate_faces(collection_id, user_id, face_ids, threshold=threshold, token=token),
            {"user": user_id},
            asked=face_ids,
            faces=lambda done: list(done.associated),
            told=lambda done: {"unsuccessful": len(done.unsuccessful)},
        )

    def disassociate_faces(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, token: str | None = None
    ) -> Associated:
        return self._run(
            "DisassociateFaces",
            collection_id,
            lambda: self.inner.disassociate_faces(collection_id, user_id, face_ids, token=token),
            {"user": user_id},
            asked=face_ids,
            faces=lambda done: list(done.associated),
            told=lambda done: {"unsuccessful": len(done.unsuccessful)},
        )

    def search_users(
        self,
        collection_id: str,
        *,
        user_id: str | None = None,
        face_id: str | None = None,
        threshold: float | None = None,
        max_users: int | None = None,
    ) -> tuple[UserMatch, ...]:
        return self._run(
            "SearchUsers",
            collection_id,
            lambda: self.inner.search_users(
                collection_id, user_id=user_id, face_id=face_id, threshold=threshold, max_users=max_users
            ),
            given(user=user_id, face=face_id),
            told=lambda found: _users([one.user.user_id for one in found]),
        )

    def search_users_by_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_users: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> UserSearch:
        return self._run(
            "SearchUsersByImage",
            collection_id,
            lambda: self.inner.search_users_by_image(
                collection_id, image, threshold=threshold, max_users=max_users, quality=quality
            ),
            told=lambda found: _users([one.user.user_id for one in found.matches]),
        )


def _users(ids: Sequence[str]) -> Facts:
    return {"users": list(ids[:MOST_NAMED]), "user_count": len(ids)}
