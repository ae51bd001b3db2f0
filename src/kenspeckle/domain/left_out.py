"""Faces of a stored photograph that were seen and not stored, so that the same photograph can add them later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kenspeckle.domain.detection import Box, QualityFilter, overlap

_BARS = (QualityFilter.NONE, QualityFilter.LOW, QualityFilter.AUTO, QualityFilter.MEDIUM, QualityFilter.HIGH)
"""From the lowest to the highest."""

LEAST_OVERLAP = 0.5
"""Overlap from which two boxes are of one face: those of two packs differ a little."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Where the faces are that were left out, and what was asked then: `max_faces`, and the quality bar. A face that
    was stored and is deleted is none of them, so it does not come back."""

    max_faces: int
    quality: QualityFilter
    boxes: tuple[Box, ...]

    def may_admit(self, max_faces: int, quality: QualityFilter) -> bool:
        """Whether one of these faces may pass now. False for what lets no more faces through than was asked before."""
        return max_faces > self.max_faces or _BARS.index(quality) < _BARS.index(self.quality)

    def holds(self, box: Box, stored: Sequence[Box]) -> bool:
        """Whether this is one of these faces, and not one that is `stored`."""
        own = _most(box, self.boxes)
        return own >= LEAST_OVERLAP and own > _most(box, stored)

    def without(self, added: Iterable[Box], max_faces: int, quality: QualityFilter) -> LeftOut | None:
        """What is left out once these are stored, as `max_faces` and `quality` asked; None where nothing is."""
        left = list(self.boxes)
        for box in added:
            left.remove(max(left, key=lambda one: overlap(one, box)))
        if not left:
            return None
        wider = max_faces >= self.max_faces and _BARS.index(quality) <= _BARS.index(self.quality)
        return LeftOut(max_faces, quality, tuple(left)) if wider else LeftOut(self.max_faces, self.quality, tuple(left))


def _most(box: Box, among: Sequence[Box]) -> float:
    return max((overlap(box, one) for one in among), default=0.0)
