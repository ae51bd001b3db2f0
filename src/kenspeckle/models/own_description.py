"""What an operator says of an embedder of their own: by options of the command or in a pack.toml, checked."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kenspeckle.errors import InvalidValue
from kenspeckle.models import centerface_dlib, own, sface
from kenspeckle.models.attributes import ATTRIBUTES
from kenspeckle.models.own import Preprocessing
from kenspeckle.models.pack import Alignment
from kenspeckle.models.registry import PACKS
from kenspeckle.models.samples import FOLDER as SAMPLES

ALIGNMENTS: Final[Mapping[str, Alignment]] = {"arcface": sface.ALIGNMENT, "dlib": centerface_dlib.ALIGNMENT}
SIDES: Final = (32, 512)
MOST_TEXT: Final = 500
MOST_TOML: Final = 100_000


@dataclass(frozen=True, slots=True)
class Description:
    """Checked as far as words go; what the file holds is seen when it is read. `size` 0: the file says it."""

    name: str
    embedder: Path
    detector: str = "sface"
    alignment: str | tuple[tuple[float, float], ...] = ""
    size: int = 0
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    stated: frozenset[str] = frozenset()
    """Which were stated, and not taken by default."""
    metric: str = ""
    output: str = ""
    version: str = "8.0"
    licence: str = "not stated"
    author: str = ""
    home: str = ""
    trained_on: str = ""

    @property
    def is_dlib(self) -> bool:
        return self.embedder.suffix.lower() == ".dat"

    def align(self, side: int) -> Alignment:
        """Where the landmarks lie in a chip of that side."""
        if not isinstance(self.alignment, str):
            return Alignment(side, self.alignment)
        template = ALIGNMENTS[self.alignment or ("dlib" if self.is_dlib else "arcface")]
        if template.size == side:
            return template
        scale = side / template.size
        return Alignment(side, tuple((round(x * scale, 4), round(y * scale, 4)) for x, y in template.places))


def from_toml(file: Path) -> Description:
    """A pack.toml; a relative path of the embedder is beside it. Raises InvalidValue."""
    try:
        if file.stat().st_size > MOST_TOML:
            raise InvalidValue(f"{file} has more than {MOST_TOML:,} bytes; it is no description of a pack.")
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidValue(f"{file} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidValue(f"{file} is no TOML: {error}.") from error
    try:
        if isinstance(given.get("embedder"), str):
            given["embedder"] = str(file.parent / given["embedder"])
        return describe(given)
    except InvalidValue as error:
        raise InvalidValue(f"{file}: {error.message}", field=error.field) from error


def describe(given: Mapping[str, Any]) -> Description:
    """What was given by name; None is not given. Raises InvalidValue, whose field is the name at fault."""
    stated = {name: value for name, value in given.items() if value is not None}
    if unknown := next((name for name in stated if name not in _READ), None):
        raise InvalidValue(f"There is no '{unknown}'. Names are: {', '.join(_READ)}.", field=unknown)
    for name, what in (("name", "a name"), ("embedder", "the embedder's file, .onnx or .dat")):
        if name not in stated:
            raise InvalidValue(f"A pack needs {what} ({name}).", field=name)
    values = {name: _READ[name](name, value) for name, value in stated.items()}
    pixels = {name: values.pop(name) for name in ("channels", "mean", "scale") if name in values}
    found = Description(**values, preprocessing=Preprocessing(**pixels), stated=frozenset(stated))
    if not isinstance(found.alignment, str):
        if not found.size:
            raise InvalidValue("Five places as alignment need the size of the chip too (size).", field="size")
        if not all(-found.size < place < 2 * found.size for one in found.alignment for place in one):
            raise InvalidValue("The alignment has places far outside the chip.", field="alignment")
    if found.is_dlib and (wrong := sorted(found.stated & {"channels", "mean", "scale", "size", "output"})):
        raise InvalidValue(f"dlib's file says {wrong[0]} itself; leave it out.", field=wrong[0])
    return found


def _name(field: str, value: Any) -> str:
    if not isinstance(value, str) or not own.is_name(value):
        raise InvalidValue(
            "A pack's name has 1 to 63 characters: a to z, 0 to 9, - and _, a letter or digit first.", field=field
        )
    if value in PACKS or value in (SAMPLES, ATTRIBUTES.name):
        raise InvalidValue(f"'{value}' is the name of something that is built in; choose another one.", field=field)
    return value


def _file(field: str, value: Any) -> Path:
    file = Path(_text(field, value, 4096)).expanduser()
    if file.suffix.lower() not in (".onnx", ".dat"):
        raise InvalidValue(f"{file} is no .onnx file, and no .dat file of dlib's.", field=field)
    return file


def _text(field: str, value: Any, most: int = MOST_TEXT) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > most or not value.isprintable():
        raise InvalidValue(f"{field} is a line of 1 to {most} printable characters.", field=field)
    return value.strip()


def _one_of(*names: str) -> Callable[[str, Any], str]:
    def read(field: str, value: Any) -> str:
        if value not in names:
            raise InvalidValue(f"{field} is {' or '.join(names)}, not '{value}'.", field=field)
        return str(value)

    return read


def _size(field: str, value: Any) -> int:
    least, most = SIDES
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidValue(f"size is the side of a chip in pixels, {least} to {most}.", field=field)
    return value


def _version(field: str, value: Any) -> str:
    if not isinstance(value, str) or not own.VERSION.fullmatch(value) or float(value) < 6:
        raise InvalidValue(
            'version is what answers call FaceModelVersion: a number like "8.0", 6.0 or more.', field=field
        )
    return value


def _colours(field: str, value: Any) -> tuple[float, float, float]:
    """One number for all three, or three of red, green and blue; a list, or text with commas between."""
    values = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
    values = values if isinstance(values, (list, tuple)) else [values]
    try:
        numbers = [float(one) for one in values]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) == 1:
        numbers *= 3
    if (
        len(numbers) != 3
        or not all(map(math.isfinite, numbers))
        or (field == "scale" and min(map(abs, numbers)) < 1e-6)
    ):
        raise InvalidValue(f"{field} is a number, or three of red, green and blue; scale is never 0.", field=field)
    return numbers[0], numbers[1], numbers[2]


def _alignment(field: str, value: Any) -> str | tuple[tuple[float, float], ...]:
    if isinstance(value, str) and value in ALIGNMENTS:
        return value
    try:
        places = tuple((float(x), float(y)) for x, y in value)
    except (TypeError, ValueError):
        places = ()
    if len(places) != 5 or len(set(places)) != 5 or not all(math.isfinite(one) for place in places for one in place):
        raise InvalidValue(
            f"alignment is {' or '.join(ALIGNMENTS)}, or in a pack.toml five [x, y] in the chip: left eye, right eye, "
            "nose, left and right mouth corner, left as the viewer sees it.",
            field=field,
        )
    return places


_READ: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "name": _name,
    "embedder": _file,
    "detector": _one_of(*own.WAYS),
    "alignment": _alignment,
    "size": _size,
    "channels": _one_of("rgb", "bgr"),
    "mean": _colours,
    "scale": _colours,
    "metric": _one_of("cosine", "euclidean"),
    "output": _text,
    "version": _version,
    "licence": _text,
    "author": _text,
    "home": _text,
    "trained_on": _text,
}
