"""The image store: where photographs are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Lock = Callable[[Iterable[str]], AbstractContextManager[None]]
"""A context manager that locks names of the image store, as `Catalog.lock`."""


def no_lock(names: Iterable[str]) -> AbstractContextManager[None]:
    """A `Lock` that locks nothing, for a caller that is the only user of the store."""
    return nullcontext()


class Staged(Protocol):
    """A photograph that is on disk but not yet under its final name."""

    def publish(self) -> None:
        """Move it to its final name. `Images.recover` does so after a crash."""
        ...

    def discard(self) -> None:
        """Remove it, but nothing that had its final name before."""
        ...


class Images(Protocol):
    """Photographs by content digest, or by the name that `Vault` gives an encrypted one. A name that a client chose
    never becomes a path."""

    def stage(self, digest: str, data: bytes) -> Staged:
        """On disk when it returns. Raises StorageFull, StorageUnavailable."""
        ...

    def recover(self, referenced: Callable[[Iterable[str]], set[str]], lock: Lock, *, alone: bool = False) -> None:
        """Finish what a crash interrupted: publish staged photographs that the catalog refers to, remove the others
        once they are old, or at once where the caller is the only user (`alone`). `lock` is the catalog's (`no_lock`
        with `alone`); it is held for each name while that is decided."""
        ...

    def put(self, digest: str, data: bytes) -> None:
        """Stage and publish in one step; storing the same again has no effect."""
        ...

    def get(self, digest: str) -> bytes:
        """Raises ImageNotFound; StorageUnavailable where the bytes differ from those that were stored."""
        ...

    def delete(self, digests: Iterable[str]) -> None:
        """Absent ones are ignored."""
        ...
