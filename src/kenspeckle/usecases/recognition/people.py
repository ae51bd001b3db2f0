"""People: named, merged, split, and erased; with undo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from kenspeckle.domain import Person, Undone, validation
from kenspeckle.domain.operations import (
    ChangePerson,
    Handlers,
    MergePeople,
    MoveFaces,
    NameFaces,
    SplitPerson,
    UndoPeople,
)
from kenspeckle.domain.people import NamedFaces, person_name
from kenspeckle.errors import InvalidValue
from kenspeckle.ports import People as Port
from kenspeckle.usecases.recognition.adoption import adopt
from kenspeckle.usecases.recognition.context import Context


class People:
    """Operations on people."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handlers(self) -> Handlers:
        return dict(
            [
                ChangePerson.by(self.change_person),
                MoveFaces.by(self.move_faces),
                MergePeople.by(self.merge_people),
                SplitPerson.by(self.split_person),
                NameFaces.by(self.name_faces),
                UndoPeople.by(self.undo_people),
            ]
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
        port = adopt(self.context.people, collection_id)
        with alone(self.context, collection_id):
            yield port


@contextmanager
def alone(context: Context, collection_id: str) -> Iterator[None]:
    """Hold this while faces are moved between people of a collection, or a person is erased: one does so at a time."""
    with context.catalog.lock([hashlib.sha256(f"people {collection_id}".encode()).hexdigest()]):
        yield
