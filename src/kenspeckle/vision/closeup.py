"""Second detection stage: CenterFace on a crop in which the face is upright and of a known size."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.vision.align import cut
from kenspeckle.vision.detect import Network, find, overlaps

Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Crop:
    """A crop of `side` pixels in which the face takes up `share`."""

    side: int
    share: float


FIRST: Final = Crop(96, 0.6)
"""Landmarks are best with it: d' of `bbt` 6.4, with shares of 0.55 and 0.65 6.2, with YuNet's own landmarks 5.1."""
SECOND: Final = Crop(128, 0.7)
"""For what is turned or doubtful: of faces turned by 30 degrees, CenterFace loses landmarks that are smaller."""

SEEN: Final = 0.05
"""Least score of any detection in a crop."""
SAME: Final = 0.25
"""Least intersection over union with the expected box for a detection to be the face that was looked for."""
CLEAR: Final = 0.5
"""Score from which the first crop's detection is accepted, unless the face is turned by more than UPRIGHT."""
UPRIGHT: Final = 12.0
"""Degrees up to which landmarks are as accurate as of an upright face."""
LOST: Final = 30.0
"""Most degrees by which an accepted face may be turned in its last crop."""


@dataclass(frozen=True, slots=True)
class CropFace:
    """A face detected in a crop, in pixels of the picture."""

    score: float
    points: Floats
    """(5, 2), as `detect.Faces` has them."""
    centre: complex
    width: float
    """Of the face when it is upright; `height` too."""
    height: float
    roll: float
    """Degrees clockwise, by the landmarks."""

    @property
    def side(self) -> float:
        return math.sqrt(self.width * self.height)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the ellipse that the upright box encloses, turned by `roll`."""
        along, across = math.cos(math.radians(self.roll)), math.sin(math.radians(self.roll))
        half = complex(
            math.hypot(self.width * along, self.height * across) / 2,
            math.hypot(self.width * across, self.height * along) / 2,
        )
        low, high = self.centre - half, self.centre + half
        return low.real, low.imag, high.real, high.imag


def look(
    picture: Image.Image, centre: complex, size: float, roll: float, crop: Crop, network: Network
) -> CropFace | None:
    """The face of about `size` pixels at `centre`, detected in a crop turned by `roll` degrees; None where there is
    none."""
    a = cmath.rect(size / crop.share / crop.side, math.radians(roll))
    b = centre - a * complex(crop.side, crop.side) / 2
    found = find(cut(picture, a, b, crop.side), network, SEEN)
    if not len(found):
        return None
    low, high = crop.side * (1 - crop.share) / 2, crop.side * (1 + crop.share) / 2
    likeness = overlaps(np.array([low, low, high, high], np.float32), found.boxes)
    at = int(np.argmax(likeness * found.scores))
    if likeness[at] < SAME:
        return None
    left, top, right, bottom = found.boxes[at].tolist()
    places = [a * complex(x, y) + b for x, y in found.points[at].tolist()]
    points = np.array([[one.real, one.imag] for one in places], np.float32)
    return CropFace(
        score=float(found.scores[at]),
        points=points,
        centre=a * complex(left + right, top + bottom) / 2 + b,
        width=(right - left) * abs(a),
        height=(bottom - top) * abs(a),
        roll=_roll(places),
    )


def closely(
    picture: Image.Image,
    centre: complex,
    size: float,
    network: Network,
    roll: float = 0.0,
    others: Sequence[float] = (),
) -> CropFace | None:
    """The best detection of the face: in a crop turned by `roll` degrees; again where it is found turned or with a low
    score; and in crops turned by `others` where nothing clear is found."""
    best = look(picture, centre, size, roll, FIRST, network)
    if best is not None and best.score >= CLEAR and abs(_between(best.roll, roll)) <= UPRIGHT:
        return best
    turns: list[float] = []
    if best is None or best.score <= SEEN * 3:
        turns += [roll] if others else []
    else:
        turns.append(best.roll)
    if best is None or best.score < CLEAR:
        turns += others
    for turn in turns:
        found = _follow(picture, centre, size, turn, network)
        if found is not None and (best is None or found.score > best.score or abs(_between(best.roll, roll)) > UPRIGHT):
            best = found
    return best


def _follow(picture: Image.Image, centre: complex, size: float, turn: float, network: Network) -> CropFace | None:
    """The face in a crop turned by `turn`, and by what its landmarks then tell, until they lie upright."""
    found = look(picture, centre, size, turn, SECOND, network)
    for _ in range(2):
        if found is None or abs(_between(found.roll, turn)) <= UPRIGHT:
            break
        turn = found.roll
        found = look(picture, centre, size, turn, SECOND, network) or found
    return found if found is not None and abs(_between(found.roll, turn)) <= LOST else None


def _roll(places: Sequence[complex]) -> float:
    """Degrees, from the line of the eyes and that from the eyes to the mouth, which is as long on average."""
    across = places[1] - places[0]
    down = (places[3] + places[4]) / 2 - (places[0] + places[1]) / 2
    return math.degrees(cmath.phase(across - 1j * down))


def _between(one: float, other: float) -> float:
    """The angle from one direction to another, -180..180 degrees."""
    return (one - other + 180) % 360 - 180
