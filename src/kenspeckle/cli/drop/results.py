"""The result beside a photograph: `<name>.json`, whole or not there at all; and the picture with its boxes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from kenspeckle.cli.drop.arrivals import open_plainly
from kenspeckle.cli.failures import CommandFailed

LONGEST = 255
"""Bytes of a file name."""
MOST_BYTES = 32 * 1024 * 1024


def place(photograph: Path) -> Path:
    """Where the result of a photograph goes."""
    return named_after(photograph, ".json")


def named_after(photograph: Path, ending: str) -> Path:
    """The photograph's name and one more ending. Where that is too long, the name's end gives way to a digest."""
    name = os.fsencode(photograph.name)
    if len(name) + len(ending) > LONGEST:
        digest = hashlib.sha256(name).hexdigest()[:8]
        name = name[: LONGEST - len(digest) - len(ending) - 1] + f"-{digest}".encode()
    return photograph.with_name(os.fsdecode(name) + ending)


def write(photograph: Path, result: dict[str, Any]) -> None:
    """Put the result beside its photograph. Raises CommandFailed where nothing can be written there."""
    text = orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    whole(place(photograph), lambda beside: _create(beside, text))


def whole(target: Path, fill: Callable[[Path], None]) -> None:
    """A file that is there in one piece: `fill` writes it under a hidden name, and then it gets its own.

    A link that somebody put in its place is replaced, never followed. Raises CommandFailed."""
    beside = target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}{target.suffix}")
    try:
        with suppress(FileNotFoundError):
            beside.unlink()
        fill(beside)
        beside.replace(target)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise CommandFailed(
            f"{target} can't be written: {error.strerror}.", "Results go beside the photographs; make room for them."
        ) from error


def read(photograph: Path) -> dict[str, Any] | None:
    """A result that is there; None for whatever is not one of ours."""
    try:
        with open_plainly(place(photograph)) as file:
            found = orjson.loads(file.read(MOST_BYTES))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _create(path: Path, text: bytes) -> None:
    with path.open("xb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
