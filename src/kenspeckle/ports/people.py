"""People of a collection: names, and which faces are whose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kenspeckle.domain.collections import Face, Page
from kenspeckle.domain.detection import Vector
from kenspeckle.domain.people import Group, NamedFaces, Person, SavedPerson, Undone


@dataclass(frozen=True, slots=True)
class Unnamed:
    """Faces without a name: their rows, templates (n, dimension), and the row of the group of each, None for none."""

    rows: tuple[int, ...]
    templates: Vector
    groups: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a face is: the row of a person or group, whether it is a `group`, and whether a person `takes` faces
    without a name."""

    row: int
    group: bool
    takes: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """The best faces of a person or group, at most as many as were asked for: rows, ids, templates (n, dimension); and
    how many there are in all."""

    rows: tuple[int, ...]
    face_ids: tuple[str, ...]
    templates: Vector
    count: int


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
        """Make faces the person's, whomever they belonged to. Raises FaceNotFound: then none is moved."""
        ...

    def merge_people(self, collection_id: str, person_id: str, into: str, now: float) -> Person:
        """Give all faces of a person, its identities and its user to another; it is deleted then. Raises Conflict for
        a person and itself, or two of whom each has a user."""
        ...

    def split_person(
        self, collection_id: str, person_id: str, face_ids: Sequence[str], name: str | None, now: float
    ) -> Person:
        """Make another person of some of a person's faces. Raises FaceNotFound, Conflict where none would be left."""
        ...

    def name_faces(
        self, collection_id: str, face_ids: Sequence[str], name: str, identity: str | None, now: float
    ) -> NamedFaces:
        """Give those of the faces that are nobody's to the person of an identity, else to the only person of that
        name, else to a new one. Raises FaceNotFound; Conflict where several people have the name."""
        ...

    def undo_people(self, collection_id: str, undo_id: str | None) -> Undone:
        """Undo a merge or split, the newest where none is named. Raises Conflict where there is none, or a later one
        has to be undone first."""
        ...

    def drop_person(self, collection_id: str, person_id: str) -> tuple[str, ...]:
        """Delete a person whose faces are erased, and its user where that has none left; the users deleted."""
        ...

    def groups(self, collection_id: str, limit: int, cursor: str | None) -> Page[Group]:
        """Groups of faces without a name, largest first. Raises InvalidCursor."""
        ...

    def group_of(self, collection_id: str, face_id: str) -> Group | None:
        """The group of a face, None where it is in none."""
        ...

    def name_group(self, collection_id: str, group_id: str, name: str) -> Person:
        """Make a person of a group, which takes faces that come later. Raises PersonNotFound."""
        ...

    def keep_apart(self, collection_id: str, person_id: str, face_ids: Sequence[str]) -> tuple[str, ...]:
        """Remember permanently that faces do not show a person (or group). Those that were its leave it, to the person
        of their identity or to nobody; their ids. Raises FaceNotFound."""
        ...

    def find_unnamed(self, collection_id: str, after: int, most: int) -> Unnamed:
        """Some of the faces without a name, after row `after`."""
        ...

    def owners(self, collection_id: str, face_rows: Sequence[int]) -> Mapping[int, Owner]:
        """Whose the faces are, by row; those that are nobody's are left out."""
        ...

    def samples(self, collection_id: str, persons: Iterable[int], most: int) -> Mapping[int, Sample]:
        """Up to `most` faces of each of these rows of people and groups."""
        ...

    def takers(self, collection_id: str) -> tuple[int, ...]:
        """Rows of the people who take faces without a name."""
        ...

    def name_by_row(self, collection_id: str) -> Mapping[int, str]:
        """Ids of all people with faces, by row."""
        ...

    def people_of_identities(self, collection_id: str, identities: Sequence[str]) -> Mapping[int, str]:
        """Ids of the people of these identities, by row."""
        ...

    def apart_from(self, collection_id: str, face_rows: Sequence[int]) -> Mapping[int, set[int]]:
        """Rows of the people whom faces do not show, by row of the face."""
        ...

    def regroup(self, collection_id: str, placed: Sequence[tuple[int | None, Sequence[int]]], now: float) -> int:
        """Put faces (rows) into groups or people (row; None for a new group); how many were moved. Faces that were
        given to a person meanwhile stay there; groups without faces are deleted."""
        ...

    def pair_token(self, collection_id: str, pair: tuple[float, int, int]) -> str:
        """A token for the pairs that come after this one: its squared distance, and rows of the two people."""
        ...

    def pair_of_token(self, collection_id: str, token: str | None) -> tuple[float, int, int] | None:
        """The pair that a token was made of, None for None. Raises InvalidCursor."""
        ...

    def find_dismissed_pairs(self, collection_id: str) -> frozenset[tuple[int, int]]:
        """Rows of two people, the smaller first, of whom somebody said that they are not one."""
        ...

    def dismiss_pair(self, collection_id: str, one_id: str, other_id: str) -> None:
        """Remember that two people are not one."""
        ...

    def find_stored_twice(self, collection_id: str, most: int) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Photographs of the same bytes under several identities: (image id, identity) of each copy."""
        ...

    def restore_person(self, collection_id: str, saved: SavedPerson, now: float) -> None:
        """Make a person what an export says of it, by the identities, users and faces that are here."""
        ...
