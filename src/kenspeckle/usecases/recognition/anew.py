"""Describes stored faces anew, by another pack: each is found again in its photograph or thumbnail."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kenspeckle.domain import FaceDetail, FaceRecord, Image, Vector
from kenspeckle.domain.detection import in_thumbnail, overlap
from kenspeckle.errors import (
    FaceNotFound,
    ImageNotFound,
    ImageTooLarge,
    ImageTooSmall,
    StorageUnavailable,
    UnsupportedImage,
)
from kenspeckle.ports import Engine, Source, StagedTemplate, Undescribed
from kenspeckle.usecases.recognition.context import Context

OVERLAP = 0.4
"""Intersection over union of two boxes from which they may be of one face: detectors draw them differently."""

APART = 0.25
"""How far landmarks of one face may lie apart on average, in units of the face's side."""

_UNREADABLE = (ImageNotFound, StorageUnavailable, UnsupportedImage, ImageTooLarge, ImageTooSmall)


def describe(context: Context, engine: Engine, asked: Undescribed) -> list[StagedTemplate]:
    """A template for each of the faces: of the photograph where it is kept and can be read, else of the thumbnail.

    Where the pack does not see the face there, it is aligned by the landmarks that it was stored with. What has neither
    photograph nor thumbnail, or no landmarks, is described by nothing. Raises CollectionNotFound."""
    found: dict[str, StagedTemplate] = {}
    image, collection_id = asked.image, asked.image.collection_id
    if image.kept:
        try:
            data = context.photographs.get(collection_id, image.digest)
            wanted = {one.face.face_id: one.detail for one in asked.faces}
            found = _describe_anew(
                context,
                engine,
                data,
                wanted,
                (image.width, image.height),
                (Source.PHOTOGRAPH, Source.PHOTOGRAPH_ALIGNED),
            )
        except _UNREADABLE:
            pass
    for one in asked.faces:
        if one.face.face_id not in found:
            found |= _of_thumbnail(context, engine, one, image)
    return [
        found.get(one.face.face_id) or StagedTemplate(one.face.face_id, Source.NOTHING, None) for one in asked.faces
    ]


def _of_thumbnail(context: Context, engine: Engine, record: FaceRecord, image: Image) -> dict[str, StagedTemplate]:
    try:
        data = context.catalog.thumbnail(image.collection_id, record.face.face_id)
        if data is None:
            return {}
        wanted = {record.face.face_id: in_thumbnail(record.detail, image.width, image.height)}
        return _describe_anew(context, engine, data, wanted, None, (Source.THUMBNAIL, Source.THUMBNAIL_ALIGNED))
    except (FaceNotFound, *_UNREADABLE):
        return {}


def _describe_anew(
    context: Context,
    engine: Engine,
    data: bytes,
    wanted: dict[str, FaceDetail],
    size: tuple[int, int] | None,
    sources: tuple[Source, Source],
) -> dict[str, StagedTemplate]:
    """Templates of the faces that are wanted in the picture, by face id. Raises as `Engine.open` and `detect`."""
    with context.gate.turn(patient=True):
        photo = engine.open(data)
        pairs = match_details(wanted, engine.detect(photo), size or (photo.width, photo.height))
        details = {
            name: pairs.get(name, detail) for name, detail in wanted.items() if name in pairs or detail.landmarks
        }
        templates = engine.embed(photo, list(details.values())) if details else []
    return {
        name: StagedTemplate(name, sources[name not in pairs], template)
        for name, template in zip(details, templates, strict=True)
        if _whole(template)
    }


def match_details(
    wanted: dict[str, FaceDetail], seen: Sequence[FaceDetail], size: tuple[int, int]
) -> dict[str, FaceDetail]:
    """Which face that is seen each of the wanted ones is, by name; each at most once, those that fit best first.
    `size` of the picture in pixels."""
    fits = sorted(
        (
            (overlap(detail.box, one.box), name, at)
            for name, detail in wanted.items()
            for at, one in enumerate(seen)
            if overlap(detail.box, one.box) >= OVERLAP and _apart(detail, one, size) <= APART
        ),
        reverse=True,
    )
    pairs: dict[str, FaceDetail] = {}
    taken: set[int] = set()
    for _, name, at in fits:
        if name not in pairs and at not in taken:
            pairs[name] = seen[at]
            taken.add(at)
    return pairs


def _apart(one: FaceDetail, other: FaceDetail, size: tuple[int, int]) -> float:
    """Mean distance of the landmarks that both have, in units of the first one's side; 0 where they have none."""
    width, height = size
    side = math.sqrt(max(one.box.width * width * one.box.height * height, 1.0))
    places = {point.kind: point for point in other.landmarks}
    pairs = [(point, places[point.kind]) for point in one.landmarks if point.kind in places]
    if not pairs:
        return 0.0
    return sum(math.hypot((a.x - b.x) * width, (a.y - b.y) * height) for a, b in pairs) / len(pairs) / side


def _whole(template: Vector) -> bool:
    return bool(np.isfinite(template).all() and template.any())
