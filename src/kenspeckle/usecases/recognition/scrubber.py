"""Sees to it that the database's side files forget what was deleted; deletions at the same time share the work."""

from __future__ import annotations

import logging
import threading

from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Catalog

log = logging.getLogger(__name__)


class Scrubber:
    """Counts deletions, and up to which of them nothing is left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._wanted = 0
        self._done = 0

    @property
    def pending(self) -> bool:
        """Whether something may be left because someone was reading."""
        return self._done < self._wanted

    def scrub(self, catalog: Catalog) -> bool:
        """Whether nothing is left of what was deleted before this call. Never raises: what was deleted is deleted, and
        housekeeping tries again."""
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
