"""Loads the templates of all collections at a start, so that no search has to wait for that."""

from __future__ import annotations

import logging
import threading

from kenspeckle.errors import CollectionNotFound, KenspeckleError, StorageUnavailable
from kenspeckle.usecases.recognition.context import Context

log = logging.getLogger(__name__)

BEFORE_LISTENING = 50_000
"""Faces in all that are loaded before the service listens, in about half a second; more are loaded beside requests."""

PAGE = 1000
CLOSE_SECONDS = 2.0
"""Longest wait for a collection that is being loaded at a shutdown; it changes nothing, so it may be cut off."""


class Loading:
    """Loads once, from `start` on; the largest page of the catalog's collections is in memory at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._loading = False
        self._done = 0

    def start(self) -> None:
        """Load few templates now, many in a thread."""
        if not self._context.settings.load_at_start:
            return
        self._loading = True
        try:
            few = self._context.catalog.counts()["faces"] <= BEFORE_LISTENING
        except KenspeckleError as error:
            log.error("templates were not loaded: %s", error.message)
            self._loading = False
            return
        if few:
            self._run()
            return
        self._thread = threading.Thread(target=self._run, name="loading", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Load nothing more."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def check(self) -> None:
        """Raises StorageUnavailable as long as templates are being loaded."""
        if self._loading:
            raise StorageUnavailable(f"Templates are being loaded: {self._done:,} so far.", retry_after=1)

    def _run(self) -> None:
        cursor: str | None = None
        try:
            while not self._closing.is_set():
                page = self._context.catalog.collections(PAGE, cursor)
                for one in page.items:
                    for kind, count in (("face", one.face_count), ("user", one.user_count)):
                        if count and not self._closing.is_set():
                            self._load(one.collection_id, kind)
                cursor = page.cursor
                if cursor is None:
                    break
        except KenspeckleError as error:
            log.error("templates were not all loaded: %s", error.message)
        except Exception:
            log.exception("templates were not all loaded; searches load what they need")
        finally:
            self._loading = False

    def _load(self, collection_id: str, kind: str) -> None:
        try:
            self._done += self._context.index.load(collection_id, kind)
        except CollectionNotFound:
            pass  # it was deleted meanwhile
        except KenspeckleError as error:
            log.warning("the templates of collection '%s' were not loaded: %s", collection_id, error.message)
