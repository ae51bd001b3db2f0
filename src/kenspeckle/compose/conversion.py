"""Composition of encryption and decryption of a data folder in place, with rows in the audit trail."""

from __future__ import annotations

from contextlib import closing

from kenspeckle.catalog.encrypt import Converter
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.data_folder import recorder_of
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.images.store import open_images
from kenspeckle.index.saved_codes import FOLDER, SavedCodes
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings
from kenspeckle.usecases.backup.encrypt_in_place import Converted, convert


def convert_folder(settings: Settings, progress: Progress) -> Converted:
    """Convert the data folder as ENCRYPTION says, and remove the former data from the database's files."""
    to = settings.encryption
    master = MasterKey.of(settings)
    operation = "EncryptCollection" if to else "DecryptCollection"
    with closing(Converter.open(settings.catalog, master=master, alone=True)) as alone:
        # Recorded first, so that the trail has it if the conversion is interrupted.
        with closing(recorder_of(settings, alone, master)) as recorder:
            for one in alone.pending(encrypt=to):
                recorder.record(recorder.entry(f"{operation}Begun", one.collection_id))
        done = convert(alone, open_images(settings.images), encrypt=to, progress=progress)
    # Without exclusive use again: record the conversion, then remove old bytes from the database's files. In this
    # order, because another run would find nothing to do and so nothing to record.
    with closing(SqlCatalog.open(settings.catalog, master=master)) as catalog:
        with closing(recorder_of(settings, catalog, master)) as recorder:
            for name in done.collections:
                recorder.record(recorder.entry(operation, name))
        SavedCodes(settings.data_dir / FOLDER, catalog, catalog).clear()
        if not catalog.scrub(thorough=True):
            raise CommandFailed("Another process uses the catalog: old bytes are still in its files.", "Run it again.")
    return done
