"""Composition of backup and restore: source, target, and their rows in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

from kenspeckle.catalog.audit_anchor import FILE as ANCHOR
from kenspeckle.compose.data_folder import key_file, open_folder, storage
from kenspeckle.domain.audit import PURPOSE, is_sealed
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import KenspeckleError
from kenspeckle.images.restore_set import PhotographFolder
from kenspeckle.images.store import open_images
from kenspeckle.images.urls import parse
from kenspeckle.settings import Settings
from kenspeckle.usecases.audit import verification
from kenspeckle.usecases.backup.backup import Source
from kenspeckle.usecases.backup.restore import Target

BACKUP = "BackUp"
RESTORE = "Restore"


def source(settings: Settings, made_by: str, key: bytes | None, *, has_key: bool) -> Source:
    """The local data folder as the source of a backup; `key` is the master key where it is to be included. Raises
    SettingError, and NotOffered for a catalog that is no file."""
    return Source(storage(settings).copies(), open_images(settings.images), made_by, key, has_key)


def target(settings: Settings, stamp: str) -> Target:
    """The local data folder as the target of a restore; its present data moves to a folder named by `stamp`. Raises
    SettingError."""
    here = storage(settings)
    replacer = here.replacer()
    folder = here.file.parent if here.file is not None else settings.data_dir
    place = parse(settings.images, "IMAGES_URL")
    return Target(
        folder=folder,
        replacer=replacer,
        images=open_images(settings.images),
        photograph_folder=PhotographFolder(place) if isinstance(place, Path) else None,
        master_key=key_file(settings),
        anchor=settings.data_dir / ANCHOR,
        aside=folder / f"before-restore-{stamp}",
    )


def record_backup(settings: Settings, face_count: int, facts: Mapping[str, object]) -> bool:
    """Record a backup in the trail of the catalog that was backed up; returns whether it could be recorded. A database
    of an older schema is not changed: its backup is needed for a rollback. Raises StorageFull, StorageUnavailable."""
    with closing(storage(settings).inspect()) as look:
        if look.schema() != look.known[-1]:
            return False
    _record(settings, BACKUP, face_count, facts)
    return True


def record_restore(settings: Settings, face_count: int, facts: Mapping[str, object]) -> bool:
    """Record a restore in the restored trail; returns whether it could be sealed under the present key. Under another
    key than the backup's, the row would look forged. Raises StorageFull, StorageUnavailable."""
    master = MasterKey.of(settings, create=False)
    with closing(storage(settings).inspect(master)) as look:
        head = look.catalog.audit_head()
        try:
            look.check_key()
            if head.begun and not is_sealed(head, master.derive(PURPOSE)):
                return False
        except KenspeckleError:
            return False
    _record(settings, RESTORE, face_count, facts)
    return True


def anchor_of(settings: Settings, aside: Path) -> str:
    """The newest row of the trail that a restore has replaced, as `NUMBER:HASH`; "" where it can't be read."""
    with suppress(KenspeckleError), closing(storage(settings).beside(aside).inspect()) as look:
        return verification.anchor_of(look.catalog.audit_head())
    return ""


def _record(settings: Settings, operation: str, face_count: int, facts: Mapping[str, object]) -> None:

    with open_folder(settings.data_dir) as instance:
        instance.recorder.record(instance.recorder.entry(operation, face_count=face_count, facts=facts))
