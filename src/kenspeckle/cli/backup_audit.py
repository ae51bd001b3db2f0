"""Rows of the audit trail for a backup and for a restore of the local data folder."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kenspeckle.settings import Settings

BACKUP = "BackUp"
RESTORE = "Restore"


def backed_up(settings: Settings, face_count: int, facts: Mapping[str, object]) -> bool:
    """Record a backup in the trail of what was backed up; whether there is one that this program may write to.

    A database of an older schema is left as it is: its backup is for the way back. Raises StorageFull,
    StorageUnavailable."""
    from kenspeckle.catalog.maintenance.backup import file_of
    from kenspeckle.catalog.maintenance.inspect import Look
    from kenspeckle.catalog.schema import VERSIONS

    with closing(Look(file_of(settings.catalog))) as look:
        if look.schema() != VERSIONS[-1]:
            return False
    _record(settings, BACKUP, face_count, facts)
    return True


def restored(settings: Settings, face_count: int, facts: Mapping[str, object]) -> bool:
    """Record a restore in the trail of what was restored; whether it could be sealed under the key that is there.

    Under another key than the backup's, the row would look like a forgery. Raises StorageFull, StorageUnavailable."""
    from kenspeckle.catalog.maintenance.backup import file_of
    from kenspeckle.catalog.maintenance.inspect import Look
    from kenspeckle.domain.audit import PURPOSE, is_sealed
    from kenspeckle.encryption.master_key import MasterKey
    from kenspeckle.errors import KenspeckleError

    master = MasterKey.of(settings, create=False)
    with closing(Look(file_of(settings.catalog), master)) as look:
        head = look.catalog.audit_head()
        try:
            look.catalog.ring.check()
            if head.begun and not is_sealed(head, master.derive(PURPOSE)):
                return False
        except KenspeckleError:
            return False
    _record(settings, RESTORE, face_count, facts)
    return True


def anchor_of(database: Path) -> str:
    """The newest row of a trail that a restore has moved aside, as `NUMBER:HASH`; "" where it can't be read."""
    from kenspeckle.catalog.maintenance.inspect import Look
    from kenspeckle.errors import KenspeckleError
    from kenspeckle.usecases.audit import verification

    with suppress(KenspeckleError), closing(Look(database)) as look:
        return verification.anchor_of(look.catalog.audit_head())
    return ""


def _record(settings: Settings, operation: str, face_count: int, facts: Mapping[str, object]) -> None:
    from kenspeckle.compose.data_folder import opened

    with opened(settings.data_dir) as instance:
        instance.recorder.record(instance.recorder.entry(operation, face_count=face_count, facts=facts))
