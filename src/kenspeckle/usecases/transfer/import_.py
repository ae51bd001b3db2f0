"""Import: puts an export, or templates of another program, into a collection. Repeating it adds nothing."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from kenspeckle.domain import (
    Box,
    Collection,
    FaceDetail,
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
    PackMismatch,
)
from kenspeckle.ports import DumpedFace, NewFace, NewPhotograph
from kenspeckle.progress import Progress
from kenspeckle.usecases.recognition.users import combine
from kenspeckle.usecases.transfer import export_format
from kenspeckle.usecases.transfer.reader import ExportFile
from kenspeckle.usecases.transfer.storing import Imported, Storer, Target

log = logging.getLogger(__name__)

NO_PHOTOGRAPH: Final = "application/octet-stream"
"""Media type of the image of a face that was imported as a template alone."""

_ENCODING: Final = b"kenspeckle: an encoding without a photograph\0"
_NOWHERE: Final = FaceDetail(Box(0.0, 0.0, 0.0, 0.0), 100.0, (), Pose(0.0, 0.0, 0.0), Quality(0.0, 0.0))
"""The detail of a face of which only the template is known."""


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
    storer = Storer(target, header.contract, done, lambda user, face: users.faces.setdefault(user, []).append(face))
    try:
        for group in _photographs(source, name, header.dimension, users):
            storer.add_exported(source, group)
            read += len(group)
            progress("faces", read, header.faces)
    except BaseException:
        storer.discard()
        raise
    storer.flush()
    for number, user_id in enumerate(dict.fromkeys([*users.created, *users.faces]), 1):
        _user(target, name, user_id, users, done)
        progress("users", number, header.users)
    if target.people is not None:
        for at, line in source.entries():
            if line["kind"] == "person":
                target.people.restore_person(name, export_format.person(line, at), target.now())
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
    found = _find_collection(target, collection_id, pack.name, pack.contract)
    target.begun(collection_id)
    if found is None:
        target.catalog.create_collection(Collection(collection_id, pack.name, pack.contract, target.now()))
    done = Imported(collection_id)
    storer = Storer(target, pack.contract, done)
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
        storer.add(NewPhotograph(image, identity, [face], pack.version), f"encoding {number}")
        progress("faces", number, len(encodings))
    storer.flush()
    return done


def _begin(target: Target, name: str, header: export_format.Header) -> None:
    """Check that the collection exists and its templates are comparable with those of the export; create it, with their
    pack, where it does not exist. Raises PackMismatch, InvalidValue."""
    found = _find_collection(target, name, header.pack, header.contract)
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


def _find_collection(target: Target, name: str, pack: str, contract: str) -> Collection | None:
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
        if line["kind"] == "person":
            continue
        face = export_format.face(line, number, name, dimension)
        if group and export_format.photograph_of(group[0]) != export_format.photograph_of(face):
            yield group
            group = []
        group.append(face)
    if group:
        yield group


def _user(target: Target, name: str, user_id: str, users: _Users, done: Imported) -> None:
    created_at = users.created.get(user_id, target.now())
    contract = target.catalog.collection(name).contract
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
        together = combine([*members.values(), *new.values()])
        most = validation.MAX_FACES_A_USER
        target.catalog.link_faces(name, user_id, list(new), together, most, among=list(members), contract=contract)
