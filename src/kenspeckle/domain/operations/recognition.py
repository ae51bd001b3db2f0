"""Operations that recognize: search, detect, compare."""

from __future__ import annotations

from dataclasses import dataclass, field

from kenspeckle.domain.access import Of, Right, Scope
from kenspeckle.domain.answers import (
    Comparison,
    FaceMatch,
    ImageSearch,
)
from kenspeckle.domain.attributes import NONE, Attribute
from kenspeckle.domain.detection import FaceDetail, QualityFilter
from kenspeckle.domain.operations.base import SEARCH, InCollection, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFaces(InCollection[tuple[FaceMatch, ...]]):
    """Stored faces like a stored one, which is not among them."""

    right = SEARCH
    face_id: str
    threshold: float | None = None
    max_faces: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchImage(InCollection[ImageSearch]):
    """Stored faces like the photograph's largest, or, with `every_face`, like each of them."""

    right = SEARCH
    image: bytes = field(repr=False)
    threshold: float | None = None
    max_faces: int | None = None
    quality: QualityFilter = QualityFilter.NONE
    every_face: bool = False
    groups: bool = False
    """Tell of a face that is nobody's who has a name which group it belongs to, where the operator's setting allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectFaces(Operation[tuple[FaceDetail, ...]]):
    """At most 100 faces, largest first, with what `attributes` asks for where it can be told."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    image: bytes = field(repr=False)
    attributes: frozenset[Attribute] = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareFaces(Operation[Comparison]):
    """The source's largest face against each of the target."""

    right = Right(Scope.SEARCH, Of.ANYTHING)
    source: bytes = field(repr=False)
    target: bytes = field(repr=False)
    threshold: float | None = None
    quality: QualityFilter = QualityFilter.NONE
