"""Where photographs lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Lock = Callable[[Iterable[str]], AbstractContextManager[None]]
"""Holds names of the image store for the length of a block, as `Catalog.lock`."""


def unlocked(names: Iterable[str]) -> AbstractContextManager[None]:
    """The `Lock` of who is alone at work."""
    return nullcontext()


class Staged(Protocol):
    """Bytes that are on disk but not yet in their place."""

    def publish(self) -> None:
        """Move them into their place. A crash before this is mended by `Images.recover`."""
        ...

    def discard(self) -> None:
        """Remove them, but not what lay in their place before."""
        ...


class Images(Protocol):
    """Photographs by content digest, or by the name that `Vault` gives an encrypted one. A name that a client chose
    never becomes a path."""

    def stage(self, digest: str, data: bytes) -> Staged:
        """On disk when it returns. Raises StorageFull, StorageUnavailable."""
        ...

    def recover(self, referenced: Callable[[Iterable[str]], set[str]], lock: Lock, *, alone: bool = False) -> None:
        """Finish what a crash left half done: publish what the catalog refers to, remove the rest once it is old, or at
        once where the caller knows that it is `alone` at work. `lock` is the catalog's (`unlocked` for who is alone):
        each is held while it is decided on."""
        ...

    def put(self, digest: str, data: bytes) -> None:
        """Stage and publish in one; putting the same again is fine."""
        ...

    def get(self, digest: str) -> bytes:
        """Raises ImageNotFound; StorageUnavailable where the bytes no longer are those that were stored under it."""
        ...

    def delete(self, digests: Iterable[str]) -> None:
        """Absent ones are fine."""
        ...
