"""The catalog and the audit trail of the local data folder, for commands that need no recognizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kenspeckle.catalog.sql import SqlCatalog
    from kenspeckle.encryption.master_key import MasterKey
    from kenspeckle.settings import Settings
    from kenspeckle.usecases.audit.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Instance:
    """What is open until the block ends."""

    settings: Settings
    catalog: SqlCatalog
    master: MasterKey
    recorder: Recorder


@contextmanager
def opened(data_dir: Path | None, *, make: bool = True) -> Iterator[Instance]:
    """`make` the catalog where there is none. Raises SettingError, StorageFull, StorageUnavailable."""
    from kenspeckle import settings as settings_
    from kenspeckle.catalog.maintenance.backup import file_of, see
    from kenspeckle.catalog.sql import SqlCatalog
    from kenspeckle.encryption.master_key import MasterKey

    settings = settings_.load({"data_dir": data_dir})
    if not make:
        see(file_of(settings.catalog))
    master = MasterKey.of(settings)
    # Whatever ENCRYPTION says in this shell: nothing that makes collections comes this way.
    catalog = SqlCatalog.open(settings.catalog, master=master)
    try:
        recorder = recorder_of(settings, catalog, master)
        try:
            yield Instance(settings, catalog, master, recorder)
        finally:
            recorder.close()
    finally:
        catalog.close()


def recorder_of(settings: Settings, catalog: SqlCatalog, master: MasterKey) -> Recorder:
    """What records in the catalog's audit trail. Raises SettingError, StorageFull, StorageUnavailable."""
    from kenspeckle.domain.audit import PURPOSE
    from kenspeckle.usecases.audit.recorder import Recorder

    return Recorder(catalog, master.derive(PURPOSE), required=settings.audit_required)
