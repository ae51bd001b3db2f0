"""People: listed, named, merged, split, and erased; with undo."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kenspeckle.domain import Face, Page, Person, Undone, validation
from kenspeckle.domain.operations import (
    ChangePerson,
    GetPerson,
    Handlers,
    ListPeople,
    ListPersonFaces,
    MergePeople,
    MoveFaces,
    NameFaces,
    SplitPerson,
    UndoPeople,
)
from kenspeckle.domain.people import MAX_NAME, NamedFaces, person_name
from kenspeckle.errors import InvalidValue, NotOffered, Overloaded
from kenspeckle.ports import People as Port
from kenspeckle.usecases.recognition.context import Context

ADOPTED: Final = 2000
"""Faces of an older version that one transaction gives people to."""

PATIENCE: Final = 5.0
"""Seconds that a request works on that, before it asks to be sent again."""


class People:
    """Operations on people."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict(
            [
                ListPeople.by(self.list_people),
                GetPerson.by(self.get_person),
                ListPersonFaces.by(self.list_person_faces),
                ChangePerson.by(self.change_person),
                MoveFaces.by(self.move_faces),
                MergePeople.by(self.merge_people),
                SplitPerson.by(self.split_person),
                NameFaces.by(self.name_faces),
                UndoPeople.by(self.undo_people),
            ]
        )

    def list_people(self, operation: ListPeople) -> Page[Person]:
        """Raises CollectionNotFound, InvalidCursor, InvalidValue for a name that is too long."""
        if operation.name is not None and len(operation.name) > MAX_NAME:
            raise InvalidValue(f"A name to search by has at most {MAX_NAME} characters.", field="name")
        return self._of(operation.collection_id).people(
            operation.collection_id,
            validation.count(operation.limit, validation.MAX_PAGE, "limit"),
            operation.cursor,
            name=operation.name or None,
            hidden=operation.hidden,
        )

    def get_person(self, operation: GetPerson) -> Person:
        """Raises CollectionNotFound, PersonNotFound."""
        return self._of(operation.collection_id).person(
            operation.collection_id, validation.person_id(operation.person_id)
        )

    def list_person_faces(self, operation: ListPersonFaces) -> Page[Face]:
        """Raises CollectionNotFound, PersonNotFound, InvalidCursor."""
        return self._of(operation.collection_id).faces_of_person(
            operation.collection_id,
            validation.person_id(operation.person_id),
            validation.count(operation.limit, validation.MAX_PAGE, "limit"),
            operation.cursor,
        )

    def change_person(self, operation: ChangePerson) -> Person:
        """Raises CollectionNotFound, PersonNotFound, InvalidValue."""
        if operation.person_name is None and operation.hidden is None:
            raise InvalidValue("Say what is to change: `name`, `hidden` or both.", field="body")
        name = person_name(operation.person_name) if operation.person_name else operation.person_name
        with self._alone(operation.collection_id) as port:
            return port.change_person(
                operation.collection_id,
                validation.person_id(operation.person_id),
                name=name,
                hidden=operation.hidden,
            )

    def move_faces(self, operation: MoveFaces) -> Person:
        """Raises CollectionNotFound, PersonNotFound, FaceNotFound."""
        ids = validation.face_ids(operation.face_ids)
        with self._alone(operation.collection_id) as port:
            return port.move_faces(operation.collection_id, validation.person_id(operation.person_id), ids)

    def merge_people(self, operation: MergePeople) -> Person:
        """Raises CollectionNotFound, PersonNotFound, Conflict."""
        into = validation.person_id(operation.into, "into")
        with self._alone(operation.collection_id) as port:
            return port.merge_people(
                operation.collection_id, validation.person_id(operation.person_id), into, self.context.now()
            )

    def split_person(self, operation: SplitPerson) -> Person:
        """Raises CollectionNotFound, PersonNotFound, FaceNotFound, Conflict, InvalidValue."""
        ids = validation.face_ids(operation.face_ids)
        name = None if operation.person_name is None else person_name(operation.person_name)
        with self._alone(operation.collection_id) as port:
            return port.split_person(
                operation.collection_id, validation.person_id(operation.person_id), ids, name, self.context.now()
            )

    def name_faces(self, operation: NameFaces) -> NamedFaces:
        """Raises CollectionNotFound, FaceNotFound, Conflict where several people have the name, InvalidValue."""
        ids, name = validation.face_ids(operation.face_ids), person_name(operation.person_name)
        identity = operation.external_image_id
        if identity is not None:
            validation.external_image_id(identity)
        with self._alone(operation.collection_id) as port:
            return port.name_faces(operation.collection_id, ids, name, identity, self.context.now())

    def undo_people(self, operation: UndoPeople) -> Undone:
        """Raises CollectionNotFound, Conflict."""
        named = None if operation.undo_id is None else validation.person_id(operation.undo_id, "undo_id")
        with self._alone(operation.collection_id) as port:
            return port.undo_people(operation.collection_id, named)

    @contextmanager
    def _alone(self, collection_id: str) -> Iterator[Port]:
        port = self._of(collection_id)
        with alone(self.context, collection_id):
            yield port

    def _of(self, collection_id: str) -> Port:
        return people_of(self.context, collection_id)


def people_of(context: Context, collection_id: str) -> Port:
    """The people of a collection, in which every face has found its own. Raises Overloaded where an older version left
    so many faces that this takes longer: the next request goes on with it."""
    port = context.people
    if port is None:
        raise NotOffered("This catalog has no people.")
    validation.collection_id(collection_id)
    until = time.monotonic() + PATIENCE
    while (state := port.adopt(collection_id, ADOPTED)) is not None:
        if time.monotonic() > until:
            done, total = state
            raise Overloaded(
                f"Faces of an older version are being given to people: {done:,} of {total:,} are done. Ask again.",
                retry_after=1.0,
            )
    return port


@contextmanager
def alone(context: Context, collection_id: str) -> Iterator[None]:
    """Hold this while faces are moved between people of a collection, or a person is erased: one does so at a time."""
    with context.catalog.lock([hashlib.sha256(f"people {collection_id}".encode()).hexdigest()]):
        yield
