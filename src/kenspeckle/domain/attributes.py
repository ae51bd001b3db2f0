"""What is told of a face beyond box, landmarks, pose and quality: age, eyes, mouth. What is not inferred is absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from kenspeckle.domain.landmarks import Landmark, Pose
from kenspeckle.errors import InvalidValue

VERSION: Final = 2
"""Of what is inferred: networks, thresholds, units. It grows when the same face would be told otherwise."""


class Attribute(StrEnum):
    """What can be asked for by name. The names are Amazon Rekognition's, but for LANDMARKS: all thirty of them."""

    AGE_RANGE = "AGE_RANGE"
    BEARD = "BEARD"
    EYEGLASSES = "EYEGLASSES"
    EYES_OPEN = "EYES_OPEN"
    EYE_DIRECTION = "EYE_DIRECTION"
    FACE_OCCLUDED = "FACE_OCCLUDED"
    GENDER = "GENDER"
    LANDMARKS = "LANDMARKS"
    MOUTH_OPEN = "MOUTH_OPEN"
    MUSTACHE = "MUSTACHE"
    SMILE = "SMILE"
    SUNGLASSES = "SUNGLASSES"


ALL: Final = frozenset(Attribute)
NONE: Final[frozenset[Attribute]] = frozenset()
"""What DEFAULT asks for beyond what every answer has."""

NAMES: Final = ("DEFAULT", "ALL", *Attribute, "EMOTIONS")
"""What a request may say. EMOTIONS is Amazon's too and asks for nothing: emotions are never inferred."""

OFFERED: Final = (
    Attribute.AGE_RANGE,
    Attribute.EYES_OPEN,
    Attribute.EYE_DIRECTION,
    Attribute.FACE_OCCLUDED,
    Attribute.LANDMARKS,
    Attribute.MOUTH_OPEN,
    Attribute.SMILE,
)
"""What the local recognizer infers, but for GENDER."""


def list_offered(*, gender: bool) -> tuple[Attribute, ...]:
    """What the local recognizer infers; Gender only where the operator has switched it on."""
    return (*OFFERED, Attribute.GENDER) if gender else OFFERED


def parse_names(names: Iterable[str], field_name: str = "attributes") -> frozenset[Attribute]:
    """What these names ask for together; upper or lower case, as often as they like. Raises InvalidValue."""
    found: set[Attribute] = set()
    for name in names:
        upper = name.strip().upper()
        if upper not in NAMES:
            raise InvalidValue(
                f"There is no attribute {name.strip()[:40]!r}; there are: {', '.join(NAMES)}.", field=field_name
            )
        if upper == "ALL":
            return ALL
        if upper in Attribute.__members__:
            found.add(Attribute(upper))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Flag:
    """A yes or no, and how sure it is, 0..100."""

    value: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class AgeRange:
    """Years, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class EyeDirection:
    """Where the eyes look, whatever the head does: degrees against the line to the camera, yaw towards the image's
    right, pitch upwards; `confidence` 0..100."""

    yaw: float
    pitch: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Gender:
    """`Female` or `Male`, as a network takes the face to look, which says nothing of who somebody is."""

    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Attributes:
    """What was inferred of one face; None and absent: not inferred. `landmarks` are those beyond the detector's five,
    `pose` is of the whole face mesh. `asked` is what was looked for, so that its absence says that it can't be told."""

    version: int = VERSION
    age: AgeRange | None = None
    flags: Mapping[Attribute, Flag] = field(default_factory=dict)
    eyes: EyeDirection | None = None
    gender: Gender | None = None
    landmarks: tuple[Landmark, ...] = ()
    pose: Pose | None = None
    asked: frozenset[Attribute] = ALL

    def covers(self, asked: frozenset[Attribute]) -> bool:
        """Whether all of that was looked for, by networks that are not older than the present ones."""
        return self.version >= VERSION and asked <= self.asked

    def only(self, asked: frozenset[Attribute]) -> Attributes | None:
        """Of it what was asked for; None where that is nothing. The pose stays."""
        if not asked:
            return None
        return replace(
            self,
            age=self.age if Attribute.AGE_RANGE in asked else None,
            flags={name: flag for name, flag in self.flags.items() if name in asked},
            eyes=self.eyes if Attribute.EYE_DIRECTION in asked else None,
            gender=self.gender if Attribute.GENDER in asked else None,
            landmarks=self.landmarks if Attribute.LANDMARKS in asked else (),
            asked=self.asked & asked,
        )
