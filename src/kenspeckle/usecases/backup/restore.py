"""Restore: a backup, seen to be whole, becomes the catalog and its photographs in one step.

Order: verify every byte; prepare the database beside its place; stage the photographs; keep what was there aside; put
the database in its place, by one rename; move the staged photographs into theirs. Cut off before the rename, the old
service is there; cut off after it, the new one: what is still staged then, the next start moves (`Images.recover`).
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
"""What of a manifest is for people and programs to see."""

_COUNTED: Final = frozenset({"collections", "faces", "users"})
_WRITERS: Final = 4
"""Photographs that are synced at once: the disk does several in the time of one."""
_OTHERWISE: Final = "The backup does not read as it did when it was verified: its disk fails, or somebody writes to it."
_MAX_KEY: Final = 4096
_NAMED: Final = 5


class PhotographFolder(Protocol):
    """Photographs of the old catalog, where they lie in a folder."""

    def keep(self, aside: Path) -> int:
        """Give each a second name in the folder; how many."""
        ...

    def sweep(self, referenced: Callable[[Iterable[str]], set[str]]) -> int:
        """Remove those that the catalog does not refer to; how many."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup goes. `folder` is that of the catalog; `master_key` the file that a key in the backup becomes;
    `anchor` the one that names the newest row of the audit trail that was there; `aside` the name of a folder for what
    was there; `photograph_folder` None where photographs lie in a bucket."""

    folder: Path
    replacer: CatalogReplacer
    images: Images
    photograph_folder: PhotographFolder | None
    master_key: Path
    anchor: Path
    aside: Path


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there now. `aside` is the folder of what was there before, if anything was; `key_needed` tells that the
    service had a master key which is neither in the backup nor here; `left_out` are collections without their keys."""

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
    """See that this is a whole backup that this program can read. Raises InvalidValue naming what is wrong."""
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
    where `skip_unreadable`. Raises InvalidValue for a bad backup, Conflict where the place is taken or in use or keys
    are lacking, StorageFull, StorageUnavailable; then what was there is as it was."""
    if not replace:
        with target.replacer.reserve(replace=False):
            pass  # what will be refused is refused before an hour of reading
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
    target.anchor.unlink(missing_ok=True)  # of the trail that goes; the restored one gets its own
    reserved.put(staged)
    if locked:
        count = len(target.replacer.digests(digest for one in archive.members() if (digest := one.digest)))
    # From here on the new service is there; the rest, a start would do.
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
    """What is said of encrypted collections without their keys."""
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
    """Have every photograph on disk, in its place or staged for it; how many there are."""

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
                running = _finished(running)
            running.add(pool.submit(one, digest, archive.content(member)))
            count += 1
            progress("photographs", count, total)
        while running:
            running = _finished(running)
    return count


def _finished(running: set[Future[None]]) -> set[Future[None]]:
    """Those still running once one at least has finished. Raises what one raised."""
    done, rest = wait(running, return_when="FIRST_COMPLETED")
    for future in done:
        future.result()
    return rest


def _keep(target: Target, reserved: ReservedPlace) -> Path:
    """What was there, under second names in a folder that is a data folder of its own."""
    aside = _made(target.aside)
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
        # Who is erased after a restore that failed must not stay in it.
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return aside


def _made(folder: Path) -> Path:
    """The folder, or one of a like name: a restore of the same second that was killed may have left it."""
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
    """The backup's master key where it has to be written. Raises Conflict where another one is in its place: a key
    that something is encrypted under is never overwritten."""
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
