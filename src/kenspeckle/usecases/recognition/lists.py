"""Lists and descriptions of what is stored: the operations that the catalog answers alone, without engine, index and
photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Never

from kenspeckle.domain import Collection, Face, FaceRecord, Group, Page, Person, User, validation
from kenspeckle.domain.operations import (
    A,
    DescribeCollection,
    GetFace,
    GetPerson,
    GetUser,
    Handlers,
    ListCollections,
    ListFaces,
    ListGroups,
    ListPeople,
    ListPersonFaces,
    ListTags,
    ListUsers,
    Operation,
    dispatch,
)
from kenspeckle.domain.people import MAX_NAME
from kenspeckle.errors import InvalidValue, NotOffered
from kenspeckle.usecases.recognition.adoption import adopt

if TYPE_CHECKING:
    from kenspeckle.ports import Catalog, People


class Lists:
    """What reads the catalog. `people`: None for a catalog that has none."""

    def __init__(self, catalog: Catalog, people: People | None) -> None:
        self._catalog = catalog
        self._people = people

    def handlers(self) -> Handlers:
        return dict(
            [
                ListCollections.by(self.list_collections),
                DescribeCollection.by(self.describe_collection),
                ListTags.by(self.list_tags),
                ListFaces.by(self.list_faces),
                GetFace.by(self.get_face),
                ListUsers.by(self.list_users),
                GetUser.by(self.get_user),
                ListPeople.by(self.list_people),
                GetPerson.by(self.get_person),
                ListPersonFaces.by(self.list_person_faces),
                ListGroups.by(self.list_groups),
            ]
        )

    def list_collections(self, operation: ListCollections) -> Page[Collection]:
        """Raises InvalidCursor."""
        return self._catalog.collections(_page(operation.limit), operation.cursor, operation.only)

    def describe_collection(self, operation: DescribeCollection) -> Collection:
        """Raises CollectionNotFound."""
        return self._catalog.collection(validation.collection_id(operation.collection_id))

    def list_tags(self, operation: ListTags) -> Mapping[str, str]:
        """Raises CollectionNotFound."""
        return self._catalog.tags(validation.collection_id(operation.collection_id))

    def list_faces(self, operation: ListFaces) -> Page[Face]:
        """Faces in the order they were stored, filtered. Raises CollectionNotFound, UserNotFound, InvalidCursor."""
        return self._catalog.faces(
            validation.collection_id(operation.collection_id),
            _page(operation.limit),
            operation.cursor,
            user_id=operation.user_id,
            face_ids=validation.face_ids(operation.face_ids) if operation.face_ids else None,
            external_image_id=operation.external_image_id,
        )

    def get_face(self, operation: GetFace) -> FaceRecord:
        """Raises CollectionNotFound, FaceNotFound."""
        return self._catalog.face(
            validation.collection_id(operation.collection_id), validation.face_id(operation.face_id)
        )[0]

    def list_users(self, operation: ListUsers) -> Page[User]:
        """Raises CollectionNotFound, InvalidCursor."""
        most = validation.count(operation.limit, validation.MAX_USERS, "limit")
        return self._catalog.users(validation.collection_id(operation.collection_id), most, operation.cursor)

    def get_user(self, operation: GetUser) -> User:
        """Raises CollectionNotFound, UserNotFound."""
        return self._catalog.user(
            validation.collection_id(operation.collection_id), validation.user_id(operation.user_id)
        )[0]

    def list_people(self, operation: ListPeople) -> Page[Person]:
        """Raises CollectionNotFound, InvalidCursor, InvalidValue for a name that is too long."""
        if operation.name is not None and len(operation.name) > MAX_NAME:
            raise InvalidValue(f"A name to search by has at most {MAX_NAME} characters.", field="name")
        return adopt(self._people, operation.collection_id).people(
            operation.collection_id,
            _page(operation.limit),
            operation.cursor,
            name=operation.name or None,
            hidden=operation.hidden,
        )

    def get_person(self, operation: GetPerson) -> Person:
        """Raises CollectionNotFound, PersonNotFound."""
        return adopt(self._people, operation.collection_id).person(
            operation.collection_id, validation.person_id(operation.person_id)
        )

    def list_person_faces(self, operation: ListPersonFaces) -> Page[Face]:
        """Raises CollectionNotFound, PersonNotFound, InvalidCursor."""
        return adopt(self._people, operation.collection_id).faces_of_person(
            operation.collection_id,
            validation.person_id(operation.person_id),
            _page(operation.limit),
            operation.cursor,
        )

    def list_groups(self, operation: ListGroups) -> Page[Group]:
        """Faces without a name that belong together. Raises CollectionNotFound, InvalidCursor."""
        return adopt(self._people, operation.collection_id).groups(
            operation.collection_id, _page(operation.limit), operation.cursor
        )


class ListingRecognizer:
    """Implements `ports.Recognizer` with these handlers alone, for commands that only list; all else is NotOffered."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def handle(self, operation: Operation[A]) -> A:
        return dispatch(self._handlers, operation)

    def info(self, only: Sequence[str] | None = None) -> Never:
        raise NotOffered("What only lists knows nothing of engine and settings.")

    def ready(self) -> None:
        """Always."""


def _page(limit: int) -> int:
    return validation.count(limit, validation.MAX_PAGE, "limit")
