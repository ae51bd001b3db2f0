"""The half of the recognizer without eyes that knows collections and users, and what it thinks a face is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kenspeckle.domain import (
    Associated,
    Box,
    FaceDetail,
    FaceRecord,
    Landmark,
    Page,
    Pose,
    Quality,
    Reason,
    UnindexedFace,
    UnsuccessfulFace,
    User,
    UserMatch,
    UserSearch,
    validation,
)
from kenspeckle.domain import operations as ops
from kenspeckle.errors import CollectionNotFound, Conflict, UnsupportedImage, UserNotFound

MODEL = "fake-1"
DETAIL = FaceDetail(
    Box(0.25, 0.125, 0.5, 0.5),
    99.5,
    tuple(Landmark(kind, 0.5, 0.5) for kind in ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")),
    Pose(1.0, 2.0, 3.0),
    Quality(60.0, 70.0),
)
SMALL = replace(DETAIL, box=Box(0.0, 0.0, 0.1, 0.1))


class FakeUsers:
    """The users of `ports.Recognizer`, in memory."""

    records: dict[str, dict[str, FaceRecord]]
    people: dict[str, dict[str, User]]

    def of_users(self) -> list[tuple[Any, Any]]:
        return [
            ops.AssociateFaces.by(self.associate_faces),
            ops.CreateUser.by(self.create_user),
            ops.DeleteUser.by(self.delete_user),
            ops.DisassociateFaces.by(self.disassociate_faces),
            ops.GetUser.by(self.get_user),
            ops.ListUsers.by(self.list_users),
            ops.SearchUsers.by(self.search_users),
            ops.SearchUsersByImage.by(self.search_users_by_image),
        ]

    def create_user(self, operation: ops.CreateUser) -> None:
        self._faces(operation.collection_id)
        if validation.user_id(operation.user_id) in self.people[operation.collection_id]:
            raise Conflict("The user exists.", field="user_id")
        self.people[operation.collection_id][operation.user_id] = User(
            operation.user_id, operation.collection_id, "CREATED", 1.7e9
        )

    def delete_user(self, operation: ops.DeleteUser) -> None:
        self._user(operation.collection_id, operation.user_id)
        del self.people[operation.collection_id][operation.user_id]

    def get_user(self, operation: ops.GetUser) -> User:
        return self._user(operation.collection_id, operation.user_id)

    def _user(self, collection_id: str, user_id: str) -> User:
        self._faces(collection_id)
        try:
            return self.people[collection_id][validation.user_id(user_id)]
        except KeyError:
            raise UserNotFound("There is no such user.", field="user_id") from None

    def list_users(self, operation: ops.ListUsers) -> Page[User]:
        self._faces(operation.collection_id)
        return page(list(self.people[operation.collection_id].values()), operation.limit, operation.cursor)

    def associate_faces(self, operation: ops.AssociateFaces) -> Associated:
        user = self._user(operation.collection_id, operation.user_id)
        faces = self._faces(operation.collection_id)
        done = [one for one in operation.face_ids if one in faces]
        for one in done:
            faces[one] = replace(faces[one], face=replace(faces[one].face, user_id=operation.user_id))
        refused = tuple(UnsuccessfulFace(one, ("FACE_NOT_FOUND",)) for one in operation.face_ids if one not in faces)
        self.people[operation.collection_id][operation.user_id] = replace(
            user, status="ACTIVE", face_count=user.face_count + len(done)
        )
        return Associated(tuple(done), refused, "ACTIVE")

    def disassociate_faces(self, operation: ops.DisassociateFaces) -> Associated:
        self._user(operation.collection_id, operation.user_id)
        faces = self._faces(operation.collection_id)
        done = [one for one in operation.face_ids if one in faces and faces[one].face.user_id == operation.user_id]
        for one in done:
            faces[one] = replace(faces[one], face=replace(faces[one].face, user_id=None))
        refused = tuple(UnsuccessfulFace(one, ("FACE_NOT_FOUND",)) for one in operation.face_ids if one not in done)
        return Associated(tuple(done), refused, "ACTIVE")

    def search_users(self, operation: ops.SearchUsers) -> tuple[UserMatch, ...]:
        if operation.user_id is not None:
            self._user(operation.collection_id, operation.user_id)
        return tuple(
            UserMatch(one, 96.0)
            for one in self.people[operation.collection_id].values()
            if one.user_id != operation.user_id
        )

    def search_users_by_image(self, operation: ops.SearchUsersByImage) -> UserSearch:
        self._faces(operation.collection_id)
        seen = self._look(operation.image)
        if not seen:
            return UserSearch(None, (), (), MODEL)
        people = tuple(UserMatch(one, 96.0) for one in self.people[operation.collection_id].values())
        return UserSearch(DETAIL, people, (UnindexedFace(SMALL, (Reason.FACE_NOT_LARGEST,)),), MODEL)

    def _faces(self, collection_id: str) -> dict[str, FaceRecord]:
        if collection_id not in self.records:
            raise CollectionNotFound(f"The collection id: {collection_id} does not exist.", field="collection")
        return self.records[collection_id]

    @staticmethod
    def _look(image: bytes) -> list[str]:
        if not image.startswith(b"\xff\xd8FACE"):
            raise UnsupportedImage("These bytes are no image that is taken: JPEG, PNG, WebP.", field="image")
        names = image[6:].split(b"\n")[0].decode().strip()
        return [name.strip() for name in names.split("&") if name.strip()]


def page(items: list[Any], limit: int, cursor: str | None) -> Page[Any]:
    start = int(cursor or 0)
    rest = start + limit
    return Page(tuple(items[start:rest]), str(rest) if rest < len(items) else None)
