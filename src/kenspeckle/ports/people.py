"""People of a collection: names, and which faces are whose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kenspeckle.domain.collections import Face, Page
from kenspeckle.domain.people import Person, Undone


class People(Protocol):
    """People in the catalog. Every method is one transaction. Names are stored as given: callers check them by
    `domain.people.person_name`. Raises CollectionNotFound, StorageFull and StorageUnavailable from any method,
    PersonNotFound where a person is named that is not there."""

    def adopt(self, collection_id: str, most: int) -> tuple[int, int] | None:
        """Give people to up to `most` of the faces that an older version stored; (faces that are done, faces), None
        where all have theirs."""
        ...

    def people(
        self, collection_id: str, limit: int, cursor: str | None, *, name: str | None = None, hidden: bool = False
    ) -> Page[Person]:
        """By name. With `name` those in whose name it occurs, with `hidden` also hidden ones. Raises InvalidCursor."""
        ...

    def person(self, collection_id: str, person_id: str) -> Person: ...

    def faces_of_person(self, collection_id: str, person_id: str, limit: int, cursor: str | None) -> Page[Face]:
        """In the order in which they were stored. Raises InvalidCursor."""
        ...

    def change_person(
        self, collection_id: str, person_id: str, *, name: str | None = None, hidden: bool | None = None
    ) -> Person:
        """Give a name (empty: that of its identity again), hide or show."""
        ...

    def move_faces(self, collection_id: str, person_id: str, face_ids: Sequence[str]) -> Person:
        """Make faces the person's, whose ever they were. Raises FaceNotFound: then none is moved."""
        ...

    def merge_people(self, collection_id: str, person_id: str, into: str, now: float) -> Person:
        """Give all faces of a person, its identities and its user to another; it is no more then. Raises Conflict for
        a person and itself, or two of whom each has a user."""
        ...

    def split_person(
        self, collection_id: str, person_id: str, face_ids: Sequence[str], name: str | None, now: float
    ) -> Person:
        """Make another person of some of a person's faces. Raises FaceNotFound, Conflict where none would be left."""
        ...

    def undo_people(self, collection_id: str, undo_id: str | None) -> Undone:
        """Undo a merge or split, the newest where none is named. Raises Conflict where there is none, or a later one
        has to be undone first."""
        ...

    def drop_person(self, collection_id: str, person_id: str) -> tuple[str, ...]:
        """Delete a person whose faces are erased, and its user where that has none left; the users deleted."""
        ...
