"""Adds to a stored photograph the faces that were left out of it, where it comes again and more is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kenspeckle.domain import Collection, FaceRecord, Image, PackInfo, UnindexedFace
from kenspeckle.domain.operations import IndexFaces
from kenspeckle.domain.people import person_name
from kenspeckle.ports import Asked, Examiner, NewFace
from kenspeckle.usecases.recognition.context import Context

Arrived = Callable[[PackInfo, str, Sequence[NewFace]], None]
"""Is told of faces without a name once they are stored: of which pack, in which collection."""


def is_wanted(image: Image, asked: Asked) -> bool:
    """Whether faces that were left out may pass now."""
    return image.left_out is not None and image.left_out.may_admit(asked.max_faces, asked.quality)


def supplement(
    context: Context,
    operation: IndexFaces,
    collection: Collection,
    image: Image,
    asked: Asked,
    examiner: Examiner,
    arrived: Arrived,
) -> tuple[tuple[FaceRecord, ...], tuple[UnindexedFace, ...], int] | None:
    """Looks at the photograph once more, and stores those of the faces left out that pass now: all its faces, those
    still left out, how many were added. None where it is not stored any more. Raises as `Examiner`, and PackMismatch,
    StorageFull, StorageUnavailable."""
    pack = context.engines.pack_of(collection)
    seen = examiner(collection, operation.image, asked, lambda: None)
    identity = operation.external_image_id
    with context.stages.time("store"):
        stored = context.catalog.add_left_out(
            image,
            identity,
            seen.faces,
            lambda faces: context.announcer.announce_indexed(image, identity, faces),
            max_faces=asked.max_faces,
            quality=asked.quality,
            contract=pack.contract,
            person_name=None if operation.person_name is None else person_name(operation.person_name),
        )
    if stored is None:
        return None
    after, records, added = stored
    if added:
        context.announcer.nudge()
        if identity is None:
            arrived(pack, image.collection_id, added)
    left_out, boxes = after.left_out, [one.face.box for one in records]
    left = [one for one in seen.unindexed if left_out is not None and left_out.holds(one.detail.box, boxes)]
    return records, tuple(left), len(added)
