"""Checks photographs: each that the catalog refers to exists, is undamaged, and there are no others."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path

from kenspeckle.compose import stores
from kenspeckle.doctor.database import RESTORE
from kenspeckle.doctor.findings import Examined, on
from kenspeckle.doctor.instance import SAMPLE, Instance
from kenspeckle.errors import ImageNotFound, KenspeckleError, StorageUnavailable
from kenspeckle.images import digests
from kenspeckle.images.restore_set import PhotographFolder
from kenspeckle.images.urls import parse
from kenspeckle.ports import KeptPhotograph
from kenspeckle.text import plural

NAMED = 3


def check(instance: Instance, found: Examined) -> None:
    try:
        place = parse(instance.settings.images, "IMAGES_URL")
    except KenspeckleError as error:
        found.fault("images_url", error.message, "Photographs can't be stored.", "kenspeckle settings")
        return
    kept = _find_kept(instance, found)
    missing: set[str] = set()
    if isinstance(place, Path):
        try:
            missing = _folder(place, kept, instance, found)
        except OSError as error:
            found.fault(
                "images_no_access",
                f"{error.filename or place} can't be read: {error.strerror}.",
                "Photographs can't be stored or shown.",
                on("ls -ld", place),
            )
            found.summary = "can't be read"
            return
    read = _bytes(instance, [one for digest, one in kept.items() if digest not in missing], found)
    _pending(instance, found)
    found.summary = f"{len(kept):,} kept, the bytes of {read:,} read"


def _find_kept(instance: Instance, found: Examined) -> dict[str, KeptPhotograph]:
    """Photographs that the catalog needs, by digest."""
    kept: dict[str, KeptPhotograph] = {}
    for one in instance.catalog.photographs():
        if digests.is_digest(one.digest):
            kept.setdefault(one.digest, one)
        else:
            found.fault(
                "photograph_row_damaged",
                f"The digest of {one.key} in {one.collection_id} is none: {str(one.digest)[:80]!r}.",
                _GONE,
                RESTORE,
            )
    return kept


def _folder(place: Path, kept: dict[str, KeptPhotograph], instance: Instance, found: Examined) -> set[str]:
    """Compare the folder with the catalog; digests that are missing."""
    there = set(PhotographFolder(place).list_stored())
    staged = _find_staged(place)
    # A running service moves and removes photographs meanwhile: the catalog is read once more.
    absent = sorted(kept.keys() - there)
    absent = (
        sorted(instance.catalog.find_referenced(absent) - set(PhotographFolder(place).list_stored())) if absent else []
    )
    waiting = [digest for digest in absent if digest in staged]
    missing = [digest for digest in absent if digest not in staged]
    if waiting:
        found.note(
            "photographs_staged",
            f"Written and not yet in place: {plural(len(waiting), 'photograph')}.",
            "A service was stopped in between; its next start moves them.",
            "kenspeckle serve",
        )
    if missing:
        found.fault("photograph_missing", f"{_several(missing, kept)} missing in {place}.", _GONE, _AGAIN)
    strangers = sorted(there - kept.keys())
    strangers = sorted(set(strangers) - instance.catalog.find_referenced(strangers)) if strangers else []
    old = instance.now() - digests.OLD_SECONDS
    strangers = [digest for digest in strangers if _age(place / digest[:2] / digest[2:4] / digest) < old]
    if strangers:
        found.warn(
            "photograph_orphaned",
            f"No face belongs to {plural(len(strangers), 'photograph')} in {place}.",
            "They are biometric data that nobody can see, list or erase.",
            f"Look at and remove {place / strangers[0][:2] / strangers[0][2:4] / strangers[0]}"
            + (" and the others" if len(strangers) > 1 else ""),
        )
    left = [digest for digest, at in staged.items() if at < old and digest not in absent]
    if left:
        found.note(
            "staged_left_over",
            f"Requests that were cut off have left {plural(len(left), 'staged photograph')}.",
            "They are biometric data; the next start of the service removes them.",
            "kenspeckle serve",
        )
    return set(absent)


def _bytes(instance: Instance, kept: list[KeptPhotograph], found: Examined) -> int:
    """Read photographs and compare their digests; how many were read."""
    images = stores.images(instance.settings)
    chosen = kept if instance.thorough or len(kept) <= SAMPLE else random.sample(kept, SAMPLE)
    damaged: dict[str, KeptPhotograph] = {}
    gone: dict[str, KeptPhotograph] = {}
    read = 0
    for one in chosen:
        try:
            images.get(one.digest)
        except ImageNotFound:
            gone[one.digest] = one
        except StorageUnavailable as error:
            if error.message != digests.DAMAGED.format(one.digest):
                mend = "Mend what that says, check KENSPECKLE_IMAGES_URL (kenspeckle settings), and run this again"
                found.fault("images_no_access", error.message, "Photographs can't be stored or shown.", mend)
                break  # the others would fail too, each after its timeout
            damaged[one.digest] = one
        read += 1
        instance.progress("photographs", read, len(chosen))
    for bad, code, how in ((gone, "photograph_missing", "missing"), (damaged, "photograph_damaged", "damaged")):
        still = sorted(instance.catalog.find_referenced(bad)) if bad else []
        if still:
            found.fault(code, f"{_several(still, bad)} {how}.", _GONE, _AGAIN)
    return read


def _pending(instance: Instance, found: Examined) -> None:
    count = instance.catalog.removals()
    if count:
        found.note(
            "removals_pending",
            f"Still to be removed: {plural(count, 'photograph')} of erased faces.",
            "The service was stopped in between; its next start removes them.",
            "kenspeckle serve",
        )


def _find_staged(place: Path) -> dict[str, float]:
    """Digests that are staged, and since when."""
    found: dict[str, float] = {}
    try:
        entries = list(os.scandir(place / "staged"))
    except FileNotFoundError:
        return found
    for entry in entries:
        digest, _, rest = entry.name.partition(".")
        if digest and rest:
            with suppress(FileNotFoundError):  # moved into its place meanwhile
                found[digest] = entry.stat().st_mtime
    return found


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")  # removed meanwhile


def _several(digests: list[str], kept: dict[str, KeptPhotograph]) -> str:
    """`3 photographs (a.jpg in people, ...) are`."""
    shown = [f"{kept[one].key} in {kept[one].collection_id}" for one in digests[:NAMED] if one in kept]
    named = f" ({', '.join(shown)}{', ...' if len(digests) > NAMED else ''})" if shown else ""
    return f"{plural(len(digests), 'photograph')}{named} {'is' if len(digests) == 1 else 'are'}"


_AGAIN = f"kenspeckle index PHOTOGRAPH, which puts back one that you have; or {RESTORE}"
_GONE = "It can't be shown, backed up or indexed anew with another pack; its faces are still found."
