"""A face as it is detected in a photograph: its position, confidence and quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from kenspeckle.domain.attributes import Attribute, Attributes
from kenspeckle.domain.landmarks import Landmark, Pose

if TYPE_CHECKING:
    # Behind a managed recognizer nothing computes with templates, and there need be no NumPy.
    import numpy as np
    import numpy.typing as npt


Vector: TypeAlias = "npt.NDArray[np.float32]"
"""One template (embedding): shape (dimension,), float32."""


class QualityFilter(StrEnum):
    """How good a face has to be to be used. NONE lets every detected face through."""

    NONE = "NONE"
    AUTO = "AUTO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class Reason(StrEnum):
    """Why a detected face was not indexed or searched."""

    EXCEEDS_MAX_FACES = "EXCEEDS_MAX_FACES"
    EXTREME_POSE = "EXTREME_POSE"
    LOW_BRIGHTNESS = "LOW_BRIGHTNESS"
    LOW_SHARPNESS = "LOW_SHARPNESS"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    SMALL_BOUNDING_BOX = "SMALL_BOUNDING_BOX"
    LOW_FACE_QUALITY = "LOW_FACE_QUALITY"
    FACE_NOT_LARGEST = "FACE_NOT_LARGEST"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in ratios of the photograph's size."""

    left: float
    top: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Quality:
    """Brightness and sharpness of the face's pixels, 0..100."""

    brightness: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class FaceDetail:
    """One face as seen in a photograph. `confidence` (0..100) is the detector's, that this is a face."""

    box: Box
    confidence: float
    landmarks: tuple[Landmark, ...]
    pose: Pose
    quality: Quality
    attributes: Attributes | None = None
    """What was inferred beyond this; None where nothing was asked for."""

    @property
    def kept(self) -> FaceDetail:
        """As it is stored: without a guess at gender, which is told and never kept."""
        return self if self.attributes is None else replace(self, attributes=replace(self.attributes, gender=None))

    def tells(self, asked: frozenset[Attribute]) -> bool:
        """Whether all of that was looked for when it was stored."""
        return self.attributes is not None and self.attributes.covers(asked)

    def showing(self, asked: frozenset[Attribute]) -> FaceDetail:
        """With those of the attributes that are asked for."""
        return self if self.attributes is None else replace(self, attributes=self.attributes.only(asked))


@dataclass(frozen=True, slots=True)
class UnindexedFace:
    """A detected face that was not stored, and why."""

    detail: FaceDetail
    reasons: tuple[Reason, ...]


THUMBNAIL_MARGIN = 0.35
"""What a thumbnail shows around the face at each side, in units of the longer side of its box."""


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0..1."""
    across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    down = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    common = max(0.0, across) * max(0.0, down)
    union = one.area + other.area - common
    return common / union if union > 0 else 0.0


def in_thumbnail(detail: FaceDetail, width: int, height: int) -> FaceDetail:
    """The face as its thumbnail shows it, of a photograph of `width` x `height` pixels; to a pixel or two."""
    around = THUMBNAIL_MARGIN * max(detail.box.width * width, detail.box.height * height)
    left = max(0.0, detail.box.left * width - around) / width
    top = max(0.0, detail.box.top * height - around) / height
    right = min(1.0, detail.box.left + detail.box.width + around / width)
    bottom = min(1.0, detail.box.top + detail.box.height + around / height)
    across, down = max(right - left, 1e-6), max(bottom - top, 1e-6)
    box = Box(
        (detail.box.left - left) / across,
        (detail.box.top - top) / down,
        detail.box.width / across,
        detail.box.height / down,
    )
    points = tuple(Landmark(one.kind, (one.x - left) / across, (one.y - top) / down) for one in detail.landmarks)
    return replace(detail, box=box, landmarks=points)


def largest(details: Sequence[FaceDetail]) -> FaceDetail:
    """The face with the largest box; `details` must not be empty."""
    return max(details, key=lambda detail: detail.box.area)
