"""Checks the database file: exists, is undamaged, has a schema that this program knows and a write-ahead log of normal
size."""

from __future__ import annotations

import stat
from pathlib import Path

from kenspeckle.doctor.findings import Examined, on
from kenspeckle.doctor.instance import Instance
from kenspeckle.errors import KenspeckleError

LARGE_LOG = 256 << 20
"""Size in bytes of a write-ahead log that is not checkpointed; SQLite does so every few megabytes."""

RESTORE = "kenspeckle restore BACKUP --replace, with the service stopped"

_ALL = "Collections, faces, users, keys and the audit trail are in it."


def check(instance: Instance, found: Examined) -> None:
    file = instance.storage.file
    if file is None:
        _server(instance, found)
        return
    if not _there(file, instance, found):
        return
    if instance.inspection is None:
        found.fault("database_damaged", f"{file} is no SQLite database.", _ALL, RESTORE)
        found.summary = "no database"
        return
    _damage(instance, found)
    version = _version(instance, found)
    log = _log(instance, found)
    how = "every page and index" if instance.thorough else "every page"
    state = "damaged" if any(one.code == "database_damaged" for one in found.findings) else f"sound ({how})"
    size = f"{file.stat().st_size / 1e6:,.1f} MB"
    found.summary = f"{size}, {state}, schema {version or 'unknown'}, log {log / 1e6:,.1f} MB"


def _server(instance: Instance, found: Examined) -> None:
    """A catalog in a database server."""
    if instance.inspection is None:
        try:
            instance.storage.inspect().close()
        except KenspeckleError as error:
            found.fault(
                "database_no_access", error.message, _ALL, "Mend what the message names: KENSPECKLE_CATALOG_URL"
            )
        found.summary = "not reached"
        return
    _damage(instance, found)
    version = _version(instance, found)
    how = "every row was read" if instance.thorough else "rows are read with --thorough"
    state = "damaged" if any(one.code == "database_damaged" for one in found.findings) else "no damage is known"
    found.summary = f"PostgreSQL, {state} ({how}), schema {version or 'unknown'}"


def _there(file: Path, instance: Instance, found: Examined) -> bool:
    try:
        state = file.stat()
        with file.open("rb"):
            pass
    except FileNotFoundError:
        _absent(file, instance, found)
        return False
    except OSError as error:
        found.fault("database_no_access", f"{file} can't be read: {error.strerror}.", _ALL, on("ls -l", file))
        found.summary = "can't be read"
        return False
    if state.st_mode & 0o077:
        mode = stat.S_IMODE(state.st_mode)
        found.warn(
            "database_open",
            f"{file} can be read by others ({mode:o}).",
            "Anyone who has this file can read every face in it.",
            on("chmod 600", file) + "*",
        )
    return True


def _absent(file: Path, instance: Instance, found: Examined) -> None:
    """A new instance has no database; one with photographs or a master key must have had one."""
    data_dir = instance.settings.data_dir
    try:
        traces = [name for name in ("images", "master.key") if (data_dir / name).exists()]
    except OSError:
        traces = []
    found.summary = "not there"
    if traces:
        found.fault(
            "database_missing",
            f"{file} is not there, but {' and '.join(traces)} is.",
            f"{_ALL} A start would make an empty one.",
            "kenspeckle restore BACKUP; or set KENSPECKLE_DATA_DIR to where it lies",
        )
    else:
        found.note("database_absent", f"{file} is not there.", "The first start makes it.", "kenspeckle serve")


def _damage(instance: Instance, found: Examined) -> None:
    instance.progress("database", 0, 1)
    try:
        damage = instance.catalog.damage(thorough=instance.thorough)
    except KenspeckleError as error:
        damage = [error.message]
    instance.progress("database", 1, 1)
    if damage:
        shown = "; ".join(one.replace("\n", " ") for one in damage[:3])
        more = f"; and {len(damage) - 3} more" if len(damage) > 3 else ""
        found.fault(
            "database_damaged",
            f"The database is damaged: {shown}{more}",
            "What lies on the damaged pages is lost, and it may spread. The disk may be failing.",
            f"Stop the service, keep a copy of the data folder, then: {RESTORE}. Collections that the next checks can "
            "read can be saved before: kenspeckle export COLLECTION FILE --images",
        )


def _version(instance: Instance, found: Examined) -> str:
    known = instance.catalog.known
    try:
        version = instance.catalog.schema()
    except KenspeckleError:
        return ""  # told as damage
    if not version:
        found.fault(
            "database_of_another", "The database is empty or another program's.", _ALL, "Set KENSPECKLE_CATALOG_URL"
        )
    elif version not in known:
        found.fault(
            "schema_newer",
            f"A newer Kenspeckle has written the database (schema {version}, this one knows up to {known[-1]}).",
            "This version does not start with it.",
            "pip install --upgrade kenspeckle; or restore the backup made before the upgrade",
        )
    elif version != known[-1]:
        found.note(
            "schema_older",
            f"The database has schema {version}; the next start brings it to {known[-1]}.",
            "An older version of the program does not read it then. Checks below may not understand it yet.",
            "kenspeckle backup DEST, before that start",
        )
    return version


def _log(instance: Instance, found: Examined) -> int:
    size = instance.catalog.log_bytes
    if size > LARGE_LOG:
        found.warn(
            "log_large",
            f"The write-ahead log has {size / 1e6:,.0f} MB.",
            "Something has been reading for long and keeps it from being folded back; searches get slow.",
            "End what holds the database open (lsof), or restart the service",
        )
    return size
