"""Finds photographs on disk, reads them, and makes identities of their names.

An identity is a file's name (or its folder's), in the characters that Rekognition takes: letters, digits and `_.-:`.
Other names are made safe, the same way every time: accents go (`Zoë.jpg` is `Zoe.jpg`), every run of anything else
becomes one `_` (`Ada King.jpg` is `Ada_King.jpg`). Where letters were lost for which there is no counterpart
(`李小龙.jpg`), or the name was cut to 255 characters, eight hex digits of the original's SHA-256 keep it apart from
others. Two different names of one run that would still become one are told apart by the caller, who sees both.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import display_name
from kenspeckle.domain.people import person_name
from kenspeckle.errors import InvalidValue
from kenspeckle.intake.walk import Walk, is_found_below

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif", ".hif", ".bmp", ".gif", ".tif"}
    | {".tiff"}
)
"""Endings that are looked for in folders, those that are refused with a reason included. A file given by name is tried
whatever it is called."""

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".flv", ".wmv"}
    | {".asf", ".ogv", ".ivf"}
)
"""Endings of videos that are looked for in folders."""

LONGEST = 255
_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i"}
)
"""Latin letters that Unicode doesn't take apart into a plain one and an accent."""
_OUTSIDE = re.compile(r"[^a-zA-Z0-9_.\-:]+")
_URL = re.compile(r"(https?|s3|ftp|file):/")
_PLAIN_GAP = re.compile(r"[\s_]+")


@dataclass(frozen=True, slots=True)
class Photograph:
    """A file to index: `original` is the name that its identity is made of, before it is made safe."""

    path: Path
    original: str

    @property
    def identity(self) -> str:
        return safe_name(self.original)

    @property
    def person_name(self) -> str | None:
        """The display name, where the identity lost something of it: accents, or another script."""
        try:
            name = person_name(display_name(self.original))
        except InvalidValue:
            return None
        return None if name == display_name(self.identity) else name


@dataclass(slots=True)
class Search:
    """What `find` came across besides photographs."""

    ignored: int = 0
    folders: int = 0
    missing: list[tuple[Path, str]] = field(default_factory=list)


def refuse_same_file(place: Path | None, *sources: Path) -> None:
    """Raises CommandFailed where what is made of files would replace one of them."""
    if place is not None and place.exists() and any(one.exists() and place.samefile(one) for one in sources):
        raise CommandFailed(f"{place} is looked at; it would be replaced.", "Name another with --save.")


def find(paths: Iterable[Path], by: str, search: Search) -> Iterator[Photograph]:
    """Photographs of files and folders, each once; `by` is `file` or `folder`. Folders are walked as `Walk` does.

    Names that begin with a dot are passed over in folders, and so are folders of systems. Counts of other files and
    such folders and what can't be read are added to `search`; a caller may take what is missing out of it meanwhile."""
    files: set[Path] = set()
    roots: list[Path] = []
    for path in paths:
        place = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would merge links that have names of their own
        if path.is_dir():
            if place in roots or any(is_found_below(place / "any", root) for root in roots):
                continue
            found: Iterable[Path] = _walk(path, search, frozenset(map(os.fspath, roots)))
            roots.append(place)
        elif path.exists():
            found = () if place in files or _was_found(place, roots) else (path,)
            files.add(place)
        else:
            search.missing.append((path, url_refused(path) or "No such file or folder"))
            continue
        for file in found:
            own = Path(os.path.abspath(file))  # noqa: PTH100
            if file is path or own not in files:
                yield Photograph(file, own.parent.name if by == "folder" else own.name)


def _was_found(file: Path, roots: Iterable[Path]) -> bool:
    """Whether one of the walks before came by this file and took it."""
    return file.suffix.lower() in SUFFIXES and any(is_found_below(file, root) for root in roots)


def url_refused(path: Path) -> str:
    """Why an address is not taken where a file is wanted; empty for what is none. Path has eaten a slash of it."""
    found = _URL.match(str(path))
    return f"{found[1]}://... is an address; nothing is fetched. Download the photograph first" if found else ""


def _walk(root: Path, search: Search, done: frozenset[str]) -> Iterator[Path]:
    def system() -> None:
        search.folders += 1

    for entry in Walk(root, system, lambda path, why: search.missing.append((path, why)), done):
        if entry.name.startswith(".") or os.path.splitext(entry.name)[1].lower() not in SUFFIXES:  # noqa: PTH122
            search.ignored += 1
        elif not entry.is_file():
            search.missing.append((Path(entry.path), "Not a regular file, or a link to nothing"))
        else:
            yield Path(entry.path)


def safe_name(original: str) -> str:
    """The identity made of a name, as the module says it; never empty."""
    plain = unicodedata.normalize("NFKD", original.translate(_LETTERS))
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    lost = any(not one.isascii() and (one.isalnum() or not one.isprintable()) for one in plain)
    name = _OUTSIDE.sub("_", plain)
    if not lost and name.strip("_.-:") and len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(original.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 5 or not stem:
        stem, dot, ending = name, "", ""
    room = LONGEST - len(digest) - 1 - len(dot + ending)
    stem = stem[:room].strip("_")
    return f"{stem}{'-' if stem else ''}{digest}{dot}{ending}"


def same_person(one: str, other: str) -> bool:
    """Whether two original names differ in nothing but how a gap is written or the letters are composed."""

    def spell(name: str) -> str:
        return _PLAIN_GAP.sub("_", unicodedata.normalize("NFC", name))

    return spell(one) == spell(other)


def read(path: Path, most: int) -> bytes:
    """The bytes of a photograph; `-` is standard input. Raises CommandFailed with what to do."""
    if str(path) == "-":
        data = sys.stdin.buffer.read(most + 1)
    else:
        try:
            kind = path.stat().st_mode  # before opening, which would wait for ever on a pipe that nobody writes to
            if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
                raise CommandFailed(f"{path} is no regular file.", "Name a file, or - for standard input.")
            with path.open("rb") as file:
                data = file.read(most + 1)
        except IsADirectoryError as error:
            raise CommandFailed(
                f"{path} is a folder.", "Name one photograph; `kenspeckle index` takes folders."
            ) from error
        except FileNotFoundError as error:
            if address := url_refused(path):
                raise CommandFailed(f"{address}.") from error
            raise CommandFailed(f"{path} does not exist.", "Check the name; quote it if it has spaces.") from error
        except OSError as error:
            raise CommandFailed(f"{path} can't be read: {error.strerror}.") from error
    if len(data) > most:
        raise CommandFailed(
            f"{path} has more than {most:,} bytes.", "Make it smaller, or raise KENSPECKLE_MAX_IMAGE_BYTES."
        )
    if not data:
        raise CommandFailed(f"{path} is empty.")
    return data
