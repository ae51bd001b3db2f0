"""Templates that are loaded for searches, as of a revision, and those that are to take their place."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from kenspeckle.domain import Vector
from kenspeckle.errors import TEMPLATES_DIFFER, StorageUnavailable
from kenspeckle.index.exact import ExactIndex
from kenspeckle.index.locks import ReadWriteLock
from kenspeckle.ports import Change


@dataclass
class Loaded:
    """Faces or users of a collection as they were at `revision`, None where nothing was read yet; and when they were
    last asked for. Searches that find another revision in the catalog hold `update` while they follow it."""

    index: ExactIndex | None = None
    revision: int | None = None
    contract: str = ""
    searched: float = 0.0
    lock: ReadWriteLock = field(default_factory=ReadWriteLock)
    update: threading.Lock = field(default_factory=threading.Lock)


class LoadedBeside:
    """Implements `ports.Successor` of `loaded`."""

    def __init__(self, loaded: Loaded, index: ExactIndex, revision: int, contract: str) -> None:
        self._loaded = loaded
        self._index = index
        self._contract = contract
        self.revision = revision

    @contextmanager
    def hold(self) -> Iterator[None]:
        with self._loaded.update:
            yield

    def take_over(self, revision: int, changes: Sequence[Change] | None) -> None:
        loaded = self._loaded
        if changes is None:
            with loaded.lock.writing():
                loaded.index = loaded.revision = None
            return
        apply(self._index, "face", changes)
        with loaded.lock.writing():
            loaded.index, loaded.revision, loaded.contract = self._index, revision, self._contract


def replay(loaded: Loaded, index: ExactIndex, kind: str, changes: Sequence[Change], want: int) -> None:
    """Apply the net changes to the loaded index; they reach up to revision `want` at least."""
    with loaded.lock.writing():
        apply(index, kind, changes)
        loaded.revision = max(want, max((one.revision for one in changes), default=want))


def apply(index: ExactIndex, kind: str, changes: Sequence[Change]) -> None:
    """Apply changes of one kind to an index that nobody searches meanwhile."""
    index.remove([one.row for one in changes if one.kind == kind and one.template is None])
    put = [(one.row, one.template) for one in changes if one.kind == kind and one.template is not None]
    if put:
        index.put([row for row, _ in put], stack([template for _, template in put], index.dimension))


def stack(templates: Sequence[Vector], dimension: int) -> Vector:
    """(n, dimension). Raises StorageUnavailable where one was damaged since it was stored."""
    if any(one.shape != (dimension,) for one in templates):
        raise StorageUnavailable(TEMPLATES_DIFFER)
    return np.stack(templates)
