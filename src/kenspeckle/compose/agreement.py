"""What all services on one catalog have alike.

In PostgreSQL the catalog has the shared settings and measured calibrations for all of them: the first service that
serves stores its own, later ones follow, and one that is given another value is refused. On SQLite, which has one
machine, what is given rules; what the catalog has, from a cluster that it was copied from, stands for the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from kenspeckle.domain import PackInfo
from kenspeckle.errors import SettingError
from kenspeckle.ports import SharedKind, SharedSettings
from kenspeckle.settings import Settings, format_value, list_shared, parse_value
from kenspeckle.usecases.recognition.calibrations import format_calibration, read_calibrations

if TYPE_CHECKING:
    from kenspeckle.compose.engines import PackEngines

PACK = "PACK"
CATALOG = "the catalog's shared settings"
"""Source of a value, for messages."""


class Agreeing(Protocol):
    def agree(self, values: Mapping[str, str]) -> list[str]:
        """Tell other services these values, by subject, as long as this one lives; subjects in which one differs."""
        ...


def is_cluster(settings: Settings) -> bool:
    """Whether other machines may have the catalog too."""
    return not settings.catalog.startswith("sqlite")


def list_values(settings: Settings) -> dict[str, str]:
    """The shared settings by their names in capitals, as text."""
    return {name.upper(): format_value(getattr(settings, name)) for name in list_shared()}


def follow_settings(settings: Settings, shared: SharedSettings) -> Settings:
    """The settings with the catalog's values where none was given. Raises SettingError where one was given that differs
    from that of a cluster."""
    return _follow(settings, shared.shared(SharedKind.SETTING))


def offer_settings(settings: Settings, shared: SharedSettings, now: float) -> None:
    """Store the values of a service that is about to serve, where a cluster has none. Raises SettingError where another
    one that began at the same moment was first with other values."""
    if not is_cluster(settings):
        return
    stored = shared.offer_shared(SharedKind.SETTING, list_values(settings), now)
    if _follow(settings, stored) != settings:
        raise SettingError(
            "Another service on this catalog stored other settings while this one was starting; start it again, and it "
            "follows them."
        )


def _follow(settings: Settings, stored: Mapping[str, str]) -> Settings:
    values: dict[str, Any] = {}
    for name in list_shared():
        text = stored.get(name.upper())
        if text is None:
            continue
        value, own = parse_value(name, text, CATALOG), getattr(settings, name)
        if name not in settings.given:
            values[name] = value
        elif value != own and is_cluster(settings):
            raise SettingError(_describe_conflict(name.upper(), format_value(own), text), field=name)
    return replace(settings, **values)


def _describe_conflict(name: str, own: str, stored: str) -> str:
    return (
        f"{name}: this service is given {own}, and all services on the catalog of CATALOG_URL have {stored}. Remove it "
        f"from the environment or the file here, or change it for all: `kenspeckle catalog set {name} {own}`."
    )


def use_calibrations(settings: Settings, engines: PackEngines, shared: SharedSettings) -> None:
    """Have packs mean by a distance what the catalog says; on SQLite, only those that nobody measured here."""
    found = read_calibrations(shared.shared(SharedKind.CALIBRATION))
    if not is_cluster(settings):
        for one in engines.list_measured():
            found.pop(one.contract, None)
    engines.use_calibrations(found)


def offer_calibrations(settings: Settings, engines: PackEngines, shared: SharedSettings, now: float) -> None:
    """Store what was measured on this machine where a cluster has nothing for that pack, and use what it has."""
    if not is_cluster(settings):
        return
    own = {one.contract: format_calibration(one.name, one.calibration) for one in engines.list_measured()}
    engines.use_calibrations(read_calibrations(shared.offer_shared(SharedKind.CALIBRATION, own, now)))


def check_pack(pack: PackInfo, catalog: Agreeing) -> None:
    """Raises SettingError where another service that serves the catalog now has another pack: comparisons and new
    collections would depend on which of them is asked."""
    if PACK in catalog.agree({PACK: pack.contract}):
        raise SettingError(
            f"PACK: another service on this catalog takes another model pack than '{pack.name}' for comparisons and "
            "new collections. Give all of them the same PACK; to change it, stop them all before you start them again.",
            field="pack",
        )
