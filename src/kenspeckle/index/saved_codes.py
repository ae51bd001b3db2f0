"""Files with the codes of large collections, from which a start loads them without reading every template.

A file is what the catalog's account of mirrors says: of this collection, pack and revision, with this digest. It holds
codes alone, which tell faces apart, so it is owner-only, never written of an encrypted collection, and removed after a
deletion before any receipt is complete. It can be lost at any time: the catalog's rows are the truth.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from kenspeckle.atomic_file import disk_errors, sweep, whole_file
from kenspeckle.errors import CollectionNotFound, KenspeckleError
from kenspeckle.index.exact import BLOCK, ExactIndex
from kenspeckle.index.scan import Scanners
from kenspeckle.ports import IN_FILE, Catalog, Mirror, Mirrors, MirrorState

log = logging.getLogger(__name__)

SAVED_FROM: Final = 50_000
"""Faces from which a collection is saved; fewer are read from the catalog in half a second."""

FOLDER: Final = "codes"
ENDING: Final = ".codes"

_MAGIC: Final = b"KSCODES1"
_HEAD: Final = struct.Struct("<8sQQdd")
"""Magic, components, rows, largest component, residual. The rows follow, 8 bytes each, then the codes."""
_TURN: Final = hashlib.sha256(b"kenspeckle saved codes").hexdigest()
_CHUNK: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class Restored:
    """What a file held: the codes of a collection's faces at `revision`."""

    index: ExactIndex
    revision: int
    contract: str


class SavedCodes:
    """The files in `folder`, each with its entry in the account of `mirrors`. For many threads and processes."""

    def __init__(self, folder: Path, catalog: Catalog, mirrors: Mirrors, least: int = SAVED_FROM) -> None:
        """Collections of `least` faces or more are saved."""
        self.least = least
        self._folder = folder
        self._catalog = catalog
        self._mirrors = mirrors
        self._unfit: set[int] = set()
        """Files that were found not to be what was saved, by the rows of their entries."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Held while a file is written or removed. What is saved has to be read from the catalog within it: a deletion
        before it is then known, and one after it waits here to remove the file."""
        with self._catalog.lock([_TURN]):
            yield

    def revision(self, collection_id: str) -> int | None:
        """The revision that is saved; None where there is none, or what is there is of another pack or does not
        serve."""
        now = self._mirrors.describe_mirrored(collection_id)
        here = [one for one in now.mirrors if one.place == IN_FILE and one.contract == now.contract]
        return here[-1].revision if here and here[-1].row not in self._unfit else None

    def load(self, collection_id: str, contract: str, scanners: Scanners) -> Restored | None:
        """What was saved last; None where there is nothing that serves."""
        now = self._mirrors.describe_mirrored(collection_id)
        here = [one for one in now.mirrors if one.place == IN_FILE and one.contract == contract]
        if not here or now.encrypted or here[-1].dimension != scanners.dimension:
            return None
        saved = here[-1]
        try:
            with disk_errors(self._path(saved)), _open(self._path(saved)) as file:
                index = _read(file, saved, scanners)
        except (KenspeckleError, ValueError) as error:
            self._unfit.add(saved.row)
            log.warning("the saved codes of the collection '%s' do not serve (%s); its templates are read from the "
                        "catalog", collection_id, error)  # fmt: skip
            return None
        return Restored(index, saved.revision, saved.contract)

    def save(self, collection_id: str, write: Callable[[IO[bytes]], tuple[int, str]]) -> None:
        """Save what `write` writes, of the revision and contract that it returns, in place of what is there. Within
        `turn`. Raises CollectionNotFound, StorageFull, StorageUnavailable."""
        now = self._mirrors.describe_mirrored(collection_id)
        old = [one for one in now.mirrors if one.place == IN_FILE]
        if not now.encrypted:
            with disk_errors(self._folder):
                self._folder.mkdir(mode=0o700, exist_ok=True)
            name = secrets.token_hex(16)
            with whole_file(self._folder / (name + ENDING)) as file:
                revision, contract = write(file)
                file.flush()
                file.seek(0)
                _, dimension, count, *_ = _HEAD.unpack(file.read(_HEAD.size))
                name = f"{name}-{_digest(file)}"
            self._mirrors.add_mirror(
                Mirror(
                    row=0,
                    collection_row=now.collection_row,
                    collection_id=collection_id,
                    place=IN_FILE,
                    name=name,
                    contract=contract,
                    dimension=dimension,
                    state=MirrorState.READY,
                    revision=revision,
                    target=revision,
                    compacted=revision,
                    faces=count,
                )
            )
        for one in old:
            self._remove(one)

    def drop_outdated(self) -> None:
        """Remove what may hold a face that was deleted: every file that is not of its collection's newest revision.
        Raises StorageUnavailable."""
        if not any(one.place == IN_FILE for one, _ in self._mirrors.mirrors()):
            return
        with self.turn():
            for one, there in self._mirrors.mirrors():
                if one.place == IN_FILE and not (there and self._is_newest(one)):
                    self._remove(one)

    def clear(self) -> None:
        """Remove all files. Raises StorageUnavailable."""
        if any(one.place == IN_FILE for one, _ in self._mirrors.mirrors()):
            with self.turn():
                for one, _ in self._mirrors.mirrors():
                    if one.place == IN_FILE:
                        self._remove(one)
        self.sweep()

    def sweep(self) -> None:
        """Remove files that the catalog does not know, as after a crash or a restore. Raises StorageUnavailable."""
        if not self._folder.is_dir():
            return
        with self.turn(), disk_errors(self._folder):
            sweep(self._folder, "*" + ENDING)
            for path in unknown(self._folder, [one for one, _ in self._mirrors.mirrors() if one.place == IN_FILE]):
                _delete(path)

    def _is_newest(self, saved: Mirror) -> bool:
        try:
            return self._catalog.revision(saved.collection_id) == saved.revision
        except CollectionNotFound:
            return False

    def _remove(self, saved: Mirror) -> None:
        """The file first: while the account names it, it is known that it may be there."""
        with disk_errors(self._path(saved)):
            _delete(self._path(saved))
        self._mirrors.remove_mirror(saved.row)

    def _path(self, saved: Mirror) -> Path:
        return path_of(self._folder, saved)


def _delete(path: Path) -> None:
    """Whatever lies there under the name of a file of codes."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def path_of(folder: Path, saved: Mirror) -> Path:
    """The file of an entry in the account; its name there ends with the digest."""
    return folder / (saved.name.partition("-")[0] + ENDING)


def unknown(folder: Path, known: Sequence[Mirror]) -> list[Path]:
    """Files in the folder that the account does not have."""
    names = {path_of(folder, one).name for one in known}
    return sorted(path for path in folder.glob("*" + ENDING) if path.name not in names)


def is_sound(folder: Path, saved: Mirror) -> bool:
    """Whether the file has the digest that the account names. Raises StorageUnavailable."""
    path = path_of(folder, saved)
    with disk_errors(path), _open(path) as file:
        return _digest(file) == saved.name.partition("-")[2]


def write(index: ExactIndex, file: IO[bytes]) -> None:
    """Write an index, which must not change meanwhile."""
    limit, residual = index.scale
    file.write(_HEAD.pack(_MAGIC, index.dimension, len(index), limit, residual))
    for rows, _ in index.blocks():
        file.write(rows.astype("<i8", copy=False).data)
    for _, codes in index.blocks():
        file.write(codes.data)


def _read(file: BufferedReader, saved: Mirror, scanners: Scanners) -> ExactIndex:
    """Raises ValueError where the file is not the one that was saved."""
    head = file.read(_HEAD.size)
    size = _HEAD.size + saved.faces * (8 + saved.dimension)
    if os.fstat(file.fileno()).st_size != size:
        raise ValueError("another length")
    magic, dimension, count, limit, residual = _HEAD.unpack(head)
    if (magic, dimension, count) != (_MAGIC, saved.dimension, saved.faces):
        raise ValueError("another head")
    made = hashlib.blake2b(head, digest_size=32)
    rows = np.empty(count, "<i8")
    _fill(file, rows, made)
    index = ExactIndex(scanners, scale=(limit, residual))
    for start in range(0, count, BLOCK):
        codes = np.empty((min(BLOCK, count - start), dimension), np.uint8)
        _fill(file, codes, made)
        index.append(rows[start : start + len(codes)], codes)
    if made.hexdigest() != saved.name.partition("-")[2]:
        raise ValueError("another digest")
    return index


def _open(path: Path) -> BufferedReader:
    """For reading; never through a link, nor waiting for a pipe's other end."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def _fill(file: BufferedReader, array: npt.NDArray[Any], made: hashlib.blake2b) -> None:
    data = array.reshape(-1).view(np.uint8).data
    if file.readinto(data) != len(data):
        raise ValueError("cut off")
    made.update(data)


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    made = hashlib.blake2b(digest_size=32)
    while data := file.read(_CHUNK):
        made.update(data)
    return made.hexdigest()
