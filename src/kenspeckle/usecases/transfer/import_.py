"""Import: puts an export, or templates of another program, into a collection. Repeating it adds nothing."""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from kenspeckle.domain import (
    Box,
    Collection,
    FaceDetail,
    FaceRecord,
    Image,
    PackInfo,
    Pose,
    Quality,
    User,
    Vector,
    validation,
)
from kenspeckle.errors import (
    CollectionNotFound,
    Conflict,
    FaceNotFound,
    InvalidValue,
    KenspeckleError,
    PackMismatch,
    UnsupportedImage,
)
from kenspeckle.ports import Catalog, DumpedFace, Images, NewFace, Photo, Staged
from kenspeckle.progress import Progress
from kenspeckle.usecases.recognition.originals import Photographs
from kenspeckle.usecases.recognition.users import combined
from kenspeckle.usecases.transfer import export_format
from kenspeckle.usecases.transfer.reader import ExportFile

log = logging.getLogger(__name__)

NO_PHOTOGRAPH: Final = "application/octet-stream"
"""Media type of the image of a face that was imported as a template alone."""

_ENCODING: Final = b"kenspeckle: an encoding without a photograph\0"
_NOWHERE: Final = FaceDetail(Box(0.0, 0.0, 0.0, 0.0), 100.0, (), Pose(0.0, 0.0, 0.0), Quality(0.0, 0.0))
"""The detail of a face of which only the template is known."""

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


@dataclass(slots=True)
class Imported:
    """Counts of an import. `present` faces were stored already; `without_photograph` came with none, or with one that
    can't be used; `unlinked` faces belong to another user here, or their user has the most faces allowed."""

    collection: str
    faces: int = 0
    present: int = 0
    without_photograph: int = 0
    users: int = 0
    unlinked: int = 0


@dataclass(slots=True)
class _Users:
    """Users of the export, and the faces that are to be theirs."""

    created: dict[str, float] = field(default_factory=dict)
    faces: dict[str, list[str]] = field(default_factory=dict)


def import_export(target: Target, source: ExportFile, collection_id: str | None, progress: Progress) -> Imported:
    """Every face, photograph and user of an export. Raises InvalidValue for a bad export (before anything is written),
    PackMismatch, Conflict, StorageFull, StorageUnavailable."""
    header = source.verify(lambda done, total: progress("verify", done, total))
    name = validation.collection_id(collection_id or header.collection)
    _begin(target, name, header)
    done, users, read = Imported(name), _Users(), 0
    for group in _photographs(source, name, header.dimension, users):
        _store(target, source, header.contract, group, users, done)
        read += len(group)
        progress("faces", read, header.faces)
    for number, user_id in enumerate(dict.fromkeys([*users.created, *users.faces]), 1):
        _user(target, name, user_id, users, done)
        progress("users", number, header.users)
    return done


def import_encodings(
    target: Target, collection_id: str, pack: PackInfo, encodings: Sequence[tuple[str, Vector]], progress: Progress
) -> Imported:
    """Templates of a pack (identity, (dimension,) float32) that come without photographs: each is a face whose image
    is its own numbers' digest, not kept. Raises InvalidValue naming the first that is no template, StorageFull."""
    dimension = pack.dimension
    for number, (identity, template) in enumerate(encodings, 1):
        validation.external_image_id(identity)
        if template.shape != (dimension,) or not np.isfinite(template).all() or not template.any():
            raise InvalidValue(f"Encoding {number}, of {identity}, is not {dimension} finite numbers.")
    found = _found(target, collection_id, pack.name, pack.contract)
    target.begun(collection_id)
    if found is None:
        target.catalog.create_collection(Collection(collection_id, pack.name, pack.contract, target.now()))
    done = Imported(collection_id)
    for number, (identity, template) in enumerate(encodings, 1):
        raw = np.ascontiguousarray(template, "<f4").tobytes()
        image = Image(
            image_id=str(uuid.uuid4()),
            collection_id=collection_id,
            key=identity,
            digest=hashlib.sha256(_ENCODING + raw).hexdigest(),
            media_type=NO_PHOTOGRAPH,
            size=len(raw),
            width=0,
            height=0,
            created_at=target.now(),
            kept=False,
        )
        face = NewFace(str(uuid.uuid4()), _NOWHERE, template)
        known = target.catalog.find_indexed(collection_id, image.digest, identity)
        if known is None and target.catalog.add_faces(image, identity, [face], pack.version, contract=pack.contract)[2]:
            done.faces += 1
            done.without_photograph += 1
        else:
            done.present += 1
        progress("faces", number, len(encodings))
    return done


def _begin(target: Target, name: str, header: export_format.Header) -> None:
    """Check that the collection exists and its templates are comparable with those of the export; create it, with their
    pack, where it does not exist. Raises PackMismatch, InvalidValue."""
    found = _found(target, name, header.pack, header.contract)
    pack = target.pack_of(header.contract)
    if pack is None and found is None:
        raise PackMismatch(
            f"What is to be imported holds templates of the pack '{header.pack}' (contract {header.contract[:12]}), "
            "not comparable with those of any pack that is known here. Import it with the version of Kenspeckle that "
            "made it, or index the photographs anew.",
            field="collection",
        )
    if pack is not None and header.dimension != pack.dimension:
        raise InvalidValue(
            f"The export says that its templates have {header.dimension} components; those of its pack have "
            f"{pack.dimension}."
        )
    target.begun(name)
    if found is None and pack is not None:
        made = Collection(
            name, pack.name, pack.contract, target.now(), tags=header.tags, retention_days=header.retention_days
        )
        target.catalog.create_collection(made)


def _found(target: Target, name: str, pack: str, contract: str) -> Collection | None:
    """The collection, None where there is none. Raises PackMismatch where it has another contract."""
    try:
        found = target.catalog.collection(name)
    except CollectionNotFound:
        return None
    if found.contract != contract:
        raise PackMismatch(
            f"What is to be imported holds templates of the pack '{pack}' (contract {contract[:12]}), not comparable "
            f"with those of '{found.pack}' (contract {found.contract[:12]}) in collection '{name}'. Import into "
            "another collection, or index the photographs anew.",
            field="collection",
        )
    return found


def _photographs(source: ExportFile, name: str, dimension: int, users: _Users) -> Iterator[list[DumpedFace]]:
    """Faces of one photograph at a time; users are collected meanwhile."""
    group: list[DumpedFace] = []
    for number, line in source.entries():
        if line["kind"] == "user":
            one = export_format.user(line, number)
            users.created[one.user_id] = one.created_at
            continue
        face = export_format.face(line, number, name, dimension)
        if group and export_format.photograph_of(group[0]) != export_format.photograph_of(face):
            yield group
            group = []
        group.append(face)
    if group:
        yield group


def _store(
    target: Target, source: ExportFile, contract: str, group: Sequence[DumpedFace], users: _Users, done: Imported
) -> None:
    first = group[0]
    identity, name = first.record.face.external_image_id, first.image.collection_id
    known = target.catalog.find_indexed(name, first.image.digest, identity)
    if known is None or not known[1]:
        image, photograph = _image(target, source, first.image)
        name_there, staged = photograph or (None, None)
        faces = [
            NewFace(
                one.record.face.face_id, one.record.detail, one.template, None if staged else _thumbnail(target, one)
            )
            for one in group
        ]
        try:
            with target.catalog.lock([name_there] if name_there else []):
                _, records, created = target.catalog.add_faces(
                    image,
                    identity,
                    faces,
                    first.record.face.index_model,
                    stored_as=name_there,
                    contract=contract,
                )
                if staged is not None:
                    _publish(staged)
        except KenspeckleError as error:
            if staged is not None:
                staged.discard()
            if isinstance(error, Conflict):
                raise Conflict(
                    f"Face {first.record.face.face_id} is in '{name}' already, with another photograph or name."
                ) from error
            raise
        known = (image, records)
        if created:
            done.faces += len(group)
            done.without_photograph += 0 if staged else len(group)
        else:
            done.present += len(group)
    else:
        done.present += len(group)
    for one in group:
        if one.record.face.user_id is not None:
            here = _same(known[1], one.record)
            users.faces.setdefault(one.record.face.user_id, []).append(here)


def _image(target: Target, source: ExportFile, image: Image) -> tuple[Image, tuple[str, Staged] | None]:
    """The image with media type and size of its bytes, its name, and the staged photograph; not kept where there are no
    usable bytes."""
    data = source.photograph(image.digest) if image.kept and target.keep_images else None
    photo = _opened(target, data) if data is not None else None
    if data is None or photo is None:
        return replace(image, kept=False), None
    facts = replace(
        image, kept=True, size=len(data), media_type=photo.media_type, width=photo.width, height=photo.height
    )
    photographs = Photographs(target.images, target.catalog)
    return facts, photographs.stage(image.collection_id, image.digest, data)


def _thumbnail(target: Target, face: DumpedFace) -> bytes | None:
    if face.thumbnail is None:
        return None
    photo = _opened(target, face.thumbnail)
    return face.thumbnail if photo is not None and photo.media_type == "image/jpeg" else None


def _opened(target: Target, data: bytes) -> Photo | None:
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


def _user(target: Target, name: str, user_id: str, users: _Users, done: Imported) -> None:
    created_at = users.created.get(user_id, target.now())
    try:
        target.catalog.create_user(User(user_id, name, "CREATED", created_at))
        done.users += 1
    except Conflict:
        pass  # it is there
    members = dict(target.catalog.user_templates(name, user_id))
    new: dict[str, Vector] = {}
    for face_id in users.faces.get(user_id, ()):
        if face_id in members:
            continue
        try:
            record, template = target.catalog.face(name, face_id)
        except FaceNotFound:
            done.unlinked += 1
            continue
        if record.face.user_id is None and len(members) + len(new) < validation.MAX_FACES_A_USER:
            new[face_id] = template
        else:
            done.unlinked += 1
    if new:
        together = combined([*members.values(), *new.values()])
        target.catalog.link_faces(name, user_id, list(new), together, validation.MAX_FACES_A_USER, among=list(members))
