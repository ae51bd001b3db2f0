"""Reads encodings that face_recognition made, from JSON, CSV, .npz and .npy.

Never from a pickle, because opening it can run any program."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import Vector
from kenspeckle.intake.files import safe_name, same_person

MAX_BYTES = 4 << 30
"""Of a file, unpacked: eight million encodings of 128 numbers."""

MAX_JSON = 512 << 20
"""Of a JSON file, which is held in memory whole, at ten times its size."""

FORMATS = (
    "JSON {name: [[numbers], ...]}, CSV (name, then the numbers), .npz with names and encodings, or .npy + --names"
)

# zipfile raises RuntimeError for a password, and for an unknown compression method.
_UNREADABLE = (ValueError, TypeError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, csv.Error)

Encodings = list[tuple[str, Vector]]
"""Identities, each with one template, (dimension,) float32."""


def read(path: Path, names: Path | None) -> Encodings:
    """All encodings of a file, in order, their names made identities. Raises CommandFailed naming what is wrong."""
    if path.stat().st_size > MAX_BYTES:
        raise CommandFailed(f"{path} has more than {MAX_BYTES >> 30} GiB.", "Split it.")
    readers = {".json": _json, ".csv": _csv, ".npz": _npz, ".npy": _npy}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise CommandFailed(
            f"{path} is none of: {FORMATS}.",
            "A pickle can run any program and is not opened; docs/moving.md shows how to turn one into JSON.",
        )
    if (names is not None) != (reader is _npy):
        raise CommandFailed("--names goes with an .npy file, and with nothing else.", "See `kenspeckle import --help`.")
    try:
        pairs = list(reader(path, names))
    except _UNREADABLE as error:
        raise CommandFailed(f"{path} can't be read: {error}.", f"Formats: {FORMATS}.") from error
    if not pairs:
        raise CommandFailed(f"{path} holds no encodings.", "docs/moving.md says what it has to hold.")
    return _identify(pairs)


def _identify(pairs: Iterable[tuple[str, Vector]]) -> Encodings:
    taken: dict[str, str] = {}
    found: Encodings = []
    for name, vector in pairs:
        identity = safe_name(name)
        first = taken.setdefault(identity, name)
        if not same_person(first, name):
            raise CommandFailed(f"'{name}' and '{first}' would both have the identity {identity}.", "Rename one.")
        found.append((identity, vector))
    return found


def _json(path: Path, _names: Path | None) -> Iterator[tuple[str, Vector]]:
    if path.stat().st_size > MAX_JSON:
        raise ValueError(f"more than {MAX_JSON >> 20} MiB of JSON; use .npz")
    people = orjson.loads(path.read_bytes())
    named = people.items() if isinstance(people, dict) else [("the outermost value", None)]
    for name, vectors in named:
        if not isinstance(vectors, list) or not vectors:
            raise ValueError(f"'{name}' has no list of encodings")
        for vector in vectors if isinstance(vectors[0], list) else [vectors]:
            yield name, _vector(vector, f"'{name}'")


def _csv(path: Path, _names: Path | None) -> Iterator[tuple[str, Vector]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not row or (number == 1 and len(row) > 1 and not _is_number(row[1])):
                continue  # an empty line, or the names of the columns
            yield row[0], _vector([float(one) for one in row[1:]], f"line {number}")


def _npz(path: Path, _names: Path | None) -> Iterator[tuple[str, Vector]]:
    with zipfile.ZipFile(path) as packed:
        arrays = {}
        for name in ("names", "encodings"):
            try:
                info = packed.getinfo(f"{name}.npy")
            except KeyError as error:
                raise ValueError(f"it has no array '{name}'") from error
            with packed.open(info) as file:
                arrays[name] = _array(file, info.file_size)
    yield from _pair([str(one) for one in arrays["names"].ravel()], arrays["encodings"])


def _npy(path: Path, names: Path | None) -> Iterator[tuple[str, Vector]]:
    with path.open("rb") as file:
        array = _array(file, path.stat().st_size)
    listed = names.read_text("utf-8").splitlines() if names else []
    yield from _pair(listed, array)


def _array(file: IO[bytes], size: int) -> np.ndarray[Any, Any]:
    """An array of numbers or texts. Its header is held against the bytes there are before memory is taken for it."""
    if size > MAX_BYTES:
        raise ValueError(f"an array of more than {MAX_BYTES >> 30} GiB")
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"the .npy format {version} is not known")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(file)
    if dtype.kind not in "fiuU" or fortran:
        raise ValueError(f"an array of {dtype}, column by column or of objects, is not taken")
    count = 1
    for side in shape:
        count *= side
    if count * dtype.itemsize > size:
        raise ValueError("an array that says it is larger than the file")
    raw = file.read(count * dtype.itemsize)
    return np.frombuffer(raw, dtype, count).reshape(shape)


def _pair(names: list[str], array: np.ndarray[Any, Any]) -> Iterator[tuple[str, Vector]]:
    if array.ndim != 2 or array.dtype.kind == "U" or len(names) != len(array):
        raise ValueError(f"{len(names)} names do not go with encodings of the shape {array.shape}")
    for number, (name, row) in enumerate(zip(names, array, strict=True), 1):
        yield name, _vector(row.tolist(), f"encoding {number}")


def _vector(numbers: list[Any], place: str) -> Vector:
    try:
        if any(isinstance(one, bool) or not isinstance(one, int | float) for one in numbers):
            raise ValueError("something is no number")
        with np.errstate(over="ignore"):  # values that overflow become infinite and are refused
            return np.array(numbers, np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{place}: {error}") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
