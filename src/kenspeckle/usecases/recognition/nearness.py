"""Who of many people is near whom, over all pairs, in tiles that fit the processor's cache.

The mean squared distance of all pairs of faces of two people follows from the mean of each one's templates and the
mean of their squared lengths: s(A) + s(B) - 2 m(A).m(B), one product of matrices for many people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from kenspeckle.domain import Vector
from kenspeckle.ports import Sample

TILE: Final = 2048
"""People (or faces) on each side of a product: 16 MB of distances."""

Numbers = npt.NDArray[np.int64]


def means_of(samples: Mapping[int, Sample]) -> tuple[Vector, Vector]:
    """(n, dimension) means of the templates of each person, and (n,) the means of their squared lengths."""
    if not samples:
        return np.empty((0, 1), np.float32), np.empty(0, np.float32)
    sizes = np.array([len(one.rows) for one in samples.values()])
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    templates = np.concatenate([one.templates for one in samples.values()]).astype(np.float32)
    means = np.add.reduceat(templates, starts) / sizes[:, None]
    spreads = np.add.reduceat(np.einsum("ij,ij->i", templates, templates), starts) / sizes
    return means.astype(np.float32), spreads.astype(np.float32)


def near_pairs(means: Vector, spreads: Vector, within: float, most: int) -> list[tuple[float, int, int]]:
    """(mean squared distance, one, other) of the `most` nearest pairs within a distance, nearest first."""
    ones = np.ones_like(spreads)[:, None]
    left = np.hstack([-2 * means, spreads[:, None], ones]).astype(np.float32)
    right = np.hstack([means, ones, spreads[:, None]]).astype(np.float32)
    found = _Nearest(np.float32(within * within), most)
    for start in range(0, len(means), TILE):
        for other in range(start, len(means), TILE):
            squares = left[start : start + TILE] @ right[other : other + TILE].T
            at = np.flatnonzero(squares <= found.limit)
            first, second = np.divmod(at, squares.shape[1])
            near = squares.ravel()[at]
            if other == start:
                upper = first < second
                first, second, near = first[upper], second[upper], near[upper]
            found.add(near, first + start, second + other)
    return found.pairs()


class _Nearest:
    """The nearest of the pairs that were added. `limit` gets smaller as nearer ones come."""

    def __init__(self, limit: np.float32, most: int) -> None:
        self.limit = limit
        self._most = most
        self._parts: list[tuple[Vector, Numbers, Numbers]] = []
        self._count = 0

    def add(self, squares: Vector, first: Numbers, second: Numbers) -> None:
        if not len(squares):
            return
        self._parts.append((squares, first, second))
        self._count += len(squares)
        if self._count > 4 * self._most + TILE:
            self._thin()

    def pairs(self) -> list[tuple[float, int, int]]:
        if not self._parts:
            return []
        self._thin()
        squares, first, second = self._parts[0]
        # To five digits: the last ones depend on which tile a pair was in, and pages of a list are found by this.
        shown = np.maximum(squares, 0).astype(np.float64).round(5)
        return sorted(zip(shown.tolist(), first.tolist(), second.tolist(), strict=True))[: self._most]

    def _thin(self) -> None:
        squares, first, second = (np.concatenate(some) for some in zip(*self._parts, strict=True))
        if len(squares) > self._most:
            self.limit = np.float32(np.partition(squares, self._most - 1)[self._most - 1])
            kept = squares <= self.limit
            squares, first, second = squares[kept], first[kept], second[kept]
        self._parts, self._count = [(squares, first, second)], len(squares)


def nearest_others(templates: Vector, whose: Numbers, means: Vector, spreads: Vector) -> tuple[Numbers, Vector]:
    """Of each face (n, dimension) the person (a row of `means`) that is nearest to it apart from its own, which is
    `whose`; and the mean squared distances (n,) to the faces of these. There have to be two people."""
    right = np.hstack([-2 * means, spreads[:, None]]).astype(np.float32)
    best = np.full(len(templates), np.inf, np.float32)
    nearest = np.zeros(len(templates), np.int64)
    for start in range(0, len(templates), TILE):
        some = slice(start, start + TILE)
        left = np.hstack([templates[some], np.ones((len(templates[some]), 1), np.float32)])
        for other in range(0, len(means), TILE):
            # Without the lengths of the faces, which order nothing in a row.
            squares = left @ right[other : other + TILE].T
            own = whose[some] - other
            rows = np.flatnonzero((own >= 0) & (own < squares.shape[1]))
            squares[rows, own[rows]] = np.inf
            at = squares.argmin(axis=1)
            least = squares[np.arange(len(at)), at]
            nearer = least < best[some]
            best[some] = np.where(nearer, least, best[some])
            nearest[some] = np.where(nearer, at + other, nearest[some])
    return nearest, best + np.einsum("ij,ij->i", templates, templates)
