"""Operations on templates that a client holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kenspeckle.domain.answers import (
    Described,
    FaceMatch,
)
from kenspeckle.domain.attributes import NONE, Attribute
from kenspeckle.domain.detection import Vector
from kenspeckle.domain.operations.base import SEARCH, InCollection


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeFaces(InCollection[Described]):
    """Faces of a photograph as the collection's pack describes them, largest first: those of at least
    `least_confidence` (0..100), at most `max_faces`, with their `templates` or without."""

    right = SEARCH
    image: bytes = field(repr=False)
    max_faces: int | None = None
    least_confidence: float = 0.0
    templates: bool = True
    attributes: frozenset[Attribute] = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTemplates(InCollection[tuple[tuple[FaceMatch, ...], ...]]):
    """Stored faces like each of the templates, most similar first, in the order of the templates.

    `tells`: webhooks and metrics learn of it as of a search by photograph, matches being those that reach the setting
    FACE_MATCH_THRESHOLD, whatever `threshold` is. Leave it out where the same search is asked again, wider."""

    right = SEARCH
    templates: Sequence[Vector] = field(repr=False)
    threshold: float | None = None
    max_faces: int | None = None
    tells: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareTemplates(InCollection[tuple[float, ...]]):
    """Similarity of each target to a stored face, or to the template `source`. Exactly one of the two."""

    right = SEARCH
    targets: Sequence[Vector] = field(repr=False)
    source: Vector | None = field(default=None, repr=False)
    face_id: str | None = None
