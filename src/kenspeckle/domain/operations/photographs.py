"""Operations on stored photographs and faces: indexing, reading and deleting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kenspeckle.domain.answers import BulkOutcome, Deleted, Indexed
from kenspeckle.domain.attributes import Attribute
from kenspeckle.domain.collections import Face, FaceRecord, Image, Page
from kenspeckle.domain.detection import QualityFilter
from kenspeckle.domain.operations.base import DELETE, INDEX, READ, InCollection


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFaces(InCollection[Indexed]):
    """Store every face of a photograph that passes the quality bar, at most `max_faces`. `key` is the photograph's
    name. `attributes` of the faces are inferred and stored with them; None: what the operator's setting says.

    Without `external_image_id` its faces have no name. Faces under `least_confidence` (0..100) are not seen. `alone`
    refuses a photograph that shows more than one."""

    right = INDEX
    image: bytes = field(repr=False)
    external_image_id: str | None = None
    key: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_faces: int | None = None
    quality: QualityFilter | None = None
    least_confidence: float = 0.0
    alone: bool = False
    person_name: str | None = None
    """Display name for the person of `external_image_id`, unless it was given one before."""
    attributes: frozenset[Attribute] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPhotographs(InCollection[tuple[BulkOutcome, ...]]):
    """`IndexFaces` for each of these photographs of the collection, on all cores, stored in one transaction. What is
    wrong with one of them is its outcome, in the order given; nothing is stored where the whole fails.

    Photographs of which no face was stored are remembered, and not looked at again for the same question, unless
    `again`."""

    right = INDEX
    photographs: Sequence[IndexFaces] = field(repr=False)
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFace(InCollection[FaceRecord]):
    right = READ
    face_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFaces(InCollection[Page[Face]]):
    right = READ
    limit: int = 100
    cursor: str | None = None
    user_id: str | None = None
    face_ids: Sequence[str] = ()
    external_image_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFaces(InCollection[Deleted]):
    """Faces of users stay; `Erase` removes those too."""

    right = DELETE
    face_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetImage(InCollection[tuple[Image, bytes]]):
    """The newest photograph under this key, as it was sent."""

    right = READ
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetImageById(InCollection[tuple[Image, bytes]]):
    """The photograph with this ImageId, as it was sent."""

    right = READ
    image_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFaceImage(InCollection[tuple[Image, bytes]]):
    """The photograph that a stored face was found on, as it was sent."""

    right = READ
    face_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetThumbnail(InCollection[bytes]):
    """The face cut out of its photograph, as JPEG."""

    right = READ
    face_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetThumbnails(InCollection[Mapping[str, bytes]]):
    """Up to 100 faces cut out, JPEG by face id. Faces that are gone, or whose picture is not kept, are left out."""

    right = READ
    face_ids: Sequence[str]
