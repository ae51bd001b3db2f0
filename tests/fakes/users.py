"""The part of the fake catalog that keeps users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kenspeckle.domain import Page, User, Vector
from kenspeckle.errors import Conflict, QuotaExceeded
from kenspeckle.ports import Answered
from tests.fakes.galleries import Galleries, Gallery, StoredUser

TOKEN_SECONDS = 8 * 3600


class Users(Galleries):
    """Users and the faces that are theirs."""

    def remember(self, collection_id: str, answered: Answered) -> None:
        with self._lock:
            self._kept(self._gallery(collection_id), answered)

    def recall(self, operation: str, token: str, now: float) -> tuple[str, str] | None:
        with self._lock:
            for gallery in self._galleries.values():
                one = gallery.answers.get((operation, token))
                if one is not None and one.now > now - TOKEN_SECONDS:
                    return (one.fingerprint, one.answer)
            return None

    def _kept(self, gallery: Gallery, answered: Answered | None) -> None:
        """Raises Conflict before anything is changed, where the token has an answer."""
        if answered is None:
            return
        if self.recall(answered.operation, answered.token, answered.now) is not None:
            raise Conflict("This token has an answer.")
        gallery.answers[answered.operation, answered.token] = answered

    def create_user(self, user: User, *, answered: Answered | None = None) -> None:
        with self._lock:
            gallery = self._gallery(user.collection_id)
            if any(stored.user.user_id == user.user_id for stored in gallery.users.values()):
                raise Conflict(f"A user '{user.user_id}' exists.", field="user_id")
            self._kept(gallery, answered)
            gallery.users[self._next("user")] = StoredUser(replace(user, face_count=0))
            self._wrote(gallery)

    def delete_user(self, collection_id: str, user_id: str, *, answered: Answered | None = None) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            row = self._user_row(gallery, user_id)
            self._kept(gallery, answered)
            for stored in gallery.faces.values():
                stored.user = None if stored.user == row else stored.user
            had = gallery.users.pop(row).template is not None
            self._wrote(gallery, [("user", row)] if had else [])

    def user(self, collection_id: str, user_id: str) -> tuple[User, Vector | None]:
        with self._lock:
            gallery = self._gallery(collection_id)
            stored = gallery.users[self._user_row(gallery, user_id)]
            return stored.user, stored.template

    def users(self, collection_id: str, limit: int, cursor: str | None) -> Page[User]:
        with self._lock:
            rows = {row: stored.user for row, stored in self._gallery(collection_id).users.items()}
            return self._page(rows, limit, cursor, "users", collection_id)

    def user_templates(self, collection_id: str, user_id: str) -> tuple[tuple[str, Vector], ...]:
        with self._lock:
            gallery = self._gallery(collection_id)
            row = self._user_row(gallery, user_id)
            return tuple(
                (stored.new.face_id, stored.new.template) for stored in gallery.faces.values() if stored.user == row
            )

    def link_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        template: Vector | None,
        limit: int,
        *,
        among: Sequence[str] | None = None,
        contract: str | None = None,
        answered: Answered | None = None,
    ) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            self._check_contract(gallery, contract)
            user = self._user_row(gallery, user_id)
            self._check_members(gallery, user, among)
            rows = {stored.new.face_id: row for row, stored in gallery.faces.items()}
            for face_id in face_ids:
                if face_id not in rows or gallery.faces[rows[face_id]].user not in (None, user):
                    raise Conflict("A face is gone or belongs to another user meanwhile; ask again.", field="face_ids")
            members = {row for row, stored in gallery.faces.items() if stored.user == user}
            members.update(rows[face_id] for face_id in face_ids)
            if len(members) > limit:
                raise QuotaExceeded(f"A user takes at most {limit} faces.", field="face_ids")
            self._kept(gallery, answered)
            self._set_members(gallery, user, members, template)

    def unlink_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        template: Vector | None,
        *,
        among: Sequence[str] | None = None,
        contract: str | None = None,
        answered: Answered | None = None,
    ) -> None:
        with self._lock:
            gallery = self._gallery(collection_id)
            self._check_contract(gallery, contract)
            user = self._user_row(gallery, user_id)
            self._check_members(gallery, user, among)
            members = {row for row, stored in gallery.faces.items() if stored.user == user}
            leaving = {row for row in members if gallery.faces[row].new.face_id in face_ids}
            if len(leaving) < len(set(face_ids)) or (members == leaving) != (template is None):
                raise Conflict("The user's faces changed meanwhile; ask again.", field="face_ids")
            self._kept(gallery, answered)
            self._set_members(gallery, user, members - leaving, template)
