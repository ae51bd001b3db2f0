"""Installs model packs, the networks for attributes and sample photographs: fetch, convert, publish in one step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from kenspeckle.atomic_file import sync_folder
from kenspeckle.errors import ModelMissing, SettingError, StorageUnavailable
from kenspeckle.models import (
    calibration_file,
    convert_centerface,
    convert_dlib,
    convert_sface,
    convert_yunet,
    registry,
)
from kenspeckle.models import samples as sample_photographs
from kenspeckle.models.attributes import ATTRIBUTES, Networks
from kenspeckle.models.dlib_format import FormatError
from kenspeckle.models.download import STAGING, digest, fetch, holds, staging, storage_errors, write
from kenspeckle.models.extract import Archive, Member
from kenspeckle.models.registry import InstalledPack, OwnPack, Pack, Part, Samples, Text
from kenspeckle.progress import Progress

FETCHED = ".fetched"
"""Folder of what was fetched and verified but not published yet; a pull that was interrupted goes on from there."""

LOCK = ".lock"
PATIENCE = 900.0
"""Seconds that a pull waits for another one."""


def _from_tflite(converter: str, data: bytes) -> bytes:
    from kenspeckle.models import convert_tflite  # late: its reader is needed for these files alone

    converted: bytes = getattr(convert_tflite, converter)(data)
    return converted


_CONVERTERS: dict[str, Callable[[bytes], bytes]] = {
    "centerface": convert_centerface.convert,
    "dlib": convert_dlib.convert,
    "iris": partial(_from_tflite, "convert_iris"),
    "iris-plain": partial(_from_tflite, "convert_iris_plain"),
    "mesh": partial(_from_tflite, "convert_mesh"),
    "mesh-plain": partial(_from_tflite, "convert_mesh_plain"),
    "sface": convert_sface.convert,
    "sface-plain": convert_sface.convert_plain,
    "yunet": convert_yunet.convert,
}
"""What `Part.conversion` names."""


def pull(models_dir: Path, name: str, progress: Progress, places: Sequence[str] = ()) -> InstalledPack:
    """Installs the pack of that name in `models_dir` and returns it; does nothing where it is there, whole.

    `places` are files, folders and URLs that are looked at before the package index, as `download.fetch` has them.
    Raises SettingError where there is no such pack, ModelMissing where a file can't be fetched or is not the pinned
    one, StorageFull, StorageUnavailable.
    """
    if name in registry.own_packs(models_dir):
        raise SettingError(
            f"'{name}' is a pack of your own, which no package index has. Add it: kenspeckle models add",
            field="pack",
        )
    pack = registry.get(name)
    if found := _find_installed(models_dir, pack):
        return found
    with alone(models_dir, progress):
        if found := _find_installed(models_dir, pack):  # by another process, while this one waited
            return found
        _make(models_dir, pack, {"pack": pack.name, "version": pack.version, "recipe": pack.recipe}, progress, places)
        return registry.find(models_dir, pack.name)


def pull_attributes(models_dir: Path, progress: Progress, places: Sequence[str] = ()) -> Path:
    """Installs the networks for attributes of faces in `models_dir` and returns their folder; does nothing where they
    are there, whole. `places` and errors as of `pull`."""
    folder = models_dir / ATTRIBUTES.name
    if any(registry.check_attributes(models_dir).values()):
        with alone(models_dir, progress):
            if any(registry.check_attributes(models_dir).values()):
                _make(models_dir, ATTRIBUTES, {"recipe": ATTRIBUTES.recipe}, progress, places)
    return folder


def _make(
    models_dir: Path, wanted: Pack | Networks, stated: dict[str, object], progress: Progress, places: Sequence[str]
) -> None:
    """Fetches, converts and publishes; call it within `alone`."""
    sources = _fetch(models_dir, wanted.parts, progress, places)
    files = {part.file: _convert(part, sources[part.member], progress) for part in wanted.parts}
    files |= {text.file: text.data for text in wanted.texts if isinstance(text, Text)}
    _publish(models_dir, wanted.name, files, stated)
    shutil.rmtree(models_dir / FETCHED, ignore_errors=True)


def samples(models_dir: Path, progress: Progress) -> Samples:
    """The sample photographs in `models_dir`, fetched unless they are there, whole. Raises as `pull` does."""
    folder, parts = models_dir / sample_photographs.FOLDER, sample_photographs.PARTS
    with storage_errors(models_dir):
        if not _whole(folder, parts):
            with alone(models_dir, progress):
                if not _whole(folder, parts):
                    sources = _fetch(models_dir, parts, progress)
                    files = {part.file: sources[part.member].read_bytes() for part in parts}
                    _publish(models_dir, folder.name, files, {})
                    shutil.rmtree(models_dir / FETCHED, ignore_errors=True)
    return Samples(**{Path(part.file).stem: folder / part.file for part in parts})


def _find_installed(models_dir: Path, pack: Pack) -> InstalledPack | None:
    try:
        return registry.find(models_dir, pack.name)
    except ModelMissing:
        return None


def publish_own(models_dir: Path, pack: OwnPack, files: Mapping[str, bytes]) -> Path:
    """Makes the files a pack of one's own; call it within `alone`. Raises StorageFull, StorageUnavailable."""
    stated: dict[str, object] = {
        "pack": pack.name,
        "version": pack.version,
        "recipe": pack.recipe,
        "own": pack.described,
    }
    with storage_errors(models_dir):
        _publish(models_dir, pack.name, files, stated)
    return models_dir / pack.name


def remove(models_dir: Path, name: str, progress: Progress) -> None:
    """Takes a pack away, in one step, and what was measured of it. Raises StorageUnavailable."""
    with alone(models_dir, progress), staging(models_dir) as stage:
        (models_dir / name).replace(stage / "removed")
        calibration_file.file_of(models_dir, name).unlink(missing_ok=True)
        sync_folder(models_dir)


def _whole(folder: Path, parts: Sequence[Part]) -> bool:
    return all(holds(folder / part.file, part.member) for part in parts)


@contextmanager
def alone(models_dir: Path, progress: Progress) -> Iterator[None]:
    """One at a time, over processes; clears away what a killed one left half done."""
    with storage_errors(models_dir):
        models_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(models_dir / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress("waiting for another pull", 0, 0)
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout:
                raise StorageUnavailable(f"Another pull has held {lock.lock_file} for {PATIENCE:.0f} s.") from None
        try:
            for leftover in (*models_dir.glob(STAGING + "*"), *models_dir.glob(f"{FETCHED}/{STAGING}*")):
                shutil.rmtree(leftover, ignore_errors=True)
            yield
        finally:
            lock.release()


def _fetch(
    models_dir: Path, parts: Sequence[Part], progress: Progress, places: Sequence[str] = ()
) -> dict[Member, Path]:
    members: dict[Archive, dict[Member, str]] = {}
    for part in parts:
        members.setdefault(part.archive, {})[part.member] = part.origin
    found: dict[Member, Path] = {}
    for archive, wanted in members.items():
        found |= fetch(archive, list(wanted), models_dir / FETCHED, progress, places=places, origins=wanted)
    return found


def _convert(part: Part, source: Path, progress: Progress) -> bytes:
    data = source.read_bytes()
    if not part.conversion:
        return data
    progress(f"converting {part.file}", 0, len(data))
    try:
        converted = _CONVERTERS[part.conversion](data)
    except FormatError as error:
        raise ModelMissing(f"{part.member.path} can't be converted: {error}.") from error
    progress(f"converting {part.file}", len(data), len(data))
    return converted


def _publish(models_dir: Path, name: str, files: Mapping[str, bytes], manifest: dict[str, object]) -> None:
    """Makes `files` and a manifest of them the folder `name`, all or nothing; a damaged one before it goes."""
    with staging(models_dir) as stage:
        fresh = stage / "fresh"
        fresh.mkdir()
        for file, data in files.items():
            write(fresh / file, data)
        stated = {file: {"size": len(data), "sha256": digest(fresh / file)} for file, data in files.items()}
        write(fresh / registry.MANIFEST, json.dumps(manifest | {"files": stated}, indent=2).encode() + b"\n")
        sync_folder(fresh)
        target = models_dir / name
        if target.exists():
            target.replace(stage / "replaced")
        fresh.replace(target)
        sync_folder(models_dir)
