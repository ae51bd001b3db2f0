"""The catalog and the audit trail of the local data folder, for commands that need no recognizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kenspeckle.compose.start import pause_collection

if TYPE_CHECKING:
    from kenspeckle.catalog.audit_anchor import AnchorFile
    from kenspeckle.catalog.sql import SqlCatalog
    from kenspeckle.encryption.master_key import MasterKey
    from kenspeckle.images.bucket_anchors import BucketAnchors
    from kenspeckle.ports import Storage
    from kenspeckle.settings import Settings
    from kenspeckle.usecases.audit.recorder import Recorder


@dataclass(frozen=True, slots=True)
class DataFolder:
    """An open data folder, closed at the end of the block."""

    settings: Settings
    catalog: SqlCatalog
    master: MasterKey
    recorder: Recorder


@contextmanager
def open_folder(
    data_dir: Path | None, *, make: bool = True, any_key: bool = False, new_key: bool = False
) -> Iterator[DataFolder]:
    """Open the data folder. `make` creates the catalog where there is none; `any_key` accepts the present master key
    also where the trail was sealed under another one, `new_key` makes one where there is none. Raises SettingError,
    StorageFull, StorageUnavailable."""
    from kenspeckle import settings as settings_

    chosen = settings_.load({"data_dir": data_dir})
    with open_instance(chosen, make=make, any_key=any_key, new_key=new_key) as opened:
        yield opened


@contextmanager
def open_instance(
    settings: Settings, *, make: bool = True, any_key: bool = False, new_key: bool = False
) -> Iterator[DataFolder]:
    """As `open_folder`, by settings that are loaded already."""
    if not make:
        storage(settings).see()
    with pause_collection():
        from kenspeckle.catalog.sql import SqlCatalog

        if make:
            # Where no database lies in it, nothing has made it yet; the trail's anchor goes there.
            with suppress(OSError):
                settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        master = master_key(settings)
        # Without the setting ENCRYPTION: no command that uses this creates collections.
        catalog = SqlCatalog.open(settings.catalog, master=master, connections=settings.catalog_connections)
    try:
        recorder = recorder_of(settings, catalog, master, any_key=any_key, new_key=new_key)
        try:
            yield DataFolder(settings, catalog, master, recorder)
        finally:
            recorder.close()
    finally:
        catalog.close()


def storage(settings: Settings) -> Storage:
    """The storage of the catalog that settings name. Raises SettingError."""
    from kenspeckle.catalog.storage import storage_of

    return storage_of(settings.catalog, settings.catalog_connections)


def key_file(settings: Settings) -> Path:
    """The file of the master key, whether it exists or not."""
    from kenspeckle.encryption.master_key import file_of

    return file_of(settings)


def master_key(settings: Settings, *, create: bool = True) -> MasterKey:
    """The master key of the settings; `create` makes one when it is first needed. Raises SettingError."""
    from kenspeckle.encryption.master_key import MasterKey

    return MasterKey.of(settings, create=create)


def recorder_of(
    settings: Settings, catalog: SqlCatalog, master: MasterKey, *, any_key: bool = False, new_key: bool = False
) -> Recorder:
    """The recorder of the catalog's audit trail. Raises SettingError, StorageFull, StorageUnavailable."""
    from kenspeckle.usecases.audit.recorder import Recorder
    from kenspeckle.usecases.audit.sealing_key import sealing_key

    key = sealing_key(catalog, master, any_key=any_key, new_key=new_key)
    return Recorder(catalog, key, required=settings.audit_required, now=catalog.now, anchors=anchors_of(settings))


def anchors_of(settings: Settings) -> AnchorFile:
    """The anchor file, which names the newest row of the trail."""
    from kenspeckle.catalog.audit_anchor import FILE, AnchorFile

    return AnchorFile(settings.data_dir / FILE)


def locked_anchors_of(settings: Settings, key: bytes) -> BucketAnchors | None:
    """Anchors of the trail in a bucket, where the settings name one; `key` seals them. Raises SettingError."""
    if not settings.audit_anchors_url:
        return None
    from kenspeckle.domain.audit_anchor import is_anchor
    from kenspeckle.errors import SettingError
    from kenspeckle.images.bucket_anchors import BucketAnchors
    from kenspeckle.images.urls import BucketUrl, parse

    place = parse(settings.audit_anchors_url, "AUDIT_ANCHORS_URL")
    if not isinstance(place, BucketUrl):
        raise SettingError("AUDIT_ANCHORS_URL names a bucket: s3://bucket/prefix.", field="audit_anchors_url")
    return BucketAnchors(place, lambda anchor: is_anchor(anchor, key))
