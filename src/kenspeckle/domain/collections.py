"""What is stored: collections, faces, users, photographs; and pages of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from kenspeckle.domain.detection import Box, FaceDetail
from kenspeckle.domain.left_out import LeftOut
from kenspeckle.domain.people import PersonRef

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Face:
    """A face stored in a collection. `index_model` is the name of the pack that made its template."""

    face_id: str
    image_id: str
    collection_id: str
    external_image_id: str | None
    box: Box
    confidence: float
    index_model: str
    created_at: float
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """A stored face with everything that was detected of it in its photograph."""

    face: Face
    detail: FaceDetail
    person: PersonRef | None = field(default=None, compare=False)
    """Whom it belongs to, where that was looked up."""


@dataclass(frozen=True, slots=True)
class User:
    """Several faces of one person, under one id."""

    user_id: str
    collection_id: str
    status: str
    created_at: float
    face_count: int = 0


@dataclass(frozen=True, slots=True)
class Collection:
    """Faces that are searched together. `contract` names what makes its templates comparable; see `Pack.contract`.

    `revision` grows by one with every committed write to the collection."""

    collection_id: str
    pack: str
    contract: str
    created_at: float
    revision: int = 0
    face_count: int = 0
    user_count: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    retention_days: int | None = None
    """Age at which its faces are erased; None keeps them indefinitely."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list; `cursor` asks for the next ones, None at the end."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A photograph of a collection. `digest` is the SHA-256 (hex) of its bytes as received; the image store has them
    under the name that `ports.Vault` gives them."""

    image_id: str
    collection_id: str
    key: str
    digest: str
    media_type: str
    size: int
    width: int
    height: int
    created_at: float
    kept: bool
    metadata: Mapping[str, str] = field(default_factory=dict)
    left_out: LeftOut | None = None
    """Faces of it that were not stored; None where all were, or it is not known."""


_FILE_ENDING = re.compile(r"(?<=.)\.(?:jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|avif|hei[cf]|hif|b64|txt)$", re.IGNORECASE)


def display_name(external_image_id: str) -> str:
    """A name to show, made of an external id: `keanu-reeves.jpg` is "Keanu reeves". What is not the ending of an image
    file stays, so `j.doe` is "J.doe"; an id of which nothing would be left is shown as it is."""
    name = " ".join(_FILE_ENDING.sub("", external_image_id).replace("-", " ").replace("_", " ").split())
    return name[:1].upper() + name[1:] if name else external_image_id
