"""Composition of `catalog copy`: the present catalog into another database, with a row in the new audit trail."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from kenspeckle.catalog.copying import Copied, copy_catalog
from kenspeckle.catalog.sql import SqlCatalog, open_database
from kenspeckle.compose.data_folder import recorder_of, storage
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import SettingError
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings


def copy_to(settings: Settings, to: str, progress: Progress) -> Copied:
    """Copy the catalog of the settings into the empty database at the URL `to`, both without other users, and compare
    them. Raises SettingError, Conflict where one is in use or `to` holds a catalog, StorageFull, StorageUnavailable."""
    try:
        source, target = make_url(settings.catalog), make_url(to)
    except ArgumentError as error:
        raise SettingError("--to is no database URL such as postgresql+psycopg://user@host/kenspeckle.") from error
    if source == target:
        raise SettingError("--to names the catalog itself; name another database.")
    storage(settings).see()
    with closing(open_database(source, alone=True)) as here, closing(open_database(target, alone=True)) as there:
        done = copy_catalog(here, there, lambda rows, total: progress("rows", rows, total))
    master = MasterKey.of(settings)
    with closing(SqlCatalog.open(to, master=master)) as catalog:
        moved = replace(settings, catalog_url=to)
        with closing(recorder_of(moved, catalog, master)) as recorder:
            facts = {"rows": sum(done.rows.values())}
            recorder.record(recorder.entry("CopyCatalog", face_count=done.rows["faces"], facts=facts))
    return done
