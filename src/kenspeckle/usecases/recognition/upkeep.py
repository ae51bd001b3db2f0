"""Keeps large collections ready between searches: their loaded templates follow the catalog, and are saved for the next
start where this is the only machine on it."""

from __future__ import annotations

import logging
import threading

from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Index

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
"""An import beside the service stores fewer faces in that time than an index can follow (50,000)."""
AGAIN_SECONDS = 60.0
"""Pause after an error."""


class Upkeep:
    """One thread from `start` to `close`, which saves what changed a last time."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="upkeep")
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._try(last=True)

    def _run(self) -> None:
        pause = EVERY_SECONDS
        while not self._closing.wait(pause):
            pause = EVERY_SECONDS if self._try() else AGAIN_SECONDS

    def _try(self, *, last: bool = False) -> bool:
        try:
            self._index.upkeep(last=last)
        except KenspeckleError as error:
            log.warning("loaded templates were not brought up to date or saved: %s", error.message)
        except Exception:
            log.exception("loaded templates were not brought up to date or saved")
        else:
            return True
        return False
