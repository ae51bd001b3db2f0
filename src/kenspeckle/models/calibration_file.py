"""What `models calibrate` has measured, as a file beside the pack."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kenspeckle.atomic_file import replace_file
from kenspeckle.domain import Calibration
from kenspeckle.domain.pack import make_measured

log = logging.getLogger(__name__)

FORMAT: Final = 1
ENDING: Final = ".calibration.json"


def file_of(models_dir: Path, name: str) -> Path:
    """No pack has a dot in its name, so that no pack's folder has this name."""
    return models_dir / f"{name}{ENDING}"


def read(models_dir: Path, name: str, contract: str) -> Calibration | None:
    """What was measured for the pack on this machine; None where nothing was, or with another embedder, or where the
    file is not what `write` makes: then the pack's own calibration holds, and the log says so."""
    file = file_of(models_dir, name)
    try:
        stored = json.loads(file.read_bytes())
        if stored["format"] != FORMAT:
            raise ValueError("another format")
        if stored["contract"] != contract:
            raise ValueError("measured with another embedder")
        return make_measured(stored["knots"], str(stored["sample"]))
    except FileNotFoundError:
        return None
    except PermissionError:
        # A pack beside it that can't be read either says so by itself, where it is used.
        if os.access(models_dir, os.R_OK | os.X_OK):
            log.warning("%s is not used: this user may not read it; chmod 644 lets all users.", file)
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        log.warning("%s is not used: %s. Run kenspeckle models calibrate --pack %s again.", file, error, name)
        return None


def number(models_dir: Path, name: str) -> int:
    """Of the calibration that is stored; 0 where there is none."""
    try:
        return int(json.loads(file_of(models_dir, name).read_bytes())["number"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return 0


def write(models_dir: Path, name: str, contract: str, calibration: Calibration, facts: Mapping[str, Any]) -> Path:
    """In one step, in place of what was there. Raises StorageFull, StorageUnavailable."""
    file = file_of(models_dir, name)
    stored = {
        "format": FORMAT,
        "number": number(models_dir, name) + 1,
        "pack": name,
        "contract": contract,
        "sample": calibration.sample,
        "knots": [list(knot) for knot in zip(calibration.distances, calibration.similarities, strict=True)],
        **facts,
    }
    replace_file(file, json.dumps(stored, indent=2).encode() + b"\n")
    file.chmod(0o644)  # rates and knots, no personal data; the service may run as another user
    return file
