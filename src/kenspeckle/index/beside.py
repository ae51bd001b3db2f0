"""What is newer in a collection than its mirror: searched exactly, in this process, beside it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from kenspeckle.domain import Vector
from kenspeckle.index.exact import ExactIndex, Rows
from kenspeckle.index.scan import Scanners
from kenspeckle.ports import Catalog, Change, Mirror

MOST_CHANGES = 100_000
"""As many as a change log keeps. A collection that is further ahead of its mirror can't be searched with it."""


class Beside:
    """Faces that were stored, changed or deleted since the revision of one state of a mirror."""

    def __init__(self, mirror: Mirror, scanners: Scanners) -> None:
        self.mirror = mirror
        self._index = ExactIndex(scanners)
        self._changed: set[int] = set()
        self._revision = mirror.revision
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Faces that are searched here."""
        return len(self._index)

    def follow(self, catalog: Catalog, revision: int) -> bool:
        """Come to the newest revision, `revision` or a later one. False where the log does not reach back so far.
        Raises CollectionNotFound."""
        with self._lock:
            if self._revision >= revision:
                return True
            changes = catalog.changes(self.mirror.collection_id, self._revision, MOST_CHANGES)
            if changes is None:
                return False
            self._replay([one for one in changes if one.kind == "face"])
            self._revision = max([revision, *(one.revision for one in changes)])
            return len(self._changed) <= MOST_CHANGES

    def candidates(self, probe: Vector, k: int, within: float) -> Rows:
        """As `ExactIndex.candidates`."""
        with self._lock:
            return self._index.candidates(probe, k, within)

    def keep_unchanged(self, rows: Sequence[int]) -> list[int]:
        """Those of the mirror's rows that it is right about."""
        with self._lock:
            return [row for row in rows if row not in self._changed]

    @property
    def changed(self) -> int:
        """Rows that the mirror may be wrong about, those among them that it does not have."""
        return len(self._changed)

    def _replay(self, changes: Sequence[Change]) -> None:
        self._changed.update(one.row for one in changes)
        self._index.remove([one.row for one in changes if one.template is None])
        put = [(one.row, one.template) for one in changes if one.template is not None]
        if put:
            self._index.put([row for row, _ in put], np.stack([template for _, template in put]))
