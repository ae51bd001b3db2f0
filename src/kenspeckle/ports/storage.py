"""A catalog's storage as a whole: inspected by the doctor, copied by backup, replaced by restore.

A catalog that has no files on this machine says so: `file` is None, and the rest raises NotOffered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kenspeckle.domain import Vector
from kenspeckle.ports.catalog import Catalog
from kenspeckle.ports.keys import Keys, Sealer
from kenspeckle.ports.mirrors import Mirror, Mirrored, Mirrors
from kenspeckle.ports.moving import CatalogReplacer, Copies
from kenspeckle.ports.trail import Trail
from kenspeckle.ports.vault import Encryption
from kenspeckle.ports.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """A collection's row with its counters (`counted`), and the rows that exist: `rows` counts faces, users and
    images."""

    collection_id: str
    pack: str
    contract: str
    revision: int
    counted: Mapping[str, int]
    rows: Mapping[str, int]
    logged: int
    """The newest revision in the change log, 0 where the log is empty."""


@dataclass(frozen=True, slots=True)
class KeptPhotograph:
    """A photograph that has to be in the image store, with one of its keys."""

    digest: str
    key: str
    collection_id: str


class ReadOnly(Catalog, Keys, Trail, Webhooks, Mirrors, Protocol):
    """The reading methods of a catalog; those that would write raise StorageUnavailable."""

    def encryption(self) -> Encryption:
        """Which collections are encrypted."""
        ...


class Inspection(Protocol):
    """Reads a catalog without changing it, also while a service writes to it or where it is damaged. Raises
    StorageUnavailable from any method where the data can't be read."""

    @property
    def catalog(self) -> ReadOnly: ...
    @property
    def known(self) -> Sequence[str]:
        """Versions of the schema that this program knows, oldest first."""
        ...

    @property
    def disturbed(self) -> bool:
        """Whether a process began to write to a database that was opened as unused; what was read is unreliable
        then."""
        ...

    @property
    def log_bytes(self) -> int:
        """Size in bytes of the write-ahead log, whose writes are not yet in the database file."""
        ...

    def check_key(self) -> None:
        """Raises StorageUnavailable where collections' keys are under another master key."""
        ...

    def damage(self, *, thorough: bool) -> list[str]:
        """Damaged parts, in the database's own words; `thorough` compares indexes with their tables too."""
        ...

    def schema(self) -> str:
        """Version of the schema; "" for an empty database or that of another program."""
        ...

    def names(self) -> list[str]:
        """Ids of all collections."""
        ...

    def collection(self, collection_id: str) -> CollectionFacts | None:
        """One collection, its rows counted; None where it was deleted meanwhile."""
        ...

    def templates(self, collection_id: str, kind: str) -> Iterator[tuple[str, Vector]]:
        """Every face, or user that has faces, and its template as it is stored; decrypted where it is encrypted, empty
        where it is none."""
        ...

    def photographs(self) -> Iterator[KeptPhotograph]:
        """Every photograph that is kept, as often as it is indexed."""
        ...

    def removals(self) -> int:
        """Photographs whose last face was deleted and that are still to be removed."""
        ...

    def count_left_staged(self) -> int:
        """Templates that are staged for an upgrade which has ended."""
        ...

    def mirrors(self) -> Sequence[tuple[Mirror, bool]]:
        """As `Mirrors.mirrors`."""
        ...

    def describe_mirrored(self, collection_id: str) -> Mirrored:
        """As `Mirrors.describe_mirrored`."""
        ...

    def newest(self) -> dict[str, float]:
        """The latest time in rows of each kind, where there is any."""
        ...

    def find_referenced(self, among: Iterable[str]) -> set[str]:
        """Those of these digests that belong to a stored photograph."""
        ...

    def close(self) -> None: ...


class Storage(Protocol):
    """The storage of a catalog."""

    @property
    def file(self) -> Path | None:
        """Its file, whether it is there or not; None where it has none on this machine."""
        ...

    def see(self) -> None:
        """Raises StorageUnavailable where there is no catalog, so that opening it does not create one."""
        ...

    def readable(self) -> bool:
        """Whether there is a file that this user may open and that looks like a catalog."""
        ...

    def inspect(self, master: Sealer | None = None) -> Inspection:
        """Open it for inspection; close it at the end. `master` is needed to read encrypted collections."""
        ...

    def beside(self, folder: Path) -> Storage:
        """The catalog that a restore has moved aside into this folder."""
        ...

    def copies(self) -> Copies: ...
    def replacer(self) -> CatalogReplacer: ...
