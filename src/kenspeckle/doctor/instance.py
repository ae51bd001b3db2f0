"""The instance that checks examine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kenspeckle.compose import data_folder
from kenspeckle.encryption.master_key import MasterKey, file_of
from kenspeckle.ports import Inspection, Storage
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings

SAMPLE = 200
"""Photographs whose bytes are read, and templates of a collection that are searched, in an examination that is not
thorough."""
SAMPLE_THOROUGH = 5000
"""Templates of a collection that a thorough examination searches; a million would take hours."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The instance. `inspection` reads its catalog, None where that can't be opened."""

    settings: Settings
    thorough: bool
    progress: Progress
    now: Callable[[], float]
    inspection: Inspection | None = None

    @property
    def catalog(self) -> Inspection:
        """For checks that are run only where the catalog is open."""
        if self.inspection is None:
            raise LookupError("the catalog is not open")
        return self.inspection

    @property
    def storage(self) -> Storage:
        """The storage of the catalog. Raises SettingError."""
        return data_folder.storage(self.settings)

    @property
    def key_file(self) -> Path:
        """The file of the master key, whether it exists or not."""
        return file_of(self.settings)

    @property
    def master(self) -> MasterKey:
        """The present master key; none is made. Raises SettingError where two are configured."""
        return MasterKey.of(self.settings, create=False)
