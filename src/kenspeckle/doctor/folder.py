"""Checks the data folder: exists, is owned by this user, is closed to others, and has no remains of restores."""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

from kenspeckle.doctor.findings import Examined, on
from kenspeckle.doctor.instance import Instance
from kenspeckle.usecases.backup.restore import STAGING

ASIDE = "before-restore-"

_CLOSED = "It holds biometric data and keys."
_OURS = "A service that may not read and write here does not start."


def check(instance: Instance, found: Examined) -> None:
    folder = instance.settings.data_dir
    try:
        state = folder.stat()
    except FileNotFoundError:
        _absent(folder, found)
        return
    except OSError as error:
        found.fault(
            "folder_unreadable",
            f"{folder} can't be looked at: {error.strerror}.",
            _OURS,
            on("ls -ld", folder),
        )
        return
    if not stat.S_ISDIR(state.st_mode):
        found.fault("folder_is_no_folder", f"{folder} is no folder.", _OURS, "Name a folder by KENSPECKLE_DATA_DIR.")
        return
    owner = _user(state.st_uid)
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        found.fault(
            "folder_read_only",
            f"{folder} lies on a file system that is mounted read-only.",
            _OURS,
            "Mount it writable, or name another folder by KENSPECKLE_DATA_DIR.",
        )
        return  # Modes could not be changed either.
    _modes(folder, state, owner, found)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        ours = state.st_uid == os.geteuid()
        found.fault(
            "folder_no_access",
            f"{folder} belongs to {owner}; {_user(os.geteuid())} may not read and write there.",
            _OURS,
            on("chmod 700", folder)
            if ours
            else f"Run this and the service as {owner}, or: " + on(f"chown -R {_user(os.geteuid())}", folder),
        )
        return
    _inside(folder, state.st_uid, owner, found)
    found.summary = f"{folder}, of {owner}"


def _absent(folder: Path, found: Examined) -> None:
    above = folder.parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if os.access(above, os.W_OK | os.X_OK):
        found.note("folder_absent", f"{folder} is not there.", "The first start makes it.", "kenspeckle serve")
        found.summary = "not there yet"
    else:
        found.fault(
            "folder_can_not_be_made",
            f"{folder} is not there, and {_user(os.geteuid())} may not make it in {above}.",
            _OURS,
            on(f"install -d -m 700 -o {_user(os.geteuid())}", folder),
        )


def _modes(folder: Path, state: os.stat_result, owner: str, found: Examined) -> None:
    if state.st_mode & 0o077:
        mode = stat.S_IMODE(state.st_mode)
        found.warn("folder_open", f"{folder} can be entered by others ({mode:o}).", _CLOSED, on("chmod 700", folder))


def _inside(folder: Path, uid: int, owner: str, found: Examined) -> None:
    foreign: list[str] = []
    aside: list[str] = []
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        with suppress(FileNotFoundError):  # removed meanwhile by a process at work
            if entry.stat(follow_symlinks=False).st_uid != uid:
                foreign.append(entry.name)
        if entry.name == STAGING:
            found.note(
                "restore_left_over",
                f"A restore was interrupted and left {folder / STAGING}.",
                "It is a copy of biometric data that nothing uses.",
                on("rm -r", folder / STAGING),
            )
        elif entry.name.startswith(ASIDE):
            aside.append(entry.name)
    if foreign:
        found.warn(
            "files_of_others",
            f"Not all of it belongs to {owner}: {_some(foreign)}.",
            "A command was run as another user; the service may not be able to write these.",
            on(f"chown -R {owner}", folder),
        )
    if aside:
        found.note(
            "restore_kept_aside",
            f"The data from before a restore is kept: {_some(aside)}.",
            "People who were erased since are still in it.",
            on("rm -r", folder / aside[0])
            + ("" if len(aside) == 1 else " (and the others)")
            + ", once it is not needed",
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
