"""Runs all checks in order; a check that fails does not stop the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from kenspeckle.compose import pack_choice
from kenspeckle.doctor import (
    clock,
    collections,
    database,
    disk_space,
    encryption,
    folder,
    master,
    mirrors,
    models,
    network,
    photographs,
    saved_codes,
    settings_check,
    videos,
    webhooks,
)
from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Inspection
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings

log = logging.getLogger(__name__)

TRIES = 3
"""Most attempts to inspect a catalog to which a service begins to write meanwhile."""


@dataclass(frozen=True, slots=True)
class Check:
    """`run` adds its findings to `Examined`. A check that needs the `catalog` is not run where that can't be opened;
    one of the `local` recognizer is not run with Amazon Rekognition, which stores that data itself."""

    name: str
    title: str
    run: Callable[[Instance, Examined], None]
    catalog: bool = False
    local: bool = False


PLACES = (
    Check("settings", "Settings", settings_check.check),
    Check("folder", "Data folder", folder.check),
    Check("room", "Disk space", disk_space.check),
    Check("models", "Model files", models.check, local=True),
    Check("video", "Video decoder", videos.check, local=True),
)
CATALOG = (
    Check("database", "Database", database.check),
    Check("collections", "Collections", collections.check_collections, catalog=True, local=True),
    Check("templates", "Templates", collections.check_templates, catalog=True, local=True),
    Check("index", "Search index", collections.check_index, catalog=True, local=True),
    Check("codes", "Saved codes", saved_codes.check, catalog=True, local=True),
    Check("mirrors", "Vector database", mirrors.check, catalog=True, local=True),
    Check("photographs", "Photographs", photographs.check, catalog=True, local=True),
    Check("master_key", "Master key", master.check_key, catalog=True),
    Check("encryption", "Encryption", encryption.check, catalog=True, local=True),
    Check("audit", "Audit trail", master.check_trail, catalog=True),
    Check("webhooks", "Webhooks", webhooks.check, catalog=True),
    Check("clock", "Clock", clock.check, catalog=True),
    Check("network", "Network", network.check),
)


def examine(
    settings: Settings, *, thorough: bool, progress: Progress, now: Callable[[], float] = time.time
) -> Iterable[Examined]:
    """Yields the result of each check when it is done. Raises nothing, unless `progress` does."""
    instance = _with_its_pack(Instance(settings, thorough, progress, now))
    for check in PLACES:
        yield _run(check, instance)
    yield from _catalog(instance)


def _with_its_pack(instance: Instance) -> Instance:
    """With the pack that the service would take for this folder."""
    with suppress(KenspeckleError, OSError):
        if instance.settings.recognizer == "local" and instance.storage.readable():
            with closing(instance.storage.inspect(_master(instance))) as inspection:
                return replace(instance, settings=pack_choice.keep_pack(instance.settings, inspection))
    return instance


def _catalog(instance: Instance) -> Iterable[Examined]:
    """The checks of the catalog; repeated where a service began to write meanwhile."""
    for attempt in range(TRIES):
        inspection: Inspection | None = None
        with suppress(KenspeckleError, OSError):
            storage = instance.storage
            inspection = storage.inspect(_master(instance)) if storage.readable() else None
        try:
            found = [_run(check, replace(instance, inspection=inspection)) for check in CATALOG]
        finally:
            if inspection is not None:
                inspection.close()
        if inspection is None or not inspection.disturbed or attempt == TRIES - 1:
            return found
    return found


def _master(instance: Instance) -> MasterKey | None:
    """None where settings contradict each other, which the check of settings reports."""
    with suppress(KenspeckleError):
        return instance.master
    return None


def _run(check: Check, instance: Instance) -> Examined:
    found = Examined(check.name, check.title)
    if check.local and instance.settings.recognizer != "local":
        return _skip(check, f"RECOGNIZER={instance.settings.recognizer}: this is stored at Amazon")
    if check.catalog and instance.inspection is None:
        return _skip(check, "there is no database to check")
    try:
        check.run(instance, found)
    except KenspeckleError as error:
        found.fault("unreadable", error.message, "The rest of this check was not made.", _LATER)
    except Exception as error:
        # A bug in a check must not hide other findings.
        log.debug("the check %s failed", check.name, exc_info=True)
        found.fault(
            "not_examined",
            f"The check failed: {type(error).__name__}: {error}",
            "Its findings are unknown.",
            "Mend what else was found and run it again; if it stays, `kenspeckle --debug doctor` is what a bug "
            "report needs.",
        )
    if not found.summary:
        found.summary = "checked as far as possible"
    return found


def _skip(check: Check, reason: str) -> Examined:
    found = Examined(check.name, check.title)
    found.skip(reason)
    return found


_LATER = "Mend what the database check found first, then run `kenspeckle doctor` again."
