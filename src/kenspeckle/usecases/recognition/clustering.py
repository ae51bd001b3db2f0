"""Faces put together by who they seem to show: average linkage over squared distances, up to a limit.

Two clusters are joined where the mean squared distance of their pairs of faces is at most `within` squared, nearest
clusters first; one near pair joins nobody. For templates of length 1 that is average linkage over cosine. The mean over
all pairs of A and B follows from counts, sums and sums of squared lengths: q(A)/n(A) + q(B)/n(B) - 2 s(A).s(B) /
(n(A) n(B)). It is under the limit only where some pair is, so only clusters with a pair of near faces are looked at.
Average linkage is reducible: the nearest of all clusters may be joined first, and the order of the faces changes
nothing but ties (F. Murtagh, A Survey of Recent Advances in Hierarchical Clustering Algorithms, 1983).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from kenspeckle.domain import Vector

BLOCK: Final = 2048
"""Rows of templates that are compared at once: 32 MB of distances."""

MOST_NEAR: Final = 64
"""Near faces that are kept of each, the nearest: of a person with more photographs those lead to the others."""

Labels = npt.NDArray[np.int64]


def clusters(
    templates: Vector,
    within: float,
    *,
    fixed: Sequence[int] = (),
    apart: Mapping[int, Collection[int]] | None = None,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> Labels:
    """A label for each of the templates, (n, dimension): the number of its cluster.

    The first `len(fixed)` templates belong to known people, whose numbers `fixed` has: those of one stay together and
    are never joined with those of another. `apart` has, by the number of a template, the people it does not show.
    `step(done, total)` is called from time to time."""
    count = len(templates)
    near = _near_pairs(templates, within, step)
    return _Joining(templates, within, list(fixed), dict(apart or {})).run(near, count)


def _near_pairs(
    templates: Vector, within: float, step: Callable[[int, int], None]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs (smaller number, larger) at a distance of `within` or less, of each template the nearest MOST_NEAR."""
    # a.b - |a|^2 / 2 - |b|^2 / 2, which is -|a - b|^2 / 2, by one product of matrices.
    halves = (np.einsum("ij,ij->i", templates, templates) / 2)[:, None]
    ones = np.ones_like(halves)
    left = np.hstack([templates, -halves, ones]).astype(np.float32)
    right = np.hstack([templates, ones, -halves]).astype(np.float32).T.copy()
    least = np.float32(-within * within / 2)
    firsts, seconds = [], []
    count = len(templates)
    for start in range(0, count, BLOCK):
        step(start, count)
        rows = left[start : start + BLOCK]
        for other in range(start, count, BLOCK):
            found = np.flatnonzero((rows @ right[:, other : other + BLOCK]) >= least)
            first, second = np.divmod(found, min(BLOCK, count - other))
            if other == start:
                upper = first < second
                first, second = first[upper], second[upper]
            firsts.append(first + start)
            seconds.append(second + other)
    first = np.concatenate(firsts) if firsts else np.empty(0, np.int64)
    second = np.concatenate(seconds) if seconds else np.empty(0, np.int64)
    return _nearest(templates, first, second)


def _nearest(
    templates: Vector, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Those of the pairs that are among the MOST_NEAR nearest of one of the two."""
    if not len(first) or np.bincount(np.concatenate([first, second])).max() <= MOST_NEAR:
        return first, second
    squares = np.empty(len(first), np.float32)
    for at in range(0, len(first), 1 << 18):
        some = slice(at, at + (1 << 18))
        squares[some] = ((templates[first[some]] - templates[second[some]]) ** 2).sum(axis=1)
    kept = np.zeros(len(first), bool)
    for one in (first, second):
        order = np.lexsort((squares, one))
        ordered = one[order]
        begins = np.r_[0, np.flatnonzero(np.diff(ordered)) + 1]
        rank = np.arange(len(ordered)) - np.repeat(begins, np.diff(np.r_[begins, len(ordered)]))
        kept[order[rank < MOST_NEAR]] = True
    return first[kept], second[kept]


class _Joining:
    """Clusters that are joined step by step. A number stands for a cluster until it is joined into another one."""

    def __init__(self, templates: Vector, within: float, fixed: list[int], apart: dict[int, Collection[int]]) -> None:
        self._limit = within * within
        self._sums = np.array(templates, np.float64)
        self._squares = np.einsum("ij,ij->i", self._sums, self._sums)
        self._counts = np.ones(len(templates))
        self._into = np.arange(len(templates))
        self._person: dict[int, int] = dict(enumerate(fixed))
        self._apart = {number: set(some) for number, some in apart.items()}
        self._near: dict[int, set[int]] = {}
        self._version = np.zeros(len(templates), np.int64)
        self._heap: list[tuple[float, int, int, int, int]] = []

    def run(self, pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], count: int) -> Labels:
        for one, other in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True):
            self._near.setdefault(one, set()).add(other)
            self._near.setdefault(other, set()).add(one)
        self._join_people()
        for one in list(self._near):
            self._offer(one, [other for other in self._near[one] if other > one])
        heap, into, version = self._heap, self._into, self._version
        while heap:
            _, one, other, then, than = heapq.heappop(heap)
            if into[one] != one or into[other] != other or (version[one], version[other]) != (then, than):
                continue
            kept = self._join(one, other)
            self._offer(kept, list(self._near[kept]))
        for number in range(count):
            root = number
            while into[root] != root:
                root = into[root]
            into[number] = root
        return np.asarray(into, np.int64)

    def _join_people(self) -> None:
        first: dict[int, int] = {}
        for number, person in list(self._person.items()):
            if person in first:
                self._near.setdefault(number, set())
                self._near.setdefault(first[person], set())
                first[person] = self._join(first[person], number)
            else:
                first[person] = number

    def _join(self, one: int, other: int) -> int:
        """Join two clusters; the number of the one that stays, that with more neighbours."""
        if len(self._near.get(one, ())) < len(self._near.get(other, ())):
            one, other = other, one
        self._sums[one] += self._sums[other]
        self._squares[one] += self._squares[other]
        self._counts[one] += self._counts[other]
        self._into[other] = one
        self._version[one] += 1
        near = self._near.setdefault(one, set())
        for number in self._near.pop(other, ()):
            theirs = self._near[number]
            theirs.discard(other)
            if number != one:
                near.add(number)
                theirs.add(one)
        near.discard(other)
        near.discard(one)
        if other in self._person:
            self._person[one] = self._person.pop(other)
        if other in self._apart:
            self._apart.setdefault(one, set()).update(self._apart.pop(other))
        return one

    def _offer(self, one: int, others: list[int]) -> None:
        """Note which of the others may be joined with the cluster, and how near they are."""
        if not others:
            return
        numbers = np.array(others)
        products = self._sums[numbers] @ self._sums[one]
        counts = self._counts[numbers] * self._counts[one]
        squares = (
            self._squares[numbers] / self._counts[numbers]
            + self._squares[one] / self._counts[one]
            - 2 * products / counts
        )
        for at in np.flatnonzero(squares <= self._limit).tolist():
            other = others[at]
            if self._may(one, other):
                low, high = (one, other) if one < other else (other, one)
                entry = (float(squares[at]), low, high, int(self._version[low]), int(self._version[high]))
                heapq.heappush(self._heap, entry)

    def _may(self, one: int, other: int) -> bool:
        person, another = self._person.get(one), self._person.get(other)
        if person is not None and another is not None:
            return False
        return not (person in self._apart.get(other, ()) or another in self._apart.get(one, ()))
