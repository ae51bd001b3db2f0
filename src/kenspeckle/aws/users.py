"""Users: Rekognition's, with a row each that says when they were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kenspeckle.aws import rows
from kenspeckle.aws.context import Parts
from kenspeckle.aws.removal import Removal
from kenspeckle.domain import Associated, Page, QualityFilter, User, UserMatch, UserSearch, validation
from kenspeckle.errors import InvalidValue
from kenspeckle.shapes import load

MOST_USERS = 500


class Users:
    """The user part of `ports.Recognizer`."""

    parts: Parts
    removal: Removal

    def create_user(self, collection_id: str, user_id: str, token: str | None = None) -> None:
        """Raises CollectionNotFound, Conflict where the user exists, IdempotencyMismatch."""
        self.parts.amazon.rekognition("create_user", **_of(collection_id, user_id), **_token(token))
        self.parts.table.save(
            {
                rows.KEY: rows.user_row(collection_id, user_id),
                "CollectionId": collection_id,
                "Order": rows.USER_ORDER + user_id,
                "CreatedAt": self.parts.now(),
            }
        )

    def delete_user(self, collection_id: str, user_id: str, token: str | None = None) -> None:
        """The user's faces stay, no longer anyone's. Raises CollectionNotFound, UserNotFound, IdempotencyMismatch."""
        self.removal.user(validation.collection_id(collection_id), validation.user_id(user_id), **_token(token))

    def get_user(self, collection_id: str, user_id: str) -> User:
        """Raises CollectionNotFound, UserNotFound."""
        answer = self.parts.amazon.rekognition(
            "list_faces", **_of(collection_id, user_id), MaxResults=validation.MAX_FACES_A_USER
        )
        row = self.parts.table.row(rows.user_row(collection_id, user_id)) or {}
        count = len(answer.get("Faces", ()))
        return User(user_id, collection_id, "ACTIVE" if count else "CREATED", float(row.get("CreatedAt", 0.0)), count)

    def list_users(self, collection_id: str, limit: int = 100, cursor: str | None = None) -> Page[User]:
        """Raises CollectionNotFound, InvalidCursor."""
        answer = self.parts.amazon.rekognition(
            "list_users",
            CollectionId=validation.collection_id(collection_id),
            MaxResults=validation.count(limit, MOST_USERS, "limit"),
            **({} if cursor is None else {"NextToken": cursor}),
        )
        users = tuple(
            User(one["UserId"], collection_id, one.get("UserStatus", "ACTIVE"), 0.0) for one in answer.get("Users", ())
        )
        return Page(users, answer.get("NextToken"))

    def associate_faces(
        self,
        collection_id: str,
        user_id: str,
        face_ids: Sequence[str],
        *,
        threshold: float = 75.0,
        token: str | None = None,
    ) -> Associated:
        """Raises CollectionNotFound, UserNotFound, QuotaExceeded beyond 100 faces, Conflict, IdempotencyMismatch."""
        answer = self.parts.amazon.rekognition(
            "associate_faces",
            **_of(collection_id, user_id),
            FaceIds=list(validation.face_ids(face_ids, validation.MAX_FACES_A_USER)),
            UserMatchThreshold=validation.threshold(threshold, "user_match_threshold"),
            **_token(token),
        )
        return _associated(answer, "AssociatedFaces", "UnsuccessfulFaceAssociations")

    def disassociate_faces(
        self, collection_id: str, user_id: str, face_ids: Sequence[str], *, token: str | None = None
    ) -> Associated:
        """Take faces from the user; they stay in the collection. Raises CollectionNotFound, UserNotFound, Conflict."""
        answer = self.parts.amazon.rekognition(
            "disassociate_faces",
            **_of(collection_id, user_id),
            FaceIds=list(validation.face_ids(face_ids, validation.MAX_FACES_A_USER)),
            **_token(token),
        )
        return _associated(answer, "DisassociatedFaces", "UnsuccessfulFaceDisassociations")

    def search_users(
        self,
        collection_id: str,
        *,
        user_id: str | None = None,
        face_id: str | None = None,
        threshold: float | None = None,
        max_users: int | None = None,
    ) -> tuple[UserMatch, ...]:
        """Users like a stored user (who is not among them) or a stored face. Exactly one of the two ids.

        Raises CollectionNotFound, UserNotFound, FaceNotFound, InvalidValue."""
        if (user_id is None) == (face_id is None):
            raise InvalidValue("Name either a user or a face to search with, and not both.", field="user_id")
        with self.parts.timed("search"):
            answer = self.parts.amazon.rekognition(
                "search_users",
                CollectionId=validation.collection_id(collection_id),
                **({"FaceId": validation.face_id(face_id)} if face_id is not None else {}),
                **({"UserId": validation.user_id(user_id)} if user_id is not None else {}),
                **self._user_bounds(threshold, max_users),
            )
        return load.user_matches(answer.get("UserMatches", ()), collection_id)

    def search_users_by_image(
        self,
        collection_id: str,
        image: bytes,
        *,
        threshold: float | None = None,
        max_users: int | None = None,
        quality: QualityFilter = QualityFilter.NONE,
    ) -> UserSearch:
        """Users like the photograph's largest face; without a face that passes the bar, an empty answer."""
        self.parts.judge(image)
        with self.parts.timed("search"):
            answer = self.parts.amazon.rekognition(
                "search_users_by_image",
                CollectionId=validation.collection_id(collection_id),
                Image={"Bytes": image},
                QualityFilter=quality.value,
                **self._user_bounds(threshold, max_users),
            )
        searched = answer.get("SearchedFace", {}).get("FaceDetail")
        return UserSearch(
            None if searched is None else load.detail(searched),
            load.user_matches(answer.get("UserMatches", ()), collection_id),
            load.unindexed(answer.get("UnsearchedFaces", ())),
            str(answer.get("FaceModelVersion", "")),
        )

    def _user_bounds(self, threshold: float | None, max_users: int | None) -> dict[str, Any]:
        settings = self.parts.settings
        least = settings.face_match_threshold if threshold is None else threshold
        most = min(settings.max_faces, MOST_USERS) if max_users is None else max_users
        return {
            "UserMatchThreshold": validation.threshold(least, "user_match_threshold"),
            "MaxUsers": validation.count(most, MOST_USERS, "max_users"),
        }


def _of(collection_id: str, user_id: str) -> dict[str, Any]:
    return {"CollectionId": validation.collection_id(collection_id), "UserId": validation.user_id(user_id)}


def _token(token: str | None) -> dict[str, str]:
    return {} if token is None else {"ClientRequestToken": token}


def _associated(answer: dict[str, Any], done: str, failed: str) -> Associated:
    return Associated(
        tuple(one["FaceId"] for one in answer.get(done, ())),
        load.unsuccessful(answer.get(failed, ())),
        str(answer.get("UserStatus", "ACTIVE")),
    )
