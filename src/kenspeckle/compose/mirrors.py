"""Composition of mirrors: which collections lie in the vector database that the settings name."""

from __future__ import annotations

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose.data_folder import open_folder
from kenspeckle.errors import InvalidValue
from kenspeckle.index.store import open_vectors
from kenspeckle.ports import IN_FILE, MirrorBounds
from kenspeckle.settings import Settings
from kenspeckle.usecases.mirrors.keeper import Keeper


def keeper_of(settings: Settings, catalog: SqlCatalog) -> Keeper | None:
    """None where INDEX_URL is memory://. Nothing is connected yet. Raises SettingError."""
    store = open_vectors(settings.index_url)
    if store is None:
        return None
    bounds = MirrorBounds(settings.index_faces, settings.index_fallback_faces, settings.index_encrypted)
    return Keeper(catalog, catalog, store, bounds)


def forget_index(settings: Settings, place: str) -> int:
    """Take the copies at `place`, a vector database that is gone for good, off the catalog's account, with a row in the
    audit trail; how many. Raises InvalidValue where there are none, SettingError, StorageUnavailable."""
    with open_folder(settings.data_dir, make=False) as instance:
        some = [one for one, _ in instance.catalog.mirrors() if one.place == place != IN_FILE]
        if not some:
            known = sorted({one.place for one, _ in instance.catalog.mirrors()} - {IN_FILE}) or ["none"]
            raise InvalidValue(
                f"The catalog has no copies at '{place}'. It has some at: {', '.join(known)}.", field="place"
            )
        for one in some:
            instance.catalog.remove_mirror(one.row)
        facts = {"place": place, "copies": len(some)}
        instance.recorder.record(instance.recorder.entry("ForgetIndex", facts=facts))
    return len(some)
