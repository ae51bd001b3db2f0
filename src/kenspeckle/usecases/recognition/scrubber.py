"""Has deleted data removed from the database's files; deletions at the same time share the work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Catalog

log = logging.getLogger(__name__)


class Scrubber:
    """Counts deletions, and the number of those whose data is completely removed."""

    def __init__(self, drop_copies: Callable[[], None] = lambda: None) -> None:
        """`drop_copies` removes what was copied of deleted data into other files; it raises StorageUnavailable."""
        self._drop_copies = drop_copies
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._wanted = 0
        self._done = 0
        self.deferred = False
        """Whether a thread of this process removes the data, after the deletion was answered."""
        self.wake = threading.Event()
        """Set where that thread has something to do."""

    @property
    def pending(self) -> bool:
        """Whether deleted data may be left."""
        return self._done < self._wanted

    def scrub(self, catalog: Catalog) -> bool:
        """Whether nothing is left of data that was deleted before this call; False also where it is `deferred`."""
        if self.deferred:
            self._want()
            self.wake.set()
            return False
        return self.run(catalog)

    def run(self, catalog: Catalog) -> bool:
        """Remove it now. Whether nothing is left of data that was deleted before this call: a reader may need it still.
        Never raises: the deletion is committed, and it is tried again."""
        mine = self._want()
        with self._turn:
            if self._done >= mine:
                return True
            serves = self._wanted
            try:
                self._drop_copies()
                done = catalog.scrub()
            except KenspeckleError as error:
                log.warning("what deletions have left in files could not be removed: %s", error.message)
                done = False
            if done:
                self._done = serves
            return done

    def _want(self) -> int:
        with self._lock:
            self._wanted += 1
            return self._wanted
