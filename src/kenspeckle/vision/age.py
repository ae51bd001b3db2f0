"""Age and gender by networks on small aligned faces."""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from kenspeckle.domain.attributes import AgeRange, Gender
from kenspeckle.models.centerface_dlib import ALIGNMENT
from kenspeckle.vision.align import Aligner
from kenspeckle.vision.detect import Network
from kenspeckle.vision.readings import MOST

Floats: TypeAlias = npt.NDArray[np.float32]

MEANS: Final = np.array([122.781998, 117.000999, 104.297997], np.float32)
SCALE: Final = np.float32(256)
"""What both networks want subtracted from red, green and blue, 0..255, and divided by (their publisher's manifest)."""

YEARS: Final = np.array([0.25, *range(1, 81)])
"""The ages that the 81 classes stand for."""

GROWN: Final = 18
"""The first age of a grown-up."""

AGE_SIDE, GENDER_SIDE = 64, 32

LOOKS: Final = ((0.94, False), (1.06, True))
"""Sizes of the crops, in units of the usual one, whose answers are averaged, and whether each is mirrored. One look
alone has 91 % of 95 photographs within 8 years of their person's median; both, which differ, have 94 %."""

LEAST, MOST_YEARS = 4.0, 10.0
"""Least and most half of an age range, years; between them it is the standard deviation over the classes."""

_PADDING: Final = 0.2
_PADDED: Final = 0.25
"""What the networks' chips leave around a face, and those that `ALIGNMENT` was measured in, as dlib counts it."""


def places(side: int, size: float = 1.0) -> list[tuple[float, float]]:
    """Where the detector's landmarks lie in a chip of `side` pixels that shows `size` times as much."""
    within = [
        tuple((value / ALIGNMENT.size * (1 + 2 * _PADDED) - _PADDED + _PADDING) / (1 + 2 * _PADDING) for value in one)
        for one in ALIGNMENT.places
    ]
    return [(side * (0.5 + (x - 0.5) / size), side * (0.5 + (y - 0.5) / size)) for x, y in within]


class Ages:
    """Runs the network of ages; for many threads."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._looks = [(Aligner(AGE_SIDE, places(AGE_SIDE, size)), mirrored) for size, mirrored in LOOKS]

    def find(self, picture: Image.Image, points: Floats) -> AgeRange | None:
        """The range of the face whose five landmarks lie at `points`, (5, 2) in pixels of the picture; None where the
        network answers none."""
        shares = sum(_ask(self._network, one.chip(picture, points), mirrored) for one, mirrored in self._looks)
        return age_range(np.asarray(shares, np.float64))


def age_range(shares: npt.NDArray[np.float64]) -> AgeRange | None:
    """The mean over the classes, whose weights are `shares` (81,), and their standard deviation at either side, within
    LEAST and MOST_YEARS. Of a child, by most of the shares, over the ages of children alone: the others, decades away,
    would make a grown-up of it. None where the shares are none."""
    total = float(shares.sum())
    if not math.isfinite(total) or total <= 0 or (shares < 0).any():
        return None
    child = YEARS < GROWN
    if shares[child].sum() > total / 2:
        shares = np.where(child, shares, 0)
    shares = shares / shares.sum()
    mean = float(shares @ YEARS)
    half = min(MOST_YEARS, max(LEAST, math.sqrt(float(shares @ (YEARS - mean) ** 2))))
    return AgeRange(max(0, round(mean - half)), round(mean + half))


class Genders:
    """Runs the network of genders; for many threads."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._aligner = Aligner(GENDER_SIDE, places(GENDER_SIDE))

    def find(self, picture: Image.Image, points: Floats) -> Gender | None:
        """As `Ages.find`."""
        chip = self._aligner.chip(picture, points)
        female, male = _ask(self._network, chip, mirrored=False).tolist()
        if not (math.isfinite(female) and math.isfinite(male)) or female + male <= 0:
            return None
        value, share = ("Male", male) if male > female else ("Female", female)
        return Gender(value, round(min(MOST, 100 * share / (female + male)), 2))


def _ask(network: Network, chip: Image.Image, mirrored: bool) -> npt.NDArray[np.float64]:
    """The network's answer for one chip."""
    if mirrored:
        chip = chip.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = ((np.asarray(chip, np.float32) - MEANS) / SCALE).transpose(2, 0, 1)[None]
    return np.asarray(network(np.ascontiguousarray(pixels))[0][0], np.float64)
