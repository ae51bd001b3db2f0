"""How a collection's photographs are stored: as received, or encrypted under the collection's key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class Vault(Protocol):
    """Names and contents of a collection's photographs in the image store. `digest` is the SHA-256 of a photograph as
    received.

    Raises CollectionNotFound from any method, StorageUnavailable where the collection's key is not available."""

    def photograph_name(self, collection_id: str, digest: str) -> str:
        """The name (64 hexadecimal digits) that `Images` has it under: the digest itself or, for an encrypted
        collection, one computed with its key, so that it reveals nothing and no two collections share one."""
        ...

    def seal_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes:
        """The bytes to store under that name."""
        ...

    def open_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes:
        """The photograph of the bytes that `Images` has under that name. Raises StorageUnavailable where they are not
        what was stored there."""
        ...


@dataclass(frozen=True, slots=True)
class Encryption:
    """Names of the encrypted collections, of the others, and of those whose conversion was interrupted, each of these
    with its direction: `encrypting` or `decrypting`."""

    encrypted: tuple[str, ...]
    plain: tuple[str, ...]
    halfway: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """A collection that is to be converted, with the numbers of its photographs and of its rows with templates and
    thumbnails."""

    row: int
    collection_id: str
    images: int
    rows: int


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A photograph of a collection under conversion: `digest` of what came, `name` in the image store now."""

    row: int
    image_id: str
    key: str
    digest: str
    name: str
    encrypted: bool
    kept: bool


class Converting(Protocol):
    """The catalog, used by one process alone, while its collections are encrypted or decrypted. A conversion may be
    interrupted and started again, in either direction. Raises StorageFull and StorageUnavailable from any method."""

    def pending(self, *, encrypt: bool) -> tuple[Pending, ...]:
        """Collections whose conversion is not complete."""
        ...

    def begin(self, pending: Pending, *, encrypt: bool) -> None:
        """Make the key where there is none. From here until `finish` no service starts on this catalog."""
        ...

    def images(self, pending: Pending, after: int, limit: int) -> tuple[StoredImage, ...]:
        """The next ones in the order of `row`."""
        ...

    def rename(self, pending: Pending, some: Sequence[StoredImage], *, encrypt: bool) -> None:
        """Give these photographs their new names; the old names are put on the list of removals."""
        ...

    def rows(self, pending: Pending, *, encrypt: bool) -> Iterator[int]:
        """Convert templates and thumbnails; yields after each transaction the number of rows it looked at."""
        ...

    def videos(self, *, encrypt: bool) -> None:
        """Convert what is told of faces of videos that belong to no collection; done again it changes nothing."""
        ...

    def finish(self, pending: Pending, *, encrypt: bool) -> None:
        """Mark the conversion as complete. After decryption the key is deleted."""
        ...

    def seal_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes: ...
    def open_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes: ...
    def photograph_name(self, collection_id: str, digest: str) -> str: ...
    def digests(self, among: Iterable[str]) -> set[str]: ...
    def removals(self, limit: int) -> tuple[str, ...]: ...
    def forget_removals(self, digests: Sequence[str]) -> None:
        """As in `Vault` and `Catalog`."""
        ...
