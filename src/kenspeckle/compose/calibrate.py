"""Measures a pack on a folder of people: sees every photograph, calibrates, stores what similarity means."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kenspeckle.compose.agreement import is_cluster
from kenspeckle.compose.data_folder import open_instance
from kenspeckle.compose.shared_settings import set_calibration
from kenspeckle.errors import ImageTooLarge, ImageTooSmall, InvalidValue, UnsupportedImage
from kenspeckle.models import calibration_file, registry
from kenspeckle.models.calibrating import Known, Measured, measure
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings
from kenspeckle.vision.engine import Engine

MOST_PHOTOGRAPHS: Final = 5000

BESIDE: Final = 0.25
"""Area of the second face, in areas of the largest, from which nobody can tell whose photograph it is."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """`skipped` are photographs that could not be used, with the reason; `file` is None where nothing was stored;
    `shared`: it is in the catalog too, for all services on it."""

    pack: str
    measured: Measured
    skipped: list[tuple[Path, str]]
    file: Path | None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class _Photograph:
    group: str
    person: str
    file: Path


def calibrate(settings: Settings, name: str, folder: Path, progress: Progress, *, store: bool = True) -> Calibrated:
    """Raises InvalidValue where the folder is not one of people, or there is too little in it; nothing is stored then.
    SettingError, ModelMissing, StorageFull, StorageUnavailable."""
    if not (store and is_cluster(settings)):
        return _calibrate(settings, name, folder, progress, store=store)
    with open_instance(settings) as instance:  # before anything is measured: it may not be reached
        done = _calibrate(settings, name, folder, progress, store=True)
        pack = registry.find_pack(settings.models_dir, name).info
        set_calibration(instance, pack, done.measured.calibration)
        return replace(done, shared=True)


def _calibrate(settings: Settings, name: str, folder: Path, progress: Progress, *, store: bool) -> Calibrated:
    registry.find_pack(settings.models_dir, name)
    photographs = list(_photographs(folder))
    if not photographs:
        raise InvalidValue(f"{folder} holds no folders with photographs: it needs one folder for each person.")
    if len({(one.group, one.person) for one in photographs}) < 2:
        raise InvalidValue(f"{folder} holds one person only; strangers are needed too: a folder for each person.")
    if len(photographs) > MOST_PHOTOGRAPHS:
        raise InvalidValue(
            f"{folder} holds {len(photographs):,} photographs; at most {MOST_PHOTOGRAPHS:,} are measured."
        )
    installed = registry.find(settings.models_dir, name)
    engine = Engine(installed, settings)
    known: list[Known] = []
    skipped: list[tuple[Path, str]] = []
    owners: dict[str, _Photograph] = {}
    for at, one in enumerate(photographs):
        progress("photographs", at, len(photographs))
        seen = _read_template(engine, one, owners)
        if isinstance(seen, str):
            skipped.append((one.file, seen))
        else:
            known.append(seen)
    progress("photographs", len(photographs), len(photographs))
    try:
        measured = measure(known, installed.pack.metric, datetime.now(UTC).date().isoformat())
    except InvalidValue as error:
        if not skipped:
            raise
        file, why = skipped[0]
        raise InvalidValue(
            f"{error.message} {len(skipped)} photographs could not be used, such as {file}: {why}"
        ) from error
    where = None
    if store:
        facts = {**measured.facts, "skipped": len(skipped)}
        where = calibration_file.write(settings.models_dir, name, installed.pack.contract, measured.calibration, facts)
    return Calibrated(name, measured, skipped, where)


def _photographs(folder: Path) -> Iterator[_Photograph]:
    """FOLDER/person/file, or FOLDER/group/person/file. Raises InvalidValue where folders lie otherwise."""
    folders, files = _inside(folder)
    if files:
        raise InvalidValue(f"{files[0]} lies in no person's folder. Photographs belong into FOLDER/PERSON.")
    for one in folders:
        below, own = _inside(one)
        if own and below:
            raise InvalidValue(
                f"{one} holds photographs and folders; it is either a person (photographs) or a group (folders of "
                "people)."
            )
        yield from (_Photograph("", one.name, file) for file in own)
        for person in below:
            deeper, own = _inside(person)
            if deeper:
                raise InvalidValue(f"{deeper[0]} lies too deep: FOLDER/PERSON or FOLDER/GROUP/PERSON is read.")
            yield from (_Photograph(one.name, person.name, file) for file in own)


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders and files, sorted, without hidden ones."""
    try:
        found = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except OSError as error:
        raise InvalidValue(f"{folder} can't be read: {error.strerror}.") from error
    return [one for one in found if one.is_dir()], [one for one in found if not one.is_dir()]


def _read_template(engine: Engine, one: _Photograph, owners: dict[str, _Photograph]) -> Known | str:
    """The template of the person, or why there is none. Raises InvalidValue where two people have one photograph."""
    try:
        data = one.file.read_bytes()
    except OSError as error:
        return f"can't be read: {error.strerror}"
    owner = owners.setdefault(hashlib.sha256(data).hexdigest(), one)
    if owner is not one:
        if (owner.group, owner.person) != (one.group, one.person):
            raise InvalidValue(f"{owner.file} and {one.file} are one photograph of two people; remove the wrong one.")
        return f"the same photograph as {owner.file.name}"
    try:
        photo = engine.open(data)
        faces = engine.detect(photo)
    except (UnsupportedImage, ImageTooLarge, ImageTooSmall) as error:
        return error.message
    if not faces:
        return "shows no face"
    if len(faces) > 1 and faces[1].box.area > BESIDE * faces[0].box.area:
        return "shows several people"
    return Known(one.group, one.person, engine.embed(photo, faces[:1])[0])
