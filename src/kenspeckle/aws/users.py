"""Users of Rekognition, with a row each for their time of creation."""

from __future__ import annotations

from typing import Any

from kenspeckle.aws import rows
from kenspeckle.aws.context import Context
from kenspeckle.aws.removal import Removal
from kenspeckle.domain import Associated, Page, User, UserMatch, UserSearch, validation
from kenspeckle.domain.operations import (
    AssociateFaces,
    CreateUser,
    DeleteUser,
    DisassociateFaces,
    GetUser,
    Handlers,
    ListUsers,
    SearchUsers,
    SearchUsersByImage,
)
from kenspeckle.errors import InvalidValue
from kenspeckle.shapes import load

MOST_USERS = 500


class Users:
    """What the managed recognizer does with users."""

    def __init__(self, context: Context, removal: Removal) -> None:
        self.context = context
        self.removal = removal

    def handlers(self) -> Handlers:
        return dict(
            [
                CreateUser.by(self.create_user),
                DeleteUser.by(self.delete_user),
                GetUser.by(self.get_user),
                ListUsers.by(self.list_users),
                AssociateFaces.by(self.associate_faces),
                DisassociateFaces.by(self.disassociate_faces),
                SearchUsers.by(self.search_users),
                SearchUsersByImage.by(self.search_users_by_image),
            ]
        )

    def create_user(self, operation: CreateUser) -> None:
        """Raises CollectionNotFound, Conflict where the user exists, IdempotencyMismatch."""
        self.context.amazon.rekognition(
            "create_user", **_of(operation.collection_id, operation.user_id), **_token(operation.token)
        )
        self.context.table.save(
            {
                rows.KEY: rows.user_row(operation.collection_id, operation.user_id),
                "CollectionId": operation.collection_id,
                "Order": rows.USER_ORDER + operation.user_id,
                "CreatedAt": self.context.now(),
            }
        )

    def delete_user(self, operation: DeleteUser) -> None:
        """The user's faces stay in the collection. Raises CollectionNotFound, UserNotFound, IdempotencyMismatch."""
        self.removal.user(
            validation.collection_id(operation.collection_id),
            validation.user_id(operation.user_id),
            **_token(operation.token),
        )

    def get_user(self, operation: GetUser) -> User:
        """Raises CollectionNotFound, UserNotFound."""
        answer = self.context.amazon.rekognition(
            "list_faces", **_of(operation.collection_id, operation.user_id), MaxResults=validation.MAX_FACES_A_USER
        )
        row = self.context.table.row(rows.user_row(operation.collection_id, operation.user_id)) or {}
        count = len(answer.get("Faces", ()))
        return User(
            operation.user_id,
            operation.collection_id,
            "ACTIVE" if count else "CREATED",
            float(row.get("CreatedAt", 0.0)),
            count,
        )

    def list_users(self, operation: ListUsers) -> Page[User]:
        """Raises CollectionNotFound, InvalidCursor."""
        answer = self.context.amazon.rekognition(
            "list_users",
            CollectionId=validation.collection_id(operation.collection_id),
            MaxResults=validation.count(operation.limit, MOST_USERS, "limit"),
            **({} if operation.cursor is None else {"NextToken": operation.cursor}),
        )
        users = tuple(load.user(one, operation.collection_id) for one in answer.get("Users", ()))
        return Page(users, answer.get("NextToken"))

    def associate_faces(self, operation: AssociateFaces) -> Associated:
        """Raises CollectionNotFound, UserNotFound, QuotaExceeded beyond 100 faces, Conflict, IdempotencyMismatch."""
        answer = self.context.amazon.rekognition(
            "associate_faces",
            **_of(operation.collection_id, operation.user_id),
            FaceIds=list(validation.face_ids(operation.face_ids, validation.MAX_FACES_A_USER)),
            UserMatchThreshold=validation.threshold(operation.threshold, "user_match_threshold"),
            **_token(operation.token),
        )
        return load.associated(answer)

    def disassociate_faces(self, operation: DisassociateFaces) -> Associated:
        """Take faces from the user; they stay in the collection. Raises CollectionNotFound, UserNotFound, Conflict."""
        answer = self.context.amazon.rekognition(
            "disassociate_faces",
            **_of(operation.collection_id, operation.user_id),
            FaceIds=list(validation.face_ids(operation.face_ids, validation.MAX_FACES_A_USER)),
            **_token(operation.token),
        )
        return load.associated(answer)

    def search_users(self, operation: SearchUsers) -> tuple[UserMatch, ...]:
        """Users like a stored user (who is not among them) or a stored face. Exactly one of the two ids.

        Raises CollectionNotFound, UserNotFound, FaceNotFound, InvalidValue."""
        if (operation.user_id is None) == (operation.face_id is None):
            raise InvalidValue("Name either a user or a face to search with, and not both.", field="user_id")
        with self.context.stages.time("search"):
            answer = self.context.amazon.rekognition(
                "search_users",
                CollectionId=validation.collection_id(operation.collection_id),
                **({"FaceId": validation.face_id(operation.face_id)} if operation.face_id is not None else {}),
                **({"UserId": validation.user_id(operation.user_id)} if operation.user_id is not None else {}),
                **self._user_bounds(operation.threshold, operation.max_users),
            )
        return load.user_matches(answer.get("UserMatches", ()), operation.collection_id)

    def search_users_by_image(self, operation: SearchUsersByImage) -> UserSearch:
        """Users like the photograph's largest face; without a face that passes the bar, an empty answer."""
        self.context.judge(operation.image)
        with self.context.stages.time("search"):
            answer = self.context.amazon.rekognition(
                "search_users_by_image",
                CollectionId=validation.collection_id(operation.collection_id),
                Image={"Bytes": operation.image},
                QualityFilter=operation.quality.value,
                **self._user_bounds(operation.threshold, operation.max_users),
            )
        return load.user_search(answer, operation.collection_id)

    def _user_bounds(self, threshold: float | None, max_users: int | None) -> dict[str, Any]:
        settings = self.context.settings
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
