"""The shared settings and calibrations of a catalog for commands that show and change them, with rows in the audit
trail."""

from __future__ import annotations

from collections.abc import Mapping

from kenspeckle.compose.agreement import is_cluster
from kenspeckle.compose.data_folder import DataFolder, open_instance
from kenspeckle.domain import Calibration, PackInfo, validation
from kenspeckle.errors import InvalidValue
from kenspeckle.models import registry
from kenspeckle.ports import SharedKind
from kenspeckle.settings import PREFIX, Settings, format_value, list_settings, list_shared, parse_value
from kenspeckle.usecases.recognition.calibrations import format_calibration, read_calibrations


def show_shared(settings: Settings) -> tuple[Mapping[str, str], Mapping[str, Calibration]]:
    """Settings by name, and calibrations by the name of their pack, or the contract of one that is not known here.
    Raises SettingError, StorageUnavailable."""
    with open_instance(settings, make=False) as instance:
        stored = instance.catalog.shared(SharedKind.SETTING)
        found = read_calibrations(instance.catalog.shared(SharedKind.CALIBRATION))
    names = {one.contract: name for name, one in registry.infos(settings.models_dir).items()}
    return stored, {names.get(contract, contract): one for contract, one in found.items()}


def set_setting(settings: Settings, name: str, text: str) -> tuple[str | None, str]:
    """Give all services on a cluster's catalog another value of a setting, from their next start on; what it was, and
    is. Raises InvalidValue where it is none of theirs, SettingError, StorageFull, StorageUnavailable."""
    name = name.upper().removeprefix(PREFIX)
    shared = [one.upper() for one in list_shared()]
    if name not in shared:
        own = name in [one.name.upper() for one in list_settings()]
        what = f"each service's own: set {PREFIX}{name} where it gets its settings from" if own else "no setting"
        raise InvalidValue(f"{name} is {what}. The catalog has: {', '.join(shared)}.", field="name")
    value = parse_value(name.lower(), text, name)
    if name == "COLLECTION":
        validation.collection_id(str(value))
    if not is_cluster(settings):
        raise InvalidValue(
            f"This catalog is a file, whose service gets its settings from its own environment: set {PREFIX}{name} "
            "there. Settings lie in the catalog where CATALOG_URL names PostgreSQL.",
            field="name",
        )
    after = format_value(value)
    with open_instance(settings) as instance:
        before = instance.catalog.set_shared(SharedKind.SETTING, name, after, instance.catalog.now())
        facts = {"setting": name, "before": before, "after": after}
        instance.recorder.record(instance.recorder.entry("SetSetting", facts=facts))
    return before, after


def set_calibration(instance: DataFolder, pack: PackInfo, calibration: Calibration) -> None:
    """Have all services on a cluster's catalog use a calibration, within a second or two. Raises StorageFull,
    StorageUnavailable."""
    text = format_calibration(pack.name, calibration)
    instance.catalog.set_shared(SharedKind.CALIBRATION, pack.contract, text, instance.catalog.now())
    facts = {"pack": pack.name, "contract": pack.contract, "sample": calibration.sample}
    instance.recorder.record(instance.recorder.entry("SetCalibration", facts=facts))


def remove_calibration(settings: Settings, pack: str) -> None:
    """Take a pack's calibration, by its name or contract, out of the catalog: what each machine has holds again. Raises
    InvalidValue where the catalog has none of it, SettingError, StorageFull, StorageUnavailable."""
    packs = registry.infos(settings.models_dir)
    contract = packs[pack].contract if pack in packs else pack
    with open_instance(settings, make=False) as instance:
        if instance.catalog.remove_shared(SharedKind.CALIBRATION, contract) is None:
            raise InvalidValue(f"The catalog has no calibration of the pack '{pack}'.", field="pack")
        facts = {"pack": pack, "contract": contract}
        instance.recorder.record(instance.recorder.entry("RemoveCalibration", facts=facts))
