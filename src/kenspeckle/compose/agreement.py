"""What all services on one catalog have to have alike, checked when one begins to serve."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import Protocol

from kenspeckle.domain import PackInfo
from kenspeckle.errors import SettingError
from kenspeckle.settings import Settings

log = logging.getLogger(__name__)

PACK = "PACK"
ALIKE = (
    "collection",
    "detection_attributes",
    "face_match_threshold",
    "gender",
    "keep_images",
    "max_faces",
    "quality_filter",
)
"""Settings that answers depend on, as `Settings` names them."""


class Agreeing(Protocol):
    def agree(self, values: Mapping[str, str]) -> list[str]:
        """Tell other services these values, by subject, as long as this one lives; subjects in which one differs."""
        ...


def check(settings: Settings, pack: PackInfo, catalog: Agreeing) -> None:
    """Log what another service that serves the catalog now has otherwise. Raises SettingError where that is the pack:
    comparisons and new collections would depend on which of them is asked."""
    calibration = f"the calibration of the pack '{pack.name}'"
    knots = repr((pack.calibration.distances, pack.calibration.similarities))
    values = {
        PACK: pack.contract,
        calibration: hashlib.sha256(knots.encode()).hexdigest(),
        **{name.upper(): str(getattr(settings, name)) for name in ALIKE},
    }
    differ = catalog.agree(values)
    if PACK in differ:
        raise SettingError(
            f"PACK: another service on this catalog takes another model pack than '{pack.name}' for comparisons and "
            "new collections. Give all of them the same PACK; to change it, stop them all before you start them again.",
            field="pack",
        )
    for one in differ:
        log.warning("another service on this catalog has another value of %s: answers depend on which is asked", one)
