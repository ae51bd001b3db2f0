"""The model packs that there are, built in and of one's own, and where an installed one lies. Never downloads."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from kenspeckle.domain import Calibration, PackInfo
from kenspeckle.errors import ModelMissing, SettingError
from kenspeckle.models import attributes as attributes_
from kenspeckle.models import calibration_file, own
from kenspeckle.models.attributes import ATTRIBUTES, InstalledNetworks
from kenspeckle.models.centerface_dlib import ALIGNMENT, CALIBRATION, CENTERFACE_DLIB
from kenspeckle.models.download import digest
from kenspeckle.models.own import OwnPack
from kenspeckle.models.pack import RECIPE, Alignment, Pack, Part, Samples, Text
from kenspeckle.models.samples import FOLDER as SAMPLES
from kenspeckle.models.sface import SFACE

__all__ = [
    "ALIGNMENT",
    "ATTRIBUTES",
    "CALIBRATION",
    "CENTERFACE_DLIB",
    "RECIPE",
    "SFACE",
    "Alignment",
    "AnyPack",
    "InstalledPack",
    "OwnPack",
    "Pack",
    "Part",
    "Samples",
    "Text",
]

MANIFEST = "manifest.json"

PACKS: dict[str, Pack] = {pack.name: pack for pack in (SFACE, CENTERFACE_DLIB)}
DEFAULT = SFACE.name

AnyPack: TypeAlias = Pack | OwnPack


@dataclass(frozen=True, slots=True)
class InstalledPack:
    """A pack on this machine; its files had the right size and sha256 when it was found."""

    pack: AnyPack
    folder: Path
    detector: Path
    embedder: Path
    finder: Path | None = None
    plain_embedder: Path | None = None
    measured: Calibration | None = None
    """What the operator has measured on this machine, in place of the pack's own calibration."""

    @property
    def info(self) -> PackInfo:
        info = self.pack.info
        return info if self.measured is None else replace(info, calibration=self.measured)


def get(name: str) -> Pack:
    """The built-in pack of that name. Raises SettingError."""
    if name not in PACKS:
        raise _unknown(name, PACKS)
    return PACKS[name]


def own_packs(models_dir: Path) -> dict[str, OwnPack]:
    """Packs that were added in `models_dir`, by name; what can't be read is left out. Reads their manifests alone."""
    found = {}
    for manifest in sorted(models_dir.glob(f"*/{MANIFEST}")):
        name = manifest.parent.name
        if name not in PACKS and own.is_name(name):
            with suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
                found[name] = own.read(name, json.loads(manifest.read_bytes())["own"])
    return found


def list_packs(models_dir: Path) -> dict[str, AnyPack]:
    """All packs, by name: the built-in ones, whether they are installed or not, and those that were added."""
    return {**PACKS, **own_packs(models_dir)}


def find_pack(models_dir: Path, name: str) -> AnyPack:
    """The pack of that name. Raises SettingError."""
    if name in PACKS:
        return PACKS[name]
    packs = list_packs(models_dir)
    if name not in packs:
        if own.is_name(name) and (models_dir / name / MANIFEST).exists() and name != SAMPLES:
            raise SettingError(
                f"{models_dir / name / MANIFEST} can't be read. Remove the pack and add it again: "
                f"kenspeckle models remove {name}",
                field="pack",
            )
        raise _unknown(name, packs)
    return packs[name]


def infos(models_dir: Path) -> dict[str, PackInfo]:
    """What the core needs to know of each pack, by name, with what was measured on this machine."""
    return {name: info_of(models_dir, pack) for name, pack in list_packs(models_dir).items()}


def info_of(models_dir: Path, pack: AnyPack) -> PackInfo:
    measured = calibration_file.read(models_dir, pack.name, pack.contract)
    return pack.info if measured is None else replace(pack.info, calibration=measured)


def of_contract(models_dir: Path, contract: str) -> AnyPack | None:
    """The pack whose templates are comparable with those of this contract, whatever it was called; None: there is
    none."""
    return next((pack for pack in list_packs(models_dir).values() if pack.contract == contract), None)


def _unknown(name: str, packs: Mapping[str, AnyPack]) -> SettingError:
    return SettingError(f"There is no model pack '{name}'. Packs are: {', '.join(packs)}.", field="pack")


def find(models_dir: Path, name: str, runtime: str | None = None) -> InstalledPack:
    """The installed pack, its files compared with its manifest by size and sha256 (tens of milliseconds). With the name
    of a `runtime`, files that only others load are not read: an embedder has 38 MB in each form.

    Raises ModelMissing where it is absent, damaged or made by another version of this program, SettingError where
    there is no such pack.
    """
    pack = find_pack(models_dir, name)
    folder = models_dir / name
    for file, problem in check(models_dir, name, runtime).items():
        if problem:
            raise ModelMissing(_missing(models_dir, name, file, problem))
    return find_installed(folder, pack, calibration_file.read(models_dir, name, pack.contract))


def find_attributes(models_dir: Path, runtime: str) -> InstalledNetworks:
    """The installed networks for attributes of faces, compared with their manifest as `find` does it.

    Raises ModelMissing, which says how to install them."""
    folder, files = models_dir / ATTRIBUTES.name, ATTRIBUTES.files_for(runtime)
    for file, problem in _check(folder, ATTRIBUTES.recipe, files).items():
        if problem:
            raise ModelMissing(_missing(models_dir, ATTRIBUTES.name, file, problem))
    return attributes_.find_installed(folder, runtime)


def check_attributes(models_dir: Path) -> dict[str, str]:
    """As `check`, of the networks for attributes."""
    return _check(models_dir / ATTRIBUTES.name, ATTRIBUTES.recipe, ATTRIBUTES.files)


def find_installed(folder: Path, pack: AnyPack, measured: Calibration | None = None) -> InstalledPack:
    """The pack whose files lie in `folder`; they are not looked at."""
    finder, plain = pack.finder_file, pack.plain_embedder_file
    return InstalledPack(
        pack,
        folder,
        folder / pack.detector_file,
        folder / pack.embedder_file,
        folder / finder if finder is not None else None,
        folder / plain if plain is not None else None,
        measured,
    )


def _missing(models_dir: Path, name: str, file: str, problem: str) -> str:
    """Why the pack can't be used and what to do, for the user that this process runs as."""
    folder = models_dir / name
    if closed := _closed(models_dir, name):
        return f"Model pack '{name}' can't be read: {closed}"
    there = folder.exists()
    what = f"{folder / file} {problem}" if there else f"not in {models_dir} (KENSPECKLE_MODELS_DIR)"
    if name == ATTRIBUTES.name:
        return f"The networks that tell attributes of faces are missing: {what}. {remedy(name)}"
    return f"Model pack '{name}' is missing: {what if there else f'it is {what}'}. {remedy(name)}"


def _closed(models_dir: Path, name: str) -> str:
    """That the user of this process may not read the pack, and what to do; "" where it may."""
    folder = models_dir / name
    try:
        places = [models_dir, folder, *(folder.iterdir() if folder.exists() else ())]
        closed = next((one for one in places if one.exists() and not _is_open(one)), None)
    except OSError:
        closed = folder
    if closed is None:
        return ""
    user = getpass.getuser() if os.geteuid() else "root"
    return (
        f"the user {user} may not {'read' if closed.parent == folder else 'enter'} {closed}. Put packs where the "
        "service may read them, and name that folder by KENSPECKLE_MODELS_DIR."
    )


def _is_open(place: Path) -> bool:
    return os.access(place, os.R_OK | os.X_OK if place.is_dir() else os.R_OK)


def advise(models_dir: Path, name: str) -> str:
    """What to do about a pack that is not whole, or that this user may not read."""
    closed = _closed(models_dir, name)
    return closed[:1].upper() + closed[1:] if closed else remedy(name)


def remedy(name: str) -> str:
    """What brings a pack that is not whole."""
    if name in PACKS or name == ATTRIBUTES.name:
        return f"Run `kenspeckle models pull {name}`."
    return f"Run `kenspeckle models remove {name}`, then `kenspeckle models add` with its embedder again."


def check(models_dir: Path, name: str, runtime: str | None = None) -> dict[str, str]:
    """What is wrong with each file of the pack (that `runtime` loads), "" where nothing is. Raises SettingError."""
    pack = find_pack(models_dir, name)
    files = pack.files if runtime is None else pack.files_for(runtime)
    return _check(models_dir / name, pack.recipe, files)


def _check(folder: Path, made_by: str, files: Sequence[str]) -> dict[str, str]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        recipe, stated = manifest["recipe"], dict(manifest["files"])
    except FileNotFoundError:
        return {MANIFEST: "is not there"}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {MANIFEST: "can't be read"}
    if recipe != made_by:
        return {MANIFEST: "was made by another version of Kenspeckle"}
    return {MANIFEST: ""} | {file: _damage(folder / file, stated.get(file)) for file in files}


def _damage(file: Path, stated: Any) -> str:
    try:
        if file.stat().st_size != stated["size"]:
            return "has a wrong size"
        if digest(file) != stated["sha256"]:
            return "was altered (sha256 differs)"
    except (TypeError, KeyError):
        return "is not in the manifest"
    except FileNotFoundError:
        return "is not there"
    except OSError:
        return "can't be read"
    return ""
