"""A model pack as the core knows it: what makes templates comparable, and which similarity a distance means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns a pack's distance into a similarity of 0..100, strictly decreasing, and back.

    `distances` (increasing, from 0) and `similarities` (decreasing, from 100 to 0) are the knots of a piecewise
    linear function. The knots at 80, 90, 95 and 99 are the distances under which 1 in 1e3, 1e4, 1e5 and 1e6
    impostor pairs of the calibration sample fall (docs/accuracy.md).
    """

    distances: tuple[float, ...]
    similarities: tuple[float, ...]
    kind: Literal["built-in", "measured", "default"] = "built-in"
    """`measured` by the operator; `default` is a careful guess for a pack that was not measured."""
    sample: str = "docs/accuracy.md"
    """What it was measured on, for people."""

    def similarity(self, distance: float) -> float:
        """Similarity, 0..100, of two templates at `distance`; beyond the last knot it is 0."""
        import numpy as np  # imported here: a managed recognizer does not need NumPy

        return float(np.interp(distance, self.distances, self.similarities))

    def distance(self, similarity: float) -> float:
        """The largest distance with at least `similarity`; infinite for 0, which every pair reaches."""
        if similarity <= 0:
            return float("inf")
        import numpy as np

        return float(np.interp(similarity, self.similarities[::-1], self.distances[::-1]))


def make_measured(knots: Sequence[Sequence[Any]], sample: str) -> Calibration:
    """A measured calibration of knots (distance, similarity). Raises ValueError, TypeError where it is none."""
    distances = tuple(float(distance) for distance, _ in knots)
    similarities = tuple(float(similarity) for _, similarity in knots)
    rising = all(one < other for one, other in pairwise(distances))
    falling = all(one > other for one, other in pairwise(similarities))
    ends = len(knots) >= 2 and distances[0] == 0 and (similarities[0], similarities[-1]) == (100, 0)
    if not (rising and falling and ends and all(map(math.isfinite, distances))):
        raise ValueError("its knots are no calibration")
    return Calibration(distances, similarities, "measured", sample)


@dataclass(frozen=True, slots=True)
class PackInfo:
    """The properties of a model pack that the core uses."""

    name: str
    contract: str
    dimension: int
    calibration: Calibration
    version: str
    """FaceModelVersion of answers: a number of 6 or more."""
    licence: str = ""
    """Of the embedder, as its publisher or the operator states it."""

    @property
    def described(self) -> dict[str, object]:
        """JSON-ready, for people and programs that ask what a server runs."""
        return {
            "name": self.name,
            "version": self.version,
            "contract": self.contract,
            "dimension": self.dimension,
            "licence": self.licence,
            "calibration": {"kind": self.calibration.kind, "sample": self.calibration.sample},
        }
