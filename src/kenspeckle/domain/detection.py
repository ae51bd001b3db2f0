"""A face as it is detected in a photograph: its position, confidence and quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

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
class Landmark:
    """A point of the face; `kind` is eyeLeft, eyeRight, nose, mouthLeft or mouthRight, left as the viewer sees it."""

    kind: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Head rotation in degrees, -180..180: roll clockwise, yaw towards the image's right, pitch upwards."""

    roll: float
    yaw: float
    pitch: float


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


@dataclass(frozen=True, slots=True)
class UnindexedFace:
    """A detected face that was not stored, and why."""

    detail: FaceDetail
    reasons: tuple[Reason, ...]


def largest(details: Sequence[FaceDetail]) -> FaceDetail:
    """The face with the largest box; `details` must not be empty."""
    return max(details, key=lambda detail: detail.box.area)
