"""How a collection's photographs lie in the image store: as they came, or encrypted under the collection's key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class Vault(Protocol):
    """Names and forms of a collection's photographs. `digest` is the SHA-256 of a photograph as it came.

    Raises CollectionNotFound from any method, StorageUnavailable where the collection's key is not available."""

    def photograph_name(self, collection_id: str, digest: str) -> str:
        """The name (64 hexadecimal digits) that `Images` has it under: the digest itself or, encrypted, one that only
        the collection's key can make of it, so that it tells nothing and no two collections share one."""
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
    """Names of the collections that are encrypted, of those that are not, and of those whose conversion was
    interrupted, each of these with what was going on: `encrypting` or `decrypting`."""

    encrypted: tuple[str, ...]
    plain: tuple[str, ...]
    halfway: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """A collection that is to be converted: photographs that it knows, and rows with templates and thumbnails."""

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
    """The catalog, alone, while its collections are encrypted or decrypted. Whatever is begun may be cut off and begun
    again, in either direction. Raises StorageFull and StorageUnavailable from any method."""

    def pending(self, *, encrypt: bool) -> tuple[Pending, ...]:
        """Collections that are not yet wholly as they are to be."""
        ...

    def begin(self, pending: Pending, *, encrypt: bool) -> None:
        """Make the key where there is none. From here until `finish` no service starts on this catalog."""
        ...

    def images(self, pending: Pending, after: int, limit: int) -> tuple[StoredImage, ...]:
        """The next ones in the order of `row`."""
        ...

    def rename(self, pending: Pending, some: Sequence[StoredImage], *, encrypt: bool) -> None:
        """These photographs have their new names from now on; the old names go on the list of removals."""
        ...

    def rows(self, pending: Pending, *, encrypt: bool) -> Iterator[int]:
        """Convert templates and thumbnails; tells after each transaction how many rows it looked at."""
        ...

    def finish(self, pending: Pending, *, encrypt: bool) -> None:
        """All of it is as it should be. After decrypting, the key is gone."""
        ...

    def seal_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes: ...
    def open_photograph(self, collection_id: str, digest: str, data: bytes) -> bytes: ...
    def photograph_name(self, collection_id: str, digest: str) -> str: ...
    def digests(self, among: Iterable[str]) -> set[str]: ...
    def removals(self, limit: int) -> tuple[str, ...]: ...
    def removed(self, digests: Sequence[str]) -> None:
        """As in `Vault` and `Catalog`."""
        ...
