"""Restore: replaces the catalog and its photographs by a verified backup, in one step.

Order: verify every byte; prepare the database beside its place; stage the photographs; keep the present data in a
folder of its own; put the database in its place, by one rename; move the staged photographs to theirs. Interrupted
before the rename, the old data is in force; after it, the new data, and the next start moves the photographs that are
still staged (`Images.recover`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from kenspeckle.atomic_file import disk_errors, replace_file, sync_folder
from kenspeckle.domain import encrypted_photograph
from kenspeckle.errors import Conflict, ImageNotFound, InvalidValue, StorageUnavailable
from kenspeckle.ports import CatalogReplacer, Images, Keyring, ReservedPlace
from kenspeckle.progress import Progress
from kenspeckle.usecases.archive.archive_format import CATALOG, MASTER_KEY, SUMS
from kenspeckle.usecases.archive.reader import Archive, Verified
from kenspeckle.usecases.backup.backup import FORMAT, VERSION

STAGING: Final = "restoring"
"""Folder beside the catalog in which a restore works; a later one removes what an earlier one left."""

SHOWN: Final = (
    "created_at",
    "software",
    "schema",
    "packs",
    "counts",
    "photographs",
    "missing",
    "master_key",
    "encrypted",
)
"""Members of a manifest that are shown to people and programs."""

_COUNTED: Final = frozenset({"collections", "faces", "users"})
_WRITERS: Final = 4
"""Photographs that are synced at once: disks sync several in the time of one."""
_OTHERWISE: Final = "The backup does not read as it did when it was verified: its disk fails, or somebody writes to it."
_MAX_KEY: Final = 4096
_NAMED: Final = 5


class PhotographFolder(Protocol):
    """The folder with the photographs of the present catalog."""

    def keep(self, aside: Path) -> int:
        """Keep them: give each a second name in the folder `aside`; returns their number."""
        ...

    def sweep(self, referenced: Callable[[Iterable[str]], set[str]]) -> int:
        """Remove those that the catalog does not refer to; returns their number."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup is restored to. `folder` is that of the catalog; `master_key` the file for a master key from the
    backup; `anchor` the one that names the newest row of the audit trail that was there; `aside` the folder in which
    the present data is kept; `photograph_folder` None where photographs are in a bucket."""

    folder: Path
    replacer: CatalogReplacer
    images: Images
    photograph_folder: PhotographFolder | None
    master_key: Path
    anchor: Path
    aside: Path


@dataclass(frozen=True, slots=True)
class Restored:
    """The result. `aside` is the folder with the previous data, if there was any; `key_needed` says that the service
    had a master key which is neither in the backup nor here; `left_out` are collections without their keys."""

    counts: dict[str, int]
    photographs: int
    missing: int
    master_key: bool
    key_needed: bool
    aside: Path | None
    made: str = ""
    """When the backup was made, as its manifest says."""
    left_out: tuple[str, ...] = ()


def check(archive: Archive, progress: Progress) -> Verified:
    """Check that this is a complete backup that this program can read. Raises InvalidValue naming what is wrong."""
    verified = archive.verify(lambda done, total: progress("verify", done, total))
    manifest = verified.manifest
    if manifest.get("format") != FORMAT:
        raise InvalidValue("This is an export of a collection and no backup; `kenspeckle import` takes it.")
    if manifest.get("version") != VERSION:
        raise InvalidValue(
            f"This backup has the format {manifest.get('version')}; this Kenspeckle reads {VERSION}. Use a newer one."
        )
    if CATALOG not in verified.plain or SUMS not in verified.plain:
        raise InvalidValue(f"The backup has no member '{CATALOG}'.")
    if verified.photographs != manifest.get("photographs"):
        raise InvalidValue("The backup has not as many photographs as its manifest says.")
    counts, missing = manifest.get("counts"), manifest.get("missing")
    if not isinstance(counts, dict) or not counts.keys() >= _COUNTED or not isinstance(missing, int):
        raise InvalidValue("The backup's manifest does not say how much it holds.")
    return verified


def restore(
    archive: Archive,
    target: Target,
    *,
    replace: bool,
    progress: Progress,
    keyring: Keyring | None = None,
    skip_unreadable: bool = False,
) -> Restored:
    """Verify, then restore. Encrypted collections need their keys in the `keyring`; those that it lacks are left out
    where `skip_unreadable`. Raises InvalidValue for a bad backup, Conflict where a catalog is there or in use or keys
    are missing, StorageFull, StorageUnavailable; then nothing is changed."""
    if not replace:
        with target.replacer.reserve(replace=False):
            pass  # refuses early, before an hour of reading
    verified = check(archive, progress)
    with disk_errors(target.folder):
        target.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = _new_key(archive, verified, target.master_key)
        with target.replacer.reserve(replace=replace) as reserved:
            staging = target.folder / STAGING
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(mode=0o700)
            try:
                return _restore(archive, verified, target, reserved, key, progress, keyring, skip_unreadable)
            finally:
                shutil.rmtree(staging, ignore_errors=True)


def _restore(
    archive: Archive,
    verified: Verified,
    target: Target,
    reserved: ReservedPlace,
    key: bytes | None,
    progress: Progress,
    keyring: Keyring | None,
    skip_unreadable: bool,
) -> Restored:
    staged = target.folder / STAGING / CATALOG
    _extract(archive, verified, staged)
    facts = target.replacer.prepare(staged)
    if dict(facts.counts) != verified.manifest.get("counts"):
        raise InvalidValue("The backup's catalog does not hold what its manifest says.")
    locked = target.replacer.unlock(staged, keyring.keys if keyring else {})
    if locked:
        if not skip_unreadable:
            raise Conflict(_lacking(locked, keyring))
        facts = target.replacer.leave_out(staged, locked)
    count = _stage(archive, verified.photographs, target.images, progress)
    aside = _keep(target, reserved) if reserved.taken else None
    if key is not None:
        replace_file(target.master_key, key)
    target.anchor.unlink(missing_ok=True)  # of the replaced trail; the restored one gets its own
    reserved.put(staged)
    if locked:
        count = len(target.replacer.digests(digest for one in archive.members() if (digest := one.digest)))
    # From here on the restored data is in force; a start would complete the rest.
    progress("finish", 0, 1)
    target.images.recover(target.replacer.digests, target.replacer.lock)
    if aside is not None and target.photograph_folder is not None:
        target.photograph_folder.sweep(target.replacer.digests)
    progress("finish", 1, 1)
    manifest = verified.manifest
    return Restored(
        counts=dict(facts.counts),
        photographs=count,
        missing=manifest["missing"],
        master_key=MASTER_KEY in verified.plain,
        key_needed=manifest.get("master_key_left_out") is True and not target.master_key.exists(),
        aside=aside,
        made=str(manifest.get("created_at", "")),
        left_out=locked,
    )


def _lacking(locked: tuple[str, ...], keyring: Keyring | None) -> str:
    """The error message for encrypted collections without their keys."""
    names = ", ".join(f"'{one}'" for one in locked[:_NAMED]) + (", ..." if len(locked) > _NAMED else "")
    if keyring is None:
        return (
            f"Collections of the backup are encrypted ({names}), and their keys are in the keyring, which is not here: "
            "name that file with --keyring."
        )
    return (
        f"The keyring has no key for collections of the backup: {names}. Where they were deleted after it was made, "
        "nothing can read them any more, as it should be: add --skip-unreadable to restore the rest. Where not, the "
        "keyring is older than the backup: name the newest with --keyring."
    )


def _extract(archive: Archive, verified: Verified, path: Path) -> None:
    """The catalog into a new file. Raises InvalidValue where it is not what was verified."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in archive.chunks(verified.plain[CATALOG]):
            file.write(chunk)
            digest.update(chunk)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != verified.digests[CATALOG]:
        raise InvalidValue(_OTHERWISE)


def _stage(archive: Archive, total: int, images: Images, progress: Progress) -> int:
    """Store every photograph, in its place or staged for it; returns their number."""

    def one(digest: str, data: bytes) -> None:
        try:
            images.get(digest)
        except (ImageNotFound, StorageUnavailable):
            if not encrypted_photograph.whole(digest, data):
                raise InvalidValue(_OTHERWISE) from None
            images.stage(digest, data)

    count = 0
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="restore") as pool:
        for member in archive.members():
            digest = member.digest
            if digest is None:
                continue
            if len(running) >= 2 * _WRITERS:
                running = _wait_for_some(running)
            running.add(pool.submit(one, digest, archive.content(member)))
            count += 1
            progress("photographs", count, total)
        while running:
            running = _wait_for_some(running)
    return count


def _wait_for_some(running: set[Future[None]]) -> set[Future[None]]:
    """Those still running once one at least has finished. Raises what one raised."""
    done, rest = wait(running, return_when="FIRST_COMPLETED")
    for future in done:
        future.result()
    return rest


def _keep(target: Target, reserved: ReservedPlace) -> Path:
    """Keep the present data under second names in a folder that is a complete data folder."""
    aside = _make_folder(target.aside)
    try:
        reserved.keep(aside)
        if target.photograph_folder is not None:
            target.photograph_folder.keep(aside / "images")
        if target.master_key.is_file():
            replace_file(aside / target.master_key.name, target.master_key.read_bytes())
        if target.anchor.is_file():
            replace_file(aside / target.anchor.name, target.anchor.read_bytes())
        sync_folder(aside)
        sync_folder(aside.parent)
    except BaseException:
        # People who are erased after a failed restore must not stay in it.
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return aside


def _make_folder(folder: Path) -> Path:
    """The folder, or one with a number added: a killed restore of the same second may have left it."""
    place, number = folder, 1
    while True:
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            place = folder.with_name(f"{folder.name}_{number}")
        else:
            return place


def _new_key(archive: Archive, verified: Verified, place: Path) -> bytes | None:
    """The backup's master key where it has to be written. Raises Conflict where another one is in its place: a key that
    is in use is never overwritten."""
    member = verified.plain.get(MASTER_KEY)
    if member is None:
        return None
    if member.size > _MAX_KEY:
        raise InvalidValue(f"The backup's member '{MASTER_KEY}' is too large to be a key.")
    key = archive.content(member)
    if not place.exists():
        return key
    if place.read_bytes() != key:
        raise Conflict(f"{place} is another master key than the backup's; move it away first, and keep it.")
    return None
