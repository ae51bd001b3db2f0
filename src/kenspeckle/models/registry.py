"""The model packs that there are, and where an installed one lies. Never downloads but in `pull` and `samples`."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import Any

from kenspeckle.errors import ModelMissing, SettingError
from kenspeckle.models.centerface_dlib import ALIGNMENT, CALIBRATION, CENTERFACE_DLIB
from kenspeckle.models.download import digest
from kenspeckle.models.pack import RECIPE, Alignment, InstalledPack, Pack, Part, Samples, Text
from kenspeckle.models.sface import SFACE

__all__ = [
    "ALIGNMENT",
    "CALIBRATION",
    "CENTERFACE_DLIB",
    "RECIPE",
    "SFACE",
    "Alignment",
    "InstalledPack",
    "Pack",
    "Part",
    "Samples",
    "Text",
]

MANIFEST = "manifest.json"

PACKS: dict[str, Pack] = {pack.name: pack for pack in (SFACE, CENTERFACE_DLIB)}
DEFAULT = SFACE.name


def get(name: str) -> Pack:
    """The pack of that name. Raises SettingError."""
    if name not in PACKS:
        raise SettingError(f"There is no model pack '{name}'. Packs are: {', '.join(PACKS)}.", field="pack")
    return PACKS[name]


def of_contract(contract: str) -> Pack | None:
    """The pack whose templates are comparable with those of this contract, whatever it was called; None: there is
    none."""
    return next((pack for pack in PACKS.values() if pack.contract == contract), None)


def find(models_dir: Path, name: str, runtime: str | None = None) -> InstalledPack:
    """The installed pack, its files compared with its manifest by size and sha256 (tens of milliseconds). With the name
    of a `runtime`, files that only others load are not read: an embedder has 38 MB in each form.

    Raises ModelMissing where it is absent, damaged or made by another version of this program, SettingError where
    there is no such pack.
    """
    pack = get(name)
    folder = models_dir / name
    for file, problem in check(models_dir, name, runtime).items():
        if problem:
            raise ModelMissing(_missing(models_dir, name, file, problem))
    return InstalledPack(
        pack,
        folder,
        folder / pack.detector.file,
        folder / pack.embedder.file,
        folder / pack.finder.file if pack.finder is not None else None,
        folder / pack.plain_embedder.file if pack.plain_embedder is not None else None,
    )


def _missing(models_dir: Path, name: str, file: str, problem: str) -> str:
    """Why the pack can't be used and what to do, for the user that this process runs as."""
    folder = models_dir / name
    try:
        there = folder.exists()
        reachable = os.access(folder if there else models_dir, os.R_OK | os.X_OK) or not models_dir.exists()
    except OSError:
        reachable = False
    if not reachable:
        user = getpass.getuser() if os.geteuid() else "root"
        return (
            f"Model pack '{name}' can't be read: the user {user} may not enter {folder}. Put packs where the service "
            "may read them, and name that folder by KENSPECKLE_MODELS_DIR."
        )
    what = f"{folder / file} {problem}" if there else f"it is not in {models_dir} (KENSPECKLE_MODELS_DIR)"
    return f"Model pack '{name}' is missing: {what}. Run `kenspeckle models pull {name}`."


def check(models_dir: Path, name: str, runtime: str | None = None) -> dict[str, str]:
    """What is wrong with each file of the pack (that `runtime` loads), "" where nothing is. Raises SettingError."""
    pack = get(name)
    folder = models_dir / name
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        recipe, stated = manifest["recipe"], dict(manifest["files"])
    except FileNotFoundError:
        return {MANIFEST: "is not there"}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {MANIFEST: "can't be read"}
    if recipe != pack.recipe:
        return {MANIFEST: "was made by another version of Kenspeckle"}
    files = pack.files if runtime is None else pack.files_for(runtime)
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
