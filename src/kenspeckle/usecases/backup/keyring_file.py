"""The keyring of a service in a file: the wrapped keys of its collections, which backups leave out.

There is only one, and each backup replaces it: a key that was destroyed with its collection is not in the newer
keyring, so that collection can't be read in any backup, however old. Its keys are of use only together with the master
key.
"""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Final

from kenspeckle.atomic_file import disk_errors, replace_file
from kenspeckle.errors import Conflict, InvalidValue
from kenspeckle.ports import Keyring
from kenspeckle.usecases.archive.archive_format import seal, unseal

NAME: Final = "kenspeckle.keyring"
"""Its file name beside backups."""
FORMAT: Final = "kenspeckle-keyring"
VERSION: Final = 1
_MOST_BYTES: Final = 1 << 28


def read(path: Path) -> Keyring:
    """Raises InvalidValue for a file that is no keyring, StorageUnavailable."""
    with disk_errors(path):
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidValue(f"{path} is too large to be a keyring.")
        facts = unseal(path.read_bytes(), f"{path} is no keyring of Kenspeckle, or is damaged")
    if (facts.get("format"), facts.get("version")) != (FORMAT, VERSION):
        raise InvalidValue(f"{path} is no keyring that this Kenspeckle reads.")
    try:
        keys = {str(name): base64.b64decode(key, validate=True) for name, key in facts["keys"].items()}
        return Keyring(str(facts["instance"]), keys)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidValue(f"{path} is no keyring of Kenspeckle, or is damaged.") from error


def replaceable(path: Path, keyring: Keyring) -> int:
    """How many keys of deleted collections are lost when `write` replaces the file. Raises Conflict where it is the
    keyring of another service, InvalidValue where it is something else, StorageUnavailable."""
    if not path.exists():
        return 0
    there = read(path)
    if there.instance != keyring.instance:
        raise Conflict(
            f"{path} is the keyring of another service, whose backups need it. Name another file with --keyring."
        )
    return len(there.keys.keys() - keyring.keys.keys())


def write(path: Path, keyring: Keyring) -> None:
    """Replace the file by the keyring, in one step, readable by its owner only. Raises StorageFull,
    StorageUnavailable."""
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "instance": keyring.instance,
        "created_at": int(time.time()),
        "keys": {name: base64.b64encode(key).decode() for name, key in keyring.keys.items()},
    }
    replace_file(path, seal(facts))
