"""What looks at a photograph that is to be indexed: an engine of this process, or one elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kenspeckle.domain import Attribute, Collection, QualityFilter, UnindexedFace
from kenspeckle.ports.catalog import NewFace


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a photograph, with the operator's settings filled in. `least_confidence` is 0..100; `alone`
    refuses a photograph of several faces; `thumbnails` are wanted where the photograph is not kept."""

    quality: QualityFilter
    max_faces: int
    attributes: frozenset[Attribute]
    least_confidence: float
    alone: bool
    thumbnails: bool


@dataclass(frozen=True, slots=True)
class Examined:
    """What was seen: the faces to store, with their templates, and the others. Width and height in pixels."""

    media_type: str
    width: int
    height: int
    faces: Sequence[NewFace]
    unindexed: Sequence[UnindexedFace]


class Examiner(Protocol):
    """Looks at a photograph by the collection's pack."""

    def __call__(self, collection: Collection, image: bytes, asked: Asked, opened: Callable[[], None]) -> Examined:
        """Calls `opened` as soon as the bytes are known to be a photograph. Raises UnsupportedImage, DamagedImage,
        ImageTooLarge, ImageTooSmall, TooManyFaces, PackMismatch, ModelMissing, Overloaded."""
        ...
