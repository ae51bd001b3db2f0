"""Mirrors: copies of collections' templates in a vector database, and the catalog's account of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from kenspeckle.domain import Vector
from kenspeckle.errors import StorageUnavailable

IN_FILE: Final = "file"
"""The place of a mirror that is a file in the data folder, from which a start loads the collection."""


class MirrorLost(StorageUnavailable):
    """A mirror is not there any more, or is something else."""


class MirrorState(StrEnum):
    """A mirror is searched while it is `ready`."""

    BUILDING = "building"
    READY = "ready"
    WRONG = "wrong"
    """It is not what the catalog says; a job compares and repairs it."""
    LEAVING = "leaving"
    """It is to be removed there."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """The templates of a collection's faces in a vector database, as far as they were stored there."""

    row: int
    """Its number in the catalog, never used twice; 0: not stored yet."""
    collection_row: int
    collection_id: str
    place: str
    """The vector database, as `VectorStore.place`, or IN_FILE."""
    name: str
    """Its name there."""
    contract: str
    dimension: int
    state: MirrorState = MirrorState.BUILDING
    since: int = 0
    """Revision from which on the changes are to be replayed, once all rows were read."""
    after: int = 0
    """Rows up to this one were read, of the collection that is read from its beginning."""
    revision: int = 0
    """The revision of the collection that it holds."""
    target: int = 0
    """The revision that it is being brought to; where a process died over that, it may hold some of the changes."""
    compacted: int = 0
    """What was deleted up to this revision is also removed from the files there, as far as the database says."""
    stamp: int = 0
    """The database's time after the last write: a search that waits for it sees all of them."""
    faces: int = 0


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A collection as it is now, with its mirrors."""

    collection_row: int
    collection_id: str
    revision: int
    contract: str
    faces: int
    encrypted: bool
    mirrors: Sequence[Mirror] = ()

    def current(self, place: str) -> Mirror | None:
        """The newest mirror at `place` that is `ready` or `wrong` and of the collection's contract."""
        usable = (MirrorState.READY, MirrorState.WRONG)
        here = [one for one in reversed(self.mirrors) if one.place == place and one.state in usable]
        return next((one for one in here if one.contract == self.contract), None)

    def building(self, place: str) -> Mirror | None:
        """The mirror that is being built at `place`."""
        here = [one for one in self.mirrors if one.place == place and one.state is MirrorState.BUILDING]
        return next((one for one in here if one.contract == self.contract), None)


@dataclass(frozen=True, slots=True)
class MirrorBounds:
    """Which collections are mirrored: from so many `faces` on, and those that are encrypted only where `encrypted`. One
    of up to `fallback_faces` is searched in process where its mirror can't be searched."""

    faces: int
    fallback_faces: int
    encrypted: bool = False

    def mirrors(self, collection: Mirrored) -> bool:
        """Whether the collection is to be mirrored."""
        return collection.faces >= self.faces and (self.encrypted or not collection.encrypted)

    def keeps(self, collection: Mirrored) -> bool:
        """Whether a mirror of the collection stays: it goes where half of the faces are gone, so that none comes and
        goes with every face."""
        return 2 * collection.faces >= self.faces and (self.encrypted or not collection.encrypted)


class Mirrors(Protocol):
    """The catalog's account of mirrors. Every method is one transaction; when it returns, it is on disk.

    Raises StorageFull and StorageUnavailable from any method."""

    def describe_mirrored(self, collection_id: str) -> Mirrored:
        """Raises CollectionNotFound."""
        ...

    def mirrors(self) -> tuple[tuple[Mirror, bool], ...]:
        """All mirrors, each with whether its collection is there."""
        ...

    def large(self, least: int) -> tuple[str, ...]:
        """Collections of at least so many faces."""
        ...

    def add_mirror(self, mirror: Mirror) -> Mirror:
        """Returns it with its number."""
        ...

    def save_mirror(self, mirror: Mirror) -> None:
        """Store its state. Nothing where it was removed meanwhile."""
        ...

    def doubt_mirror(self, row: int) -> None:
        """A ready mirror becomes `wrong`."""
        ...

    def remove_mirror(self, row: int) -> None: ...

    def templates_after(self, collection_id: str, after: int, most: int) -> tuple[list[int], Vector]:
        """Rows and templates, (n, dimension), of at most so many faces with larger row numbers, in their order. Raises
        CollectionNotFound."""
        ...


class VectorStore(Protocol):
    """A vector database with the collections that mirrors are. All of it may fail, be behind or be wrong: answers are
    checked against the catalog. Rows are positive.

    Raises StorageUnavailable with `retry_after` where it can't be reached or refuses, and MirrorLost where the named
    collection is not there or has another schema."""

    @property
    def place(self) -> str:
        """Names the database, without credentials."""
        ...

    def check(self) -> str:
        """Its version. Raises StorageUnavailable where it does not answer, or its version is not supported."""
        ...

    def names(self) -> tuple[str, ...]:
        """The collections there that are mirrors, of whichever catalog."""
        ...

    def create(self, name: str, dimension: int) -> None:
        """Make an empty one. Nothing where it is there with the right schema."""
        ...

    def open(self, name: str) -> None:
        """Write to its files what was stored, and make it ready for searches."""
        ...

    def owns(self, name: str) -> bool:
        """Whether it is there and is a mirror; not one of another program that has taken its name."""
        ...

    def drop(self, name: str) -> None:
        """Nothing where it is not there, or is another program's."""
        ...

    def put(self, name: str, rows: Sequence[int], templates: Vector, *, fresh: bool = False) -> None:
        """Store or replace; `fresh`: none of the rows is there."""
        ...

    def remove(self, name: str, rows: Sequence[int]) -> None: ...

    def remove_between(self, name: str, after: int, upto: int | None) -> None:
        """Remove all rows above `after`, up to `upto` where that is given."""
        ...

    def now(self) -> int:
        """The time there: a search with it sees all that was written before."""
        ...

    def search(self, name: str, probe: Vector, k: int, stamp: int) -> list[int]:
        """Rows of about the k nearest, nearest first; all that was written before `stamp` is considered."""
        ...

    def digests(self, name: str, after: int, upto: int | None) -> dict[int, int] | None:
        """`digest` of each template by row, above `after` and up to `upto`; None where there are too many to tell."""
        ...

    def mark(self, name: str, revision: int) -> None:
        """Write the revision into the collection."""
        ...

    def read_mark(self, name: str, stamp: int) -> int | None:
        """The revision that `mark` wrote last; None where there is none."""
        ...

    def count(self, name: str) -> int:
        """Rows that are there."""
        ...

    def compact(self, name: str) -> int:
        """Begin to remove what was deleted from its files; a number for `is_compacted`."""
        ...

    def is_compacted(self, number: int) -> bool:
        """Whether that is done."""
        ...

    def close(self) -> None: ...
