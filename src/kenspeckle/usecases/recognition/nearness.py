"""Who of many people is near whom, over all pairs, in tiles that fit the processor's cache.

The mean squared distance of all pairs of faces of two people follows from the mean of each one's templates and the
mean of their squared lengths: s(A) + s(B) - 2 m(A).m(B), one product of matrices for many people.

Most pairs are ruled out by a part of it. Along the axes on which means differ most (h, a third of the dimensions) the
product is exact, and what is left of two vectors (r) has no larger product than that of its lengths (Cauchy, Schwarz):
m(A).m(B) <= h(A).h(B) + |r(A)| |r(B)|. Only the few pairs that this leaves are worked out in all dimensions, so nobody
is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from kenspeckle.domain import Vector
from kenspeckle.ports import Sample
from kenspeckle.usecases.recognition.tiles import over_tiles

TILE: Final = 2048
"""People (or faces) on each side of a product: 16 MB of distances."""

LEFT: Final = 0.05
"""Share of the means' squared lengths that the axes may leave out."""

SLACK: Final = 1e-4
"""What 32 bits may be wrong by, in a squared distance."""

MANY: Final = 0.05
"""Share of a tile from which all of it is worked out, instead of one pair after the other."""

ROWS: Final = 1 << 16
"""Pairs that are worked out at once: 64 MB."""

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


def near_pairs(
    means: Vector,
    spreads: Vector,
    within: float,
    most: int,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> list[tuple[float, int, int]]:
    """(mean squared distance, one, other) of the `most` nearest pairs within a distance, nearest first. `step` as
    `over_tiles`."""
    short = _shorten(_axes(means), means)
    ones = np.ones_like(spreads)[:, None]
    left = np.hstack([-2 * short, spreads[:, None], ones]).astype(np.float32)
    right = np.hstack([short, ones, spreads[:, None]]).astype(np.float32)
    found = _Nearest(np.float32(within * within), most)

    def compare(row: int, column: int) -> tuple[Vector, Numbers, Numbers]:
        limit = found.limit
        least = left[row : row + TILE] @ right[column : column + TILE].T
        first, second = np.divmod(np.flatnonzero(least <= limit + np.float32(SLACK)), least.shape[1])
        if row == column:
            upper = first < second
            first, second = first[upper], second[upper]
        squares = spreads[first + row] + spreads[second + column]
        squares -= 2 * _products(means[row : row + TILE], means[column : column + TILE], first, second)
        near = squares <= limit
        return squares[near], first[near] + row, second[near] + column

    for near in over_tiles(compare, len(means), len(means), TILE, upper=True, step=step):
        found.add(*near)
    return found.pairs()


def _axes(means: Vector) -> Vector:
    """(dimension, k) the axes on which means differ most; all of them where there are few means, as they are."""
    dimension = means.shape[1]
    if len(means) <= TILE:
        return np.eye(dimension, dtype=np.float32)
    shares, axes = np.linalg.eigh(means.T.astype(np.float64) @ means)  # smallest first
    kept = dimension - int(np.searchsorted(np.cumsum(shares), LEFT * shares.sum()))
    return (
        np.asarray(axes[:, dimension - kept :], np.float32)
        if 2 * kept <= dimension
        else np.eye(dimension, dtype=np.float32)
    )


def _shorten(axes: Vector, vectors: Vector) -> Vector:
    """(n, k + 1) vectors along the axes, and the length of what is left of each."""
    heads = vectors @ axes
    rest = np.einsum("ij,ij->i", vectors, vectors) - np.einsum("ij,ij->i", heads, heads)
    return np.hstack([heads, np.sqrt(np.maximum(rest, 0))[:, None]]).astype(np.float32)


def _products(left: Vector, right: Vector, first: Numbers, second: Numbers) -> Vector:
    """(n,) products of rows `first` of one with rows `second` of the other."""
    if len(first) > MANY * len(left) * len(right):
        found: Vector = (left @ right.T)[first, second]
        return found
    products = np.empty(len(first), np.float32)
    for at in range(0, len(first), ROWS):
        some = slice(at, at + ROWS)
        products[some] = np.einsum("ij,ij->i", left[first[some]], right[second[some]])
    return products


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


def nearest_others(
    templates: Vector,
    whose: Numbers,
    bars: Vector,
    means: Vector,
    spreads: Vector,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Numbers, Vector]:
    """Of each face (n, dimension) the person (a row of `means`) that is nearest to it apart from its own, which is
    `whose`; and the mean squared distances (n,) to the faces of these, infinity where nobody is within `bars` (n,)."""
    axes = _axes(means)
    right = np.hstack([-2 * _shorten(axes, means), spreads[:, None]]).astype(np.float32)
    lengths = np.einsum("ij,ij->i", templates, templates)
    best = np.full(len(templates), np.inf, np.float32)
    nearest = np.zeros(len(templates), np.int64)

    def compare(row: int, column: int) -> tuple[Numbers, Numbers, Vector]:
        """Faces, the nearest person of each in this tile, and how near."""
        some = templates[row : row + TILE]
        left = np.hstack([_shorten(axes, some), np.ones((len(some), 1), np.float32)])
        least = left @ right[column : column + TILE].T
        limits = (bars[row : row + TILE] - lengths[row : row + TILE] + np.float32(SLACK))[:, None]
        first, second = np.divmod(np.flatnonzero(least <= limits), least.shape[1])
        foreign = second + column != whose[first + row]
        first, second = first[foreign], second[foreign]
        squares = lengths[first + row] + spreads[second + column]
        squares -= 2 * _products(some, means[column : column + TILE], first, second)
        order = np.lexsort((squares, first))  # the nearest of each face is its first one
        at = order[np.diff(first[order], prepend=-1) > 0]
        at = at[squares[at] <= bars[first[at] + row]]
        return first[at] + row, second[at] + column, squares[at]

    for faces, people, squares in over_tiles(compare, len(templates), len(means), TILE, step=step):
        nearer = (squares < best[faces]) | ((squares == best[faces]) & (people < nearest[faces]))
        best[faces[nearer]], nearest[faces[nearer]] = squares[nearer], people[nearer]
    return nearest, best
