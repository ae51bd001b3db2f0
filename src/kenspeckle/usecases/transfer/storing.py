"""What an import stores: photographs and faces in batches, each one transaction and so one wait for the disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from kenspeckle.domain import FaceRecord, Image, PackInfo
from kenspeckle.errors import Conflict, KenspeckleError, UnsupportedImage
from kenspeckle.ports import Catalog, DumpedFace, Images, NewFace, NewPhotograph, People, Photo, Staged
from kenspeckle.usecases.recognition.originals import Photographs
from kenspeckle.usecases.transfer.reader import ExportFile

log = logging.getLogger(__name__)

BATCH = 2000
"""Photographs of one transaction, for which other writers wait (a quarter of a second)."""

STAGED_BATCH = 64
"""Of which so many come with their bytes: their names are held in the image store until they are stored."""

MOST_TOLD = 100_000
"""Photographs that are remembered of an import, to be told of."""

_SAME_BOX: Final = 0.01
"""Faces of one photograph whose boxes differ by less, in parts of its size, are one face."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where faces are imported to. `pack_of` gives the pack of a contract, None where there is none; `open_photo`
    checks a photograph by its header; `begun` is called with the collection before anything is stored in it."""

    catalog: Catalog
    images: Images
    pack_of: Callable[[str], PackInfo | None]
    open_photo: Callable[[bytes], Photo]
    keep_images: bool
    begun: Callable[[str], None]
    now: Callable[[], float] = time.time
    people: People | None = None


@dataclass(frozen=True, slots=True)
class StoredFaces:
    """Faces of one photograph that an import stored under an identity. `photograph` is what people call it."""

    photograph: str
    identity: str
    face_ids: tuple[str, ...]


@dataclass(slots=True)
class Imported:
    """Counts of an import. `present` faces were stored already; `without_photograph` came with none, or with one that
    can't be used; `unlinked` faces belong to another user here, or their user has the most faces allowed. `stored` are
    the first MOST_TOLD photographs that were new."""

    collection: str
    faces: int = 0
    present: int = 0
    without_photograph: int = 0
    users: int = 0
    unlinked: int = 0
    stored: list[StoredFaces] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A photograph that waits for its batch, `known` where it is stored already; `wanted` are its faces in the
    export. `name` is what people call it."""

    name: str
    photograph: NewPhotograph
    staged: Staged | None
    known: Sequence[FaceRecord] | None
    wanted: Sequence[DumpedFace]


class Storer:
    """Stores photographs in the order in which they come, and counts them in `done`. `linked` is told the user of each
    face of an export that has one, and the id under which the face is stored. `flush` at the end, or `discard`."""

    def __init__(
        self,
        target: Target,
        contract: str,
        done: Imported,
        linked: Callable[[str, str], None] = lambda user, face: None,
    ) -> None:
        self._target = target
        self._contract = contract
        self._done = done
        self._linked = linked
        self._waiting: list[_Waiting] = []
        self._staged = 0

    def add(self, photograph: NewPhotograph, name: str) -> None:
        """A photograph whose bytes are not in the export. Raises as `flush`."""
        self._add(_Waiting(name, photograph, None, None, ()))

    def add_exported(self, source: ExportFile, group: Sequence[DumpedFace]) -> None:
        """The faces of a photograph of an export, with its bytes where they are there. Raises as `flush`."""
        first, target = group[0], self._target
        identity, model = first.record.face.external_image_id, first.record.face.index_model
        image, staged_as, known = first.image, None, None
        staged: Staged | None = None
        if image.kept and target.keep_images:  # staging a photograph that is there costs more than checking
            found = target.catalog.find_indexed(image.collection_id, image.digest, identity)
            known = found[1] if found else None
        if not known:
            image, photograph = _image(target, source, image)
            staged_as, staged = photograph or (None, None)
        faces = [
            NewFace(
                one.record.face.face_id,
                one.record.detail,
                one.template,
                None if staged or known else _thumbnail(target, one),
            )
            for one in group
        ]
        photograph_ = NewPhotograph(image, identity, faces, model, staged_as)
        self._add(_Waiting(f"photograph {image.image_id}", photograph_, staged, known or None, group))

    def _add(self, one: _Waiting) -> None:
        self._waiting.append(one)
        self._staged += one.staged is not None
        if len(self._waiting) >= BATCH or self._staged >= STAGED_BATCH:
            self.flush()

    def flush(self) -> None:
        """Store what waits. Raises Conflict for a face that is there with another photograph; those before it are
        stored then. Raises PackMismatch, StorageFull, StorageUnavailable."""
        some, self._waiting, self._staged = self._waiting, [], 0
        new = [one for one in some if one.known is None]
        try:
            stored = self._store(new)
        except Conflict:
            stored = self._one_by_one(new)
        except BaseException:
            _discard(new)
            raise
        told = iter(stored)
        for one in some:
            if one.known is not None:
                self._count(one, one.known, created=False)
            else:
                _, records, created = next(told)
                self._count(one, records, created=created)

    def discard(self) -> None:
        """Discard what waits for its batch."""
        _discard(self._waiting)
        self._waiting = []

    def _one_by_one(self, new: Sequence[_Waiting]) -> list[tuple[Image, tuple[FaceRecord, ...], bool]]:
        """After a collision, to tell whose it is and store what comes before it."""
        stored = []
        for number, one in enumerate(new):
            try:
                stored += self._store([one])
            except KenspeckleError as error:
                _discard(new[number:])
                if isinstance(error, Conflict):
                    face_id, name = one.photograph.faces[0].face_id, one.photograph.image.collection_id
                    raise Conflict(
                        f"Face {face_id} is in '{name}' already, with another photograph or name."
                    ) from error
                raise
        return stored

    def _store(self, new: Sequence[_Waiting]) -> list[tuple[Image, tuple[FaceRecord, ...], bool]]:
        if not new:
            return []
        catalog = self._target.catalog
        names = {one.photograph.stored_as for one in new if one.photograph.stored_as is not None}
        with catalog.lock(names):
            stored = catalog.add_photographs(self._done.collection, [one.photograph for one in new], self._contract)
            for one in new:
                if one.staged is not None:
                    _publish(one.staged)
        return stored

    def _count(self, one: _Waiting, records: Sequence[FaceRecord], *, created: bool) -> None:
        count = len(one.photograph.faces)
        if created:
            self._done.faces += count
            self._done.without_photograph += 0 if one.staged else count
            identity = one.photograph.external_image_id
            if identity and len(self._done.stored) < MOST_TOLD:
                ids = tuple(record.face.face_id for record in records)
                self._done.stored.append(StoredFaces(one.name, identity, ids))
        else:
            self._done.present += count
        for wanted in one.wanted:
            if wanted.record.face.user_id is not None:
                self._linked(wanted.record.face.user_id, _same(records, wanted.record))


def _discard(some: Iterable[_Waiting]) -> None:
    for one in some:
        if one.staged is not None:
            one.staged.discard()


def _image(target: Target, source: ExportFile, image: Image) -> tuple[Image, tuple[str, Staged] | None]:
    """The image with media type and size of its bytes, its name, and the staged photograph; not kept where there are no
    usable bytes."""
    data = source.photograph(image.digest) if image.kept and target.keep_images else None
    photo = _open_photo(target, data) if data is not None else None
    if data is None or photo is None:
        return (replace(image, kept=False) if image.kept else image), None
    facts = replace(
        image, kept=True, size=len(data), media_type=photo.media_type, width=photo.width, height=photo.height
    )
    photographs = Photographs(target.images, target.catalog)
    return facts, photographs.stage(image.collection_id, image.digest, data)


def _thumbnail(target: Target, face: DumpedFace) -> bytes | None:
    if face.thumbnail is None:
        return None
    photo = _open_photo(target, face.thumbnail)
    return face.thumbnail if photo is not None and photo.media_type == "image/jpeg" else None


def _open_photo(target: Target, data: bytes) -> Photo | None:
    try:
        return target.open_photo(data)
    except KenspeckleError as error:
        if not isinstance(error, UnsupportedImage):
            log.warning("an imported photograph is left out: %s", error.message)
        return None


def _publish(staged: Staged) -> None:
    # The faces are stored and the photograph is on disk; if it can't be moved now, the next start moves it.
    try:
        staged.publish()
    except KenspeckleError:
        log.exception("a photograph could not be moved into its place; the next start will do it")


def _same(here: Iterable[FaceRecord], wanted: FaceRecord) -> str:
    """The id under which a face of the export is stored here: its own, or that of the face with the same box, where the
    photograph was indexed here independently."""
    stored = list(here)
    if any(one.face.face_id == wanted.face.face_id for one in stored):
        return wanted.face.face_id

    def apart(one: FaceRecord) -> float:
        mine, other = one.face.box, wanted.face.box
        pairs = ((mine.left, other.left), (mine.top, other.top), (mine.width, other.width), (mine.height, other.height))
        return max(abs(a - b) for a, b in pairs)

    nearest = min(stored, key=apart, default=None)
    return nearest.face.face_id if nearest is not None and apart(nearest) < _SAME_BOX else wanted.face.face_id
