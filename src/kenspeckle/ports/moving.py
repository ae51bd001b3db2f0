"""Copies, restores and exports of what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kenspeckle.domain import Collection, FaceRecord, Image, User, Vector
from kenspeckle.domain.people import SavedPerson


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """Facts of a copy of the catalog: version of its schema, counts as `Catalog.counts`, packs by contract, how many
    collections are encrypted."""

    schema: str
    counts: Mapping[str, int]
    packs: Mapping[str, str]
    encrypted: int = 0


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of a service's encrypted collections by id, wrapped under the master key. `instance` tells services
    apart."""

    instance: str
    keys: Mapping[str, bytes]


class Copies(Protocol):
    """Whole copies of the catalog's database, for backup. Raises StorageFull and StorageUnavailable from any method."""

    def make(self, target: Path, progress: Callable[[int, int], None]) -> CopyFacts:
        """Copy the database as of one moment into a new file, checked and on disk when it returns, while others read
        and write. Keys of encrypted collections are not in it. `progress` is called with bytes done and in all."""
        ...

    def keyring(self) -> Keyring:
        """The keys of all present collections."""
        ...

    def digests(self, copy: Path) -> Iterator[str]:
        """Names in the image store of the photographs that the copy needs, each once, in order."""
        ...

    def find_referenced(self, among: Iterable[str]) -> set[str]:
        """As `Catalog.digests`, of the catalog as it is now."""
        ...

    def lock(self, names: Iterable[str]) -> AbstractContextManager[None]:
        """As `Catalog.lock`."""
        ...


class ReservedPlace(Protocol):
    """The path of the catalog's database, locked against all other processes where a sound database is there."""

    @property
    def taken(self) -> bool:
        """Whether a database is there."""
        ...

    def keep(self, aside: Path) -> None:
        """Keep the present database: give it a second name in the folder `aside`."""
        ...

    def put(self, new: Path) -> None:
        """Replace the present database by `new` in one step. Raises Conflict where one was created meanwhile."""
        ...


class CatalogReplacer(Protocol):
    """Puts a restored catalog in the place of the present one."""

    def reserve(self, *, replace: bool) -> AbstractContextManager[ReservedPlace]:
        """Lock the place. Raises Conflict where a catalog is there and may not be replaced, or a process uses it."""
        ...

    def prepare(self, new: Path) -> CopyFacts:
        """Migrate a copy to the newest schema and check it. Raises StorageUnavailable where it can't be used."""
        ...

    def unlock(self, new: Path, keys: Mapping[str, bytes]) -> tuple[str, ...]:
        """Put keys of encrypted collections into a copy that was prepared; the collections that lack theirs."""
        ...

    def leave_out(self, new: Path, collections: Sequence[str]) -> CopyFacts:
        """Delete these collections from a copy that was prepared."""
        ...

    def digests(self, among: Iterable[str]) -> set[str]:
        """As `Catalog.digests`, of the catalog that is in the place now."""
        ...

    def lock(self, names: Iterable[str]) -> AbstractContextManager[None]:
        """As `Catalog.lock`, of the catalog that is in the place now."""
        ...


@dataclass(frozen=True, slots=True)
class DumpedFace:
    """A stored face with all its data and that of its photograph."""

    image: Image
    record: FaceRecord
    template: Vector
    thumbnail: bytes | None


@dataclass(frozen=True, slots=True)
class Dump:
    """All of a collection at one moment. Faces of one photograph follow each other."""

    collection: Collection
    images: int
    users: Iterator[User]
    faces: Iterator[DumpedFace]
    people: Iterator[SavedPerson]


class Dumps(Protocol):
    """Reads whole collections, for export."""

    def dump(self, collection_id: str) -> AbstractContextManager[Dump]:
        """The collection as it was when the block was entered. Raises CollectionNotFound."""
        ...
