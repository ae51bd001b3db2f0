"""Tracking: faces of sampled frames become appearances, each of one person.

A face belongs to an appearance by its place (intersection over union with where the face is expected) and by its
template. Templates cost most of the time, so they are made where something has to be decided (a new face, a cut, two
faces near each other, a jump), and from time to time to check and to keep the best frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from kenspeckle.domain import Box, FaceDetail, Sample, Vector
from kenspeckle.domain.detection import overlap
from kenspeckle.ports import Track

KEPT: Final = 8
"""Templates of an appearance, of its clearest frames."""
FIRST: Final = 3
"""So many templates are made at the beginning of an appearance."""
CHECK_MS: Final = 1000
"""After this time a face's template is compared again, however sure its place is."""
GAP_MS: Final = 1500
"""A face that was not found for so long (turned away, covered) begins a new appearance."""
SURE: Final = 0.5
"""Intersection over union of a face that stays where it is; two samples a fifth of a second apart."""
NEAR: Final = 0.2
"""Intersection over union from which two faces may be the same."""
REACH: Final = 1.5
"""Distance of centres, in sides of the face, within which a face that moves fast is looked for."""
ALIKE: Final = 5.0
"""Similarity from which a face that is where it is expected is the same: strangers have 0, a face in motion little."""
SAME: Final = 80.0
"""Similarity from which a face that is somewhere else is the same."""
UNCLEAR: Final = 15.0
"""Clarity (`Engine.clarity`) under which a template says nothing, as the quality bar LOW has it."""
CUT: Final = 28.0
"""Mean difference of two samples' grey values (0..255) from which the scene may have changed."""
GRID: Final = 24


@dataclass(slots=True)
class Live:
    """An appearance that goes on."""

    track: Track
    box: Box
    speed: tuple[float, float] = (0.0, 0.0)
    """Ratios of the picture a millisecond."""
    checked: int = 0
    mean: Vector | None = None
    dirty: bool = True

    def expect(self, at: int) -> Box:
        passed = min(at - self.track.last_ms, GAP_MS)
        return replace(self.box, left=self.box.left + self.speed[0] * passed, top=self.box.top + self.speed[1] * passed)


@dataclass(slots=True)
class Tracker:
    """Appearances in one video. `similarity` compares two templates, `describe` makes the templates of faces and their
    clarity (0..100)."""

    similarity: Callable[[Vector, Vector], float]
    combine: Callable[[Sequence[Vector]], Vector]
    live: list[Live] = field(default_factory=list)
    next: int = 0
    ended: list[Live] = field(default_factory=list)
    _before: Vector | None = None

    def resume(self, tracks: Sequence[Track], boxes: dict[int, Box], number: int) -> None:
        """Go on where another process was."""
        self.next = number
        for one in tracks:
            if one.number in boxes:
                mean = self.combine(one.templates) if one.templates else None
                self.live.append(Live(one, boxes[one.number], mean=mean, dirty=False))

    def take(
        self,
        sample: Sample,
        faces: Sequence[FaceDetail],
        describe: Callable[[Sequence[FaceDetail]], Sequence[tuple[Vector, float]]],
    ) -> list[int]:
        """Number of the appearance of each face of the sample."""
        at, cut = sample.at, self._is_cut(sample)
        self.ended += [one for one in self.live if at - one.track.last_ms > GAP_MS]
        self.live = [one for one in self.live if at - one.track.last_ms <= GAP_MS]
        likely = self._likely(faces, at)
        sure = {} if cut else {face: live for face, live in likely.items() if self._is_sure(face, live, faces, at)}
        open_ = [number for number in range(len(faces)) if number not in sure]
        described = dict(zip(open_, describe([faces[one] for one in open_]), strict=True)) if open_ else {}
        found = self._decide(faces, at, sure, described, cut)
        for number, detail in enumerate(faces):
            live = found.get(number)
            if live is None:
                live = found[number] = self._begin(detail, at)
            _grow(live, detail, at)
            if number in described:
                self._learn(live, *described[number], at)
        return [found[number].track.number for number in range(len(faces))]

    def take_grown(self) -> list[Track]:
        """Appearances that have grown since the last call; those that ended are forgotten."""
        changed = [one for one in (*self.ended, *self.live) if one.dirty]
        for one in changed:
            one.dirty = False
        self.ended = []
        return [one.track for one in changed]

    def _is_cut(self, sample: Sample) -> bool:
        picture = np.frombuffer(sample.pixels, np.uint8).reshape(sample.height, sample.width, 3)
        rows = np.linspace(0, sample.height - 1, GRID).astype(int)
        columns = np.linspace(0, sample.width - 1, GRID).astype(int)
        now = picture[np.ix_(rows, columns)].mean(axis=2, dtype=np.float32)
        before, self._before = self._before, now
        return before is None or bool(np.abs(now - before).mean() > CUT)

    def _likely(self, faces: Sequence[FaceDetail], at: int) -> dict[int, Live]:
        """For each face the appearance whose place it takes best; each appearance once."""
        pairs = [
            (overlap(detail.box, live.expect(at)), number, live)
            for number, detail in enumerate(faces)
            for live in self.live
        ]
        found: dict[int, Live] = {}
        for share, number, live in sorted(pairs, key=lambda one: -one[0]):
            if share >= NEAR and number not in found and not any(live is one for one in found.values()):
                found[number] = live
        return found

    def _is_sure(self, number: int, live: Live, faces: Sequence[FaceDetail], at: int) -> bool:
        """Whether its place alone decides."""
        box = faces[number].box
        return (
            live.track.frames >= FIRST
            and at - live.checked < CHECK_MS
            and overlap(box, live.expect(at)) >= SURE
            and not any(overlap(box, other.expect(at)) >= NEAR for other in self.live if other is not live)
            and not any(overlap(one.box, live.expect(at)) >= NEAR for other, one in enumerate(faces) if other != number)
        )

    def _decide(
        self,
        faces: Sequence[FaceDetail],
        at: int,
        sure: dict[int, Live],
        described: dict[int, tuple[Vector, float]],
        cut: bool,
    ) -> dict[int, Live]:
        """Faces that have a template, by the evidence of place and template together."""
        found = dict(sure)
        pairs = []
        for number, (template, clarity) in described.items():
            for live in self.live:
                place = 0.0 if cut else overlap(faces[number].box, live.expect(at))
                reach = not cut and _distance(faces[number].box, live.expect(at)) <= REACH
                alike = self._alike(live, template)
                if place >= NEAR:
                    same = alike >= ALIKE or clarity < UNCLEAR or live.mean is None
                else:
                    same = clarity >= UNCLEAR and alike >= SAME and (reach or cut)
                if same:
                    pairs.append((alike / 100 + place, number, live))
        for _, number, live in sorted(pairs, key=lambda one: -one[0]):
            if number not in found and not any(live is one for one in found.values()):
                found[number] = live
        return found

    def _alike(self, live: Live, template: Vector) -> float:
        return 0.0 if live.mean is None else self.similarity(live.mean, template)

    def _begin(self, detail: FaceDetail, at: int) -> Live:
        live = Live(Track(self.next, at, at, 0), detail.box, checked=at)
        self.next += 1
        self.live.append(live)
        return live

    def _learn(self, live: Live, template: Vector, clarity: float, at: int) -> None:
        live.checked = at
        if clarity < UNCLEAR:
            return
        track = live.track
        pairs = sorted(
            [*zip(track.weights, track.templates, strict=True), (round(clarity, 1), template)], key=lambda one: -one[0]
        )[:KEPT]
        live.track = replace(
            track, templates=tuple(one for _, one in pairs), weights=tuple(weight for weight, _ in pairs)
        )
        live.mean = self.combine(live.track.templates)


def _grow(live: Live, detail: FaceDetail, at: int) -> None:
    passed = at - live.track.last_ms
    if live.track.frames and passed > 0:
        live.speed = (
            (detail.box.left + detail.box.width / 2 - live.box.left - live.box.width / 2) / passed,
            (detail.box.top + detail.box.height / 2 - live.box.top - live.box.height / 2) / passed,
        )
    live.box = detail.box
    live.track = replace(live.track, last_ms=at, frames=live.track.frames + 1)
    live.dirty = True


def _distance(one: Box, other: Box) -> float:
    """Of the centres, in sides of the larger box; the picture's sides count alike."""
    across = (one.left + one.width / 2 - other.left - other.width / 2) / max(one.width, other.width, 1e-6)
    down = (one.top + one.height / 2 - other.top - other.height / 2) / max(one.height, other.height, 1e-6)
    return float(np.hypot(across, down))
