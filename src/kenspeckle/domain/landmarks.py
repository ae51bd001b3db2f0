"""Points of a face and how the head is turned."""

from __future__ import annotations

from dataclasses import dataclass


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
