"""The local data folder for commands that only list: its catalog and audit trail, without engine, index and images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose import agreement
from kenspeckle.compose.data_folder import master_key, recorder_of
from kenspeckle.errors import CollectionNotFound
from kenspeckle.usecases.audit.recognizer import Audited
from kenspeckle.usecases.jobs.queue import JobQueue
from kenspeckle.usecases.recognition.lists import ListingRecognizer, Lists

if TYPE_CHECKING:
    from kenspeckle.settings import Settings


@contextmanager
def open_lists(settings: Settings) -> Iterator[tuple[Audited, str] | None]:
    """A recognizer that lists, and records what it lists, with the name of the default collection. None where the
    folder has no default collection yet: the service makes that, with the rest (`compose.embedded`). Nothing is
    recovered after a crash here.

    Raises SettingError, StorageFull, StorageUnavailable."""
    master = master_key(settings)
    with closing(SqlCatalog.of(settings, master)) as catalog:
        settings = agreement.follow_settings(settings, catalog)
        if _is_begun(catalog, settings.collection):
            with closing(recorder_of(settings, catalog, master)) as recorder:
                recorder.begin()
                handlers = {**Lists(catalog, catalog).handlers(), **JobQueue(catalog, now=catalog.now).handlers()}
                yield Audited(ListingRecognizer(handlers), recorder, None), settings.collection
            return
    yield None


def _is_begun(catalog: SqlCatalog, collection: str) -> bool:
    try:
        catalog.collection(collection)
    except CollectionNotFound:
        return False
    return True
