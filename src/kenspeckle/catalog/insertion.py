"""Inserts photographs with their faces, thumbnails and people: one alone in few statements, many in few for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert

from kenspeckle.catalog import membership, rows
from kenspeckle.catalog.database import each, fetch
from kenspeckle.catalog.numbered import Numbered
from kenspeckle.catalog.tables import faces, images, thumbnails
from kenspeckle.domain import Image
from kenspeckle.domain.people import cover_score
from kenspeckle.encryption.cipher import FACE, THUMBNAIL, Content
from kenspeckle.ports import NewFace, NewPhotograph

_ADD_IMAGE = insert(images).returning(images.c.row)
_ADD_FACE = insert(faces).returning(faces.c.row)
_ADD_THUMBNAILS = insert(thumbnails)
_ADD_IMAGES = Numbered(images, images.c.digest, images.c.identity)
_ADD_FACES = Numbered(faces, faces.c.face_id)


def add_one(connection: Connection, row: int, photograph: NewPhotograph, content: Content) -> list[int]:
    """Insert a photograph that the collection (its `row`) does not have; the numbers of its faces, in their order."""
    image_row = fetch(connection, _ADD_IMAGE, _image(row, photograph, content))[0][0]
    return add_faces(connection, row, image_row, photograph, content)


def add_faces(
    connection: Connection, row: int, image_row: int, photograph: NewPhotograph, content: Content
) -> list[int]:
    """Insert the faces of a photograph that is there, in `image_row`; their numbers, in their order."""
    numbers = [
        int(fetch(connection, _ADD_FACE, _face(row, image_row, face, content))[0][0]) for face in photograph.faces
    ]
    each(connection, _ADD_THUMBNAILS, _thumbnails(photograph.faces, numbers, content))
    if photograph.external_image_id:
        image = photograph.image
        person = membership.person_of_identity(
            connection, row, photograph.external_image_id, image.created_at, photograph.person_name
        )
        membership.join(connection, person, zip(numbers, _scores(photograph), strict=True))
    return numbers


def add_many(
    connection: Connection, row: int, photographs: Sequence[NewPhotograph], content: Content
) -> list[list[int]]:
    """As `add_one` for each of them, none of which is there twice."""
    if not photographs:
        return []
    shown = [_image(row, one, content) for one in photographs]
    rows_of = {(name, identity): number for number, name, identity in _ADD_IMAGES.add(connection, row, shown)}
    values = [
        _face(row, rows_of[image["digest"], image["identity"]], face, content)
        for image, one in zip(shown, photographs, strict=True)
        for face in one.faces
    ]
    faces_of = {face_id: number for number, face_id in _ADD_FACES.add(connection, row, values)}
    numbers = [[faces_of[face.face_id] for face in one.faces] for one in photographs]
    pairs = list(zip(photographs, numbers, strict=True))
    each(connection, _ADD_THUMBNAILS, [kept for one, of in pairs for kept in _thumbnails(one.faces, of, content)])
    named = [(one, of) for one, of in pairs if one.external_image_id]
    first: dict[str, tuple[float, str | None]] = {}
    for one, _ in named:
        created_at, name = first.get(one.external_image_id or "", (one.image.created_at, None))
        first[one.external_image_id or ""] = created_at, one.person_name if name is None else name
    people = membership.people_of_identities(connection, row, first)
    membership.join_all(
        connection,
        [
            (number, people[one.external_image_id or ""], score)
            for one, of in named
            for number, score in zip(of, _scores(one), strict=True)
        ],
    )
    return numbers


def _image(row: int, photograph: NewPhotograph, content: Content) -> dict[str, Any]:
    image: Image = photograph.image
    return {
        "collection_row": row,
        "image_id": image.image_id,
        "key": image.key,
        "digest": content.name(image.digest),
        "original": content.original(image.digest, image.image_id),
        "identity": photograph.external_image_id or "",
        "media_type": image.media_type,
        "size": image.size,
        "width": image.width,
        "height": image.height,
        "kept": image.kept,
        "metadata": rows.pack_mapping(image.metadata),
        "index_model": photograph.index_model,
        "created_at": image.created_at,
        "left_out": rows.pack_left_out(image.left_out),
    }


def _face(row: int, image_row: int, face: NewFace, content: Content) -> dict[str, Any]:
    return {
        "collection_row": row,
        "image_row": image_row,
        "face_id": face.face_id,
        "box_left": float(face.detail.box.left),
        "box_top": float(face.detail.box.top),
        "box_width": float(face.detail.box.width),
        "box_height": float(face.detail.box.height),
        "confidence": float(face.detail.confidence),
        "detail": rows.pack_detail(face.detail),
        "template": content.seal(rows.pack_vector(face.template), FACE, face.face_id),
        "attributes": rows.pack_attributes(face.detail, content, face.face_id),
    }


def _thumbnails(added: Sequence[NewFace], numbers: Sequence[int], content: Content) -> list[dict[str, Any]]:
    return [
        {"face_row": number, "jpeg": content.seal(face.thumbnail, THUMBNAIL, face.face_id)}
        for number, face in zip(numbers, added, strict=True)
        if face.thumbnail is not None
    ]


def _scores(photograph: NewPhotograph) -> list[float]:
    image = photograph.image
    return [cover_score(face.detail, image.width, image.height) for face in photograph.faces]
