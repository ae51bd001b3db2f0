"""Operations on people, groups of faces without a name, and pairs who may be one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kenspeckle.domain.collections import Face, Page
from kenspeckle.domain.jobs import Job
from kenspeckle.domain.operations.base import INDEX, READ, InCollection
from kenspeckle.domain.people import Duplicates, Group, Mixed, NamedFaces, Person, Undone


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPeople(InCollection[Page[Person]]):
    """By name. With `name` those in whose name it occurs; hidden ones only with `hidden`."""

    right = READ
    limit: int = 100
    cursor: str | None = None
    name: str | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPerson(InCollection[Person]):
    right = READ
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPersonFaces(InCollection[Page[Face]]):
    right = READ
    person_id: str
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePerson(InCollection[Person]):
    """Give a name (an empty one: that of its identity again), hide it from lists or show it."""

    right = INDEX
    person_id: str
    person_name: str | None = None
    hidden: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveFaces(InCollection[Person]):
    """Make faces the person's. Identity and user of a face stay."""

    right = INDEX
    person_id: str
    face_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePeople(InCollection[Person]):
    """Give all that belongs to a person to another, which it answers. Raises Conflict where both have a user."""

    right = INDEX
    person_id: str
    into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPerson(InCollection[Person]):
    """Make another person of some of a person's faces, which it answers."""

    right = INDEX
    person_id: str
    face_ids: Sequence[str]
    person_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoPeople(InCollection[Undone]):
    """Undo a merge or split, the newest where none is named."""

    right = INDEX
    undo_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFaces(InCollection[NamedFaces]):
    """Give faces to the person of this name, who is made where there is none. Faces that are somebody's already, or
    of which somebody said that they are not this person, stay as they are.

    With `external_image_id` it is the person of that identity, whatever it is called by now."""

    right = INDEX
    face_ids: Sequence[str]
    person_name: str
    external_image_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepApart(InCollection[Person]):
    """Remember permanently that faces do not show a person; those that were its leave it."""

    right = INDEX
    person_id: str
    face_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFaces(InCollection[Job]):
    """Start the job that groups all faces without a name."""

    right = INDEX


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroups(InCollection[Page[Group]]):
    """Groups of faces without a name, largest first."""

    right = READ
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameGroup(InCollection[Person]):
    """Make a person of a group; faces that come later and fit are its too."""

    right = INDEX
    group_id: str
    person_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDuplicates(InCollection[Duplicates]):
    """People who may be one, most similar first; with the first page faces that may be under a wrong name, and
    photographs that are stored twice."""

    right = READ
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindMixedPeople(InCollection[tuple[Mixed, ...]]):
    """Those of the people of identities whose faces seem to show several people."""

    right = READ
    external_image_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DismissDuplicate(InCollection[None]):
    """Remember that two people are not one."""

    right = INDEX
    pair_id: str
