"""Has deleted data removed from the database's side files; concurrent deletions share the work."""

from __future__ import annotations

import logging
import threading

from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Catalog

log = logging.getLogger(__name__)


class Scrubber:
    """Counts deletions, and the number of those whose data is completely removed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._wanted = 0
        self._done = 0

    @property
    def pending(self) -> bool:
        """Whether deleted data may be left because of a reader."""
        return self._done < self._wanted

    def scrub(self, catalog: Catalog) -> bool:
        """Whether nothing is left of data that was deleted before this call. Never raises: the deletion is committed,
        and housekeeping tries again."""
        with self._lock:
            self._wanted += 1
            mine = self._wanted
        with self._turn:
            if self._done >= mine:
                return True
            serves = self._wanted
            try:
                done = catalog.scrub()
            except KenspeckleError as error:
                log.warning("the database's side files could not be cut back: %s", error.message)
                done = False
            if done:
                self._done = serves
            return done
