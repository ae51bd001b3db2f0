"""What all services on one catalog have alike, kept in the catalog: settings and calibrations."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class SharedKind(StrEnum):
    """Kinds of values. A setting goes by its name in capitals, a calibration by the contract of its pack."""

    SETTING = "setting"
    CALIBRATION = "calibration"


class SharedSettings(Protocol):
    """Values as text, by kind and name. Raises StorageFull and StorageUnavailable from any method."""

    def shared(self, kind: SharedKind) -> Mapping[str, str]:
        """All values of a kind, by name."""
        ...

    def offer_shared(self, kind: SharedKind, values: Mapping[str, str], now: float) -> Mapping[str, str]:
        """Store those whose name has no value yet; all values of the kind as they are then."""
        ...

    def set_shared(self, kind: SharedKind, name: str, value: str, now: float) -> str | None:
        """Store one in place of what was there; what was there."""
        ...

    def remove_shared(self, kind: SharedKind, name: str) -> str | None:
        """Remove one; what was there."""
        ...
