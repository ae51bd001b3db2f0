"""Two-stage detection: YuNet proposes faces, and CenterFace decides on a crop of each (`closeup`), always in the same
way.

A *small* pass finds the large faces, a *full* one the others. A face that lies on its side or upside down starts passes
over the turned picture; so does a photograph in which nothing is found. The largest face alone is the first of all
faces: the full pass is left out only where it could not change which that is, nor anything of it.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from kenspeckle.vision import closeup, yunet
from kenspeckle.vision.closeup import CropFace
from kenspeckle.vision.decode import Photograph
from kenspeckle.vision.detect import Faces, Floats, Network
from kenspeckle.vision.passes import SLACK, full_side
from kenspeckle.vision.quality import noise

SMALL: Final = 256
"""Longest side of the small pass in pixels."""
LARGE: Final = 32.0
"""Least side, in pixels of the small pass, of a face that is searched in it."""
CERTAIN: Final = 1.25
"""Times LARGE from which the largest face of the small pass is the largest of all."""

MAYBE: Final = 0.25
"""Score of YuNet from which a place is passed to the second stage. It gives tilted faces little, and CenterFace tells
them from others: of 108 faces tilted by 45 degrees, 65 score over 0.7 and 100 over this."""
LIKELY: Final = 0.5
"""Score from which a place without a clear face is tried on its side and upside down too."""
MOST: Final = 150
"""Most places of a pass that go to the second stage."""

CROPS: Final = 300
"""Crops of a photograph from which no further place goes to the second stage: twice MOST, and five times what
photographs of groups need. A crowd of which each lies otherwise would take over a thousand, 3 ms each."""

TRUSTED: Final = (0.3, 0.75)
"""Score of the second stage, and its sum with YuNet's, from which a place is a face (docs/accuracy.md)."""
DOUBTED: Final = (0.5, 1.0)
"""The same in a photograph that is turned because it shows no face as it lies: most of those have none."""
TILTED: Final = 50.0
"""Degrees from which a face starts a pass over the turned picture."""
SMALLER: Final = 1.6
"""Times the longer side of YuNet's box under which the face there is smaller than the largest so far, whatever the
second stage finds: of 206 faces none had a side of more than 1.17 of it."""
NEARLY: Final = 0.75
"""Part of the largest face's side from which a lying face may have larger ones beside it. No place that SMALLER leaves
out has one."""
APART: Final = 0.35
"""Distance of two faces' centres, in units of the larger one's side, under which they are one."""

NOISY: Final = 10.0
"""Noise (`quality.noise`) from which faces are looked for in averages of 2 x 2 pixels, and cut from a picture that a
Gaussian of SMOOTHED pixels smoothed: without that, strong noise hides faces and brings strangers together. Of 300
ordinary photographs the worst has 5; noise of 15 in each colour makes 10."""
SMOOTHED: Final = 2.0

CONFIDENCE: Final = (0.75, 1.0, 1.3, 1.85), (0.90, 0.97, 0.995, 1.0)
"""Sum of both scores, and the part of places with that sum that are faces (docs/accuracy.md)."""

LYING: Final = (90, 180, 270)
"""Degrees clockwise, each of which a face may lie turned by; the picture is turned back by as many."""
TURNS: Final = (45, 315, *LYING)
"""The same where nothing was found: a face that is tilted by 45 degrees may be lost too."""


class TwoStageDetector:
    """Detection by both networks; safe for many threads at once."""

    def __init__(self, finder: Network, detector: Network) -> None:
        self.finder = finder
        self.detector = detector

    def every_face(self, photo: Photograph) -> Faces:
        """All faces, in pixels of the photograph, largest first; `scores` are confidences. Raises DamagedImage."""
        return self._see(photo, alone=False)

    def largest_face(self, photo: Photograph) -> Faces:
        """The first of `every_face`, found in less time; none where there is none. Raises DamagedImage."""
        return self._see(photo, alone=True)

    def _see(self, photo: Photograph, *, alone: bool) -> Faces:
        wanted = full_side(photo)
        source = photo.image(wanted)
        if noise(source) > NOISY:
            photo.smoothing = SMOOTHED
            source = source.reduce(2)
        view = _View(source, self, alone=alone, most=round(CROPS * photo.part))
        small = _resize(source, SMALL)
        whole = small is source
        least = 0.0 if whole else LARGE * source.width / small.width
        view.search(small, least)
        largest = view.largest
        certain = largest >= CERTAIN * least and not whole
        if not whole and not (alone and certain):
            full = _resize(source, wanted) if max(source.size) > wanted * SLACK else source
            view.search(full, 0.0, largest if certain else math.inf)
        if not view.faces:
            view.look_turned(small, 0.0, math.inf, TURNS, DOUBTED)
        return _faces(view.faces[:1] if alone else view.faces, photo, source)


@dataclass(frozen=True, slots=True)
class _Face:
    seen: CropFace
    evidence: float

    @property
    def side(self) -> float:
        return self.seen.side


class _View:
    """The faces found in one picture so far, largest first; `alone`: only those that may be the largest. No further
    place is looked at closely after `most` crops."""

    def __init__(self, source: Image.Image, detector: TwoStageDetector, *, alone: bool, most: int) -> None:
        self.source = source
        self.detector = detector
        self.alone = alone
        self.faces: list[_Face] = []
        self.crops = 0
        self.most = most

    def _closer(self, pixels: Floats) -> Sequence[Floats]:
        self.crops += 1
        return self.detector.detector(pixels)

    def search(self, picture: Image.Image, least: float, most: float = math.inf) -> None:
        """A pass over `picture` for faces with a side of `least` to `most` pixels of the source; and over the turned
        picture where faces lie on their side or head. Much smaller ones than the largest start it for smaller ones
        only, so that the largest can be told without them."""
        self._pass(picture, least, most, 0)
        largest = self.largest
        for turn in LYING:
            sides = [one.side for one in self.faces if _lies(one, turn)]
            if any(side >= NEARLY * largest for side in sides):
                self.look_turned(picture, least, most, [turn])
            elif sides and not self.alone:
                self.look_turned(picture, least, min(most, largest), [turn])

    @property
    def largest(self) -> float:
        """Side of the largest face in pixels of the source; 0 where there is none."""
        return max((one.side for one in self.faces), default=0.0)

    def look_turned(
        self, picture: Image.Image, least: float, most: float, turns: Sequence[int], bar: tuple[float, float] = TRUSTED
    ) -> None:
        for turn in turns:
            if self.crops >= self.most:
                break
            self._pass(picture, least, most, turn, bar)

    def _pass(
        self, picture: Image.Image, least: float, most: float, turn: int, bar: tuple[float, float] = TRUSTED
    ) -> None:
        upright = picture.rotate(turn, Image.Resampling.BILINEAR, expand=True) if turn else picture
        found = yunet.find(upright, self.detector.finder, MAYBE, MOST)
        scale = self.source.width / picture.width
        for at in range(len(found)):
            if self.crops >= self.most:
                break
            left, top, right, bottom = found.boxes[at].tolist()
            centre = _turn_back(complex(left + right, top + bottom) / 2, upright, picture, turn) * scale
            width, height = (right - left) * scale, (bottom - top) * scale
            side = math.sqrt(width * height)
            if not least <= side < most or self._is_known(centre, side):
                continue
            if self.alone and max(width, height) * SMALLER < self.largest:
                continue
            score = float(found.scores[at])
            others = (90.0, -90.0, 180.0) if score >= LIKELY and not turn else ()
            seen = closeup.closely(
                self.source, centre, max(width, height), self._closer, roll=float(turn), others=others
            )
            if seen is None or seen.score < bar[0] or seen.score + score < bar[1]:
                continue
            if seen.side < most and not self._is_known(seen.centre, seen.side):
                self.faces.append(_Face(seen, seen.score + score))
        self.faces.sort(key=lambda one: -one.side)

    def _is_known(self, centre: complex, side: float) -> bool:
        return any(abs(one.seen.centre - centre) < APART * max(one.side, side) for one in self.faces)


def _lies(face: _Face, turn: int) -> bool:
    roll = face.seen.roll
    return abs(roll) > TILTED and round(roll / 90) * 90 % 360 == turn


def _turn_back(place: complex, turned: Image.Image, picture: Image.Image, turn: int) -> complex:
    """A place in the picture that was turned counter-clockwise about its centre, in the picture as it was."""
    offset = place - complex(*turned.size) / 2
    return offset * cmath.rect(1, math.radians(turn)) + complex(*picture.size) / 2


def _resize(picture: Image.Image, longest: int) -> Image.Image:
    scale = longest / max(picture.size)
    if scale * SLACK >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _faces(found: Sequence[_Face], photo: Photograph, source: Image.Image) -> Faces:
    """In pixels of the photograph."""
    if not found:
        return Faces(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty((0, 5, 2), np.float32))
    evidence = [one.evidence for one in found]
    faces = Faces(
        np.array([one.seen.box for one in found], np.float32),
        np.interp(evidence, CONFIDENCE[0], CONFIDENCE[1]).astype(np.float32),
        np.array([one.seen.points for one in found], np.float32),
    )
    return faces.move((photo.width / source.width, photo.height / source.height))
