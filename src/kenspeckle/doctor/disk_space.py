"""Checks the space on the disks of database and photographs, and whether their file systems suit a database."""

from __future__ import annotations

import os
from pathlib import Path

from kenspeckle.doctor.findings import Examined, on
from kenspeckle.doctor.instance import Instance
from kenspeckle.errors import KenspeckleError
from kenspeckle.images.urls import parse
from kenspeckle.text import plural

FULL = 64 << 20
SCARCE = 1 << 30
"""Free bytes under which a disk counts as full, and under which it soon will be."""
FEW_FILES = 10_000

MOUNTS = Path("/proc/self/mounts")
SHARED = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"})
MEMORY = frozenset({"tmpfs", "ramfs"})

_FULL = "Nothing can be indexed or recorded on a full disk: requests are refused with 507."


def check(instance: Instance, found: Examined) -> None:
    seen: dict[int, str] = {}
    for what, place in _places(instance):
        there = place
        try:
            while not there.exists() and there != there.parent:
                there = there.parent
            facts, device = os.statvfs(there), there.stat().st_dev
        except PermissionError:
            continue  # the check of the data folder reports it
        except OSError as error:
            found.fault("disk_unreadable", f"{there} can't be looked at: {error.strerror}.", _FULL, on("df", there))
            continue
        free = facts.f_bavail * facts.f_frsize
        if device not in seen:
            seen[device] = f"{free / 1e9:,.1f} GB free"
            _room(what, there, free, facts, found)
        _kind(what, there, found)
    found.summary = ", ".join(seen.values())


def _places(instance: Instance) -> list[tuple[str, Path]]:
    """Folders of this machine that the service writes to."""
    places = [("the data folder", instance.settings.data_dir)]
    try:
        file = instance.storage.file
        if file is not None:
            places.append(("the database", file.parent))
        images = parse(instance.settings.images, "IMAGES_URL")
    except KenspeckleError:
        return places  # the check of settings reports it
    if isinstance(images, Path):
        places.append(("the photographs", images))
    return places


def _room(what: str, place: Path, free: int, facts: os.statvfs_result, found: Examined) -> None:
    if free < FULL:
        found.fault("disk_full", f"The disk of {what} is full ({free / 1e6:,.0f} MB free).", _FULL, on("df -h", place))
    elif free < SCARCE:
        found.warn("disk_scarce", f"The disk of {what} has {free / 1e6:,.0f} MB left.", _FULL, on("df -h", place))
    if facts.f_files and facts.f_favail < FEW_FILES:
        found.warn(
            "few_files_left",
            f"The disk of {what} takes {plural(facts.f_favail, 'more file')}.",
            "Each photograph is a file; then requests are refused with 507.",
            on("df -i", place),
        )


def _kind(what: str, place: Path, found: Examined) -> None:
    kind = _file_system(place)
    if kind in SHARED and what == "the database":
        found.fault(
            "database_on_network",
            f"The database lies on a network file system ({kind}).",
            "SQLite's write-ahead log needs memory that all processes share; over a network it loses data.",
            "Put DATA_DIR on a local disk, and only the photographs (IMAGES_URL) elsewhere.",
        )
    elif kind in MEMORY:
        found.note(
            "disk_in_memory",
            f"{place} lies in memory ({kind}).",
            "It is gone when the machine restarts.",
            on("df", place),
        )


def _file_system(place: Path) -> str:
    """Kind of the file system, "" where the machine does not say."""
    try:
        mounts = [line.split()[:3] for line in MOUNTS.read_text("utf-8", "replace").splitlines()]
    except OSError:
        return ""
    here = place.resolve()
    longest, kind = "", ""
    for mount in mounts:
        if len(mount) == 3 and len(mount[1]) >= len(longest) and here.is_relative_to(mount[1]):
            _, longest, kind = mount
    return kind
