"""Faces put together by who they seem to show: average linkage over squared distances, up to a limit.

Two clusters are joined where the mean squared distance of their pairs of faces is at most `within` squared, nearest
clusters first; one near pair joins nobody. For templates of length 1 that is average linkage over cosine. The mean over
all pairs of A and B follows from counts, sums and sums of squared lengths: q(A)/n(A) + q(B)/n(B) - 2 s(A).s(B) /
(n(A) n(B)). It is under the limit only where some pair is, so only clusters with a pair of near faces are looked at.
Average linkage is reducible: a cluster that two others become is no nearer to a third than the nearer of them was. So
all pairs that are the nearest of each other may be joined at once, and the order of the faces changes nothing but ties
(F. Murtagh, A Survey of Recent Advances in Hierarchical Clustering Algorithms, 1983).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from kenspeckle.domain import Vector
from kenspeckle.usecases.recognition.neighbours import Numbers, near_templates

FEW: Final = 128
"""Pairs for each one that is joined at once, from which joining one after the other is quicker."""

ROWS: Final = 1 << 15
"""Pairs of clusters that are measured at once: 64 MB."""

NOBODY: Final = -1

Labels = Numbers


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
    near = near_templates(templates, within, step)
    return _Joining(templates, within, fixed, apart or {}, step).run(*near)


class _Joining:
    """Clusters that are joined step by step. A number stands for a cluster until it is joined into another one."""

    def __init__(
        self,
        templates: Vector,
        within: float,
        fixed: Sequence[int],
        apart: Mapping[int, Collection[int]],
        step: Callable[[int, int], None],
    ) -> None:
        count = len(templates)
        self._limit = within * within
        self._step = partial(step, count, count)
        self._sums = np.array(templates, np.float64)
        self._squares = np.einsum("ij,ij->i", self._sums, self._sums)
        self._counts = np.ones(count)
        self._into = np.arange(count)
        self._person = np.full(count, NOBODY, np.int64)
        self._person[: len(fixed)] = fixed
        self._apart = {number: set(some) for number, some in apart.items()}
        self._near: dict[int, set[int]] = {}
        self._changed = np.zeros(count, np.int64)
        self._offered: dict[int, Vector] = {}
        self._others: dict[int, Numbers] = {}
        self._heap: list[tuple[float, int, int, int]] = []

    def run(self, low: Numbers, high: Numbers) -> Labels:
        """`low` and `high` are the numbers of near pairs."""
        self._join_people()
        low, high = self._pairs(self._into[low], self._into[high])
        squares = self._measured(low, high)
        while True:
            self._step()
            nearest = self._nearest_of_each_other(low, high, squares)
            if not len(nearest):
                break
            if FEW * len(nearest) < len(low):
                self._join_one_by_one(low, high, squares)
                break
            low, high, squares = self._join_at_once(low, high, squares, nearest)
        into = self._into
        while (into[into] != into).any():
            into = into[into]
        return into

    def _join_people(self) -> None:
        known = np.flatnonzero(self._person != NOBODY)
        _, firsts, whose = np.unique(self._person[known], return_index=True, return_inverse=True)
        first = known[firsts][whose]
        self._add(first[first != known], known[first != known])

    def _pairs(self, one: Numbers, other: Numbers) -> tuple[Numbers, Numbers]:
        """The different pairs of clusters that may be joined, the smaller number first, by both."""
        low, high = np.minimum(one, other), np.maximum(one, other)
        keys = np.unique(low[low != high] * len(self._into) + high[low != high])
        low, high = np.divmod(keys, max(1, len(self._into)))
        may = (self._person[low] == NOBODY) | (self._person[high] == NOBODY)
        if self._apart:
            barred = np.zeros(len(self._into), bool)
            barred[list(self._apart)] = True
            for at in np.flatnonzero(may & (barred[low] | barred[high])).tolist():
                may[at] = self._may(int(low[at]), int(high[at]))
        return low[may], high[may]

    def _measured(self, one: Numbers, other: Numbers) -> Vector:
        """(n,) mean squared distances of clusters."""
        squares = self._squares[one] / self._counts[one] + self._squares[other] / self._counts[other]
        for at in range(0, len(one), ROWS):
            some = slice(at, at + ROWS)
            products = np.einsum("ij,ij->i", self._sums[one[some]], self._sums[other[some]])
            squares[some] -= 2 * products / (self._counts[one[some]] * self._counts[other[some]])
        found: Vector = squares
        return found

    def _nearest_of_each_other(self, low: Numbers, high: Numbers, squares: Vector) -> Numbers:
        """Which of the pairs are, of those within the limit, the nearest of both; of two as near the first."""
        near = np.flatnonzero(squares <= self._limit)
        order = near[np.argsort(squares[near], kind="stable")]
        rank = np.arange(len(order))
        best = np.full(len(self._into), len(order))
        np.minimum.at(best, low[order], rank)
        np.minimum.at(best, high[order], rank)
        found: Numbers = order[(best[low[order]] == rank) & (best[high[order]] == rank)]
        return found

    def _join_at_once(
        self, low: Numbers, high: Numbers, squares: Vector, chosen: Numbers
    ) -> tuple[Numbers, Numbers, Vector]:
        """Join pairs of which no two have a cluster in common; the pairs that there are then."""
        self._add(low[chosen], high[chosen])
        changed = np.zeros(len(self._into), bool)
        changed[low[chosen]] = changed[high[chosen]] = True
        touched = changed[low] | changed[high]
        one, other = self._pairs(self._into[low[touched]], self._into[high[touched]])
        measured = self._measured(one, other)
        low, high = np.r_[low[~touched], one], np.r_[high[~touched], other]
        order = np.argsort(low * len(self._into) + high, kind="stable")
        return low[order], high[order], np.r_[squares[~touched], measured][order]

    def _add(self, ones: Numbers, others: Numbers) -> None:
        """`others` become part of `ones`."""
        np.add.at(self._sums, ones, self._sums[others])
        np.add.at(self._squares, ones, self._squares[others])
        np.add.at(self._counts, ones, self._counts[others])
        self._into[others] = ones
        self._person[ones] = np.maximum(self._person[ones], self._person[others])
        for one, other in zip(ones.tolist(), others.tolist(), strict=True) if self._apart else ():
            if other in self._apart:
                self._apart.setdefault(one, set()).update(self._apart.pop(other))

    def _join_one_by_one(self, low: Numbers, high: Numbers, squares: Vector) -> None:
        """Join the nearest of all, measure again, and so on. Of each cluster the heap has the nearest of those that
        have not changed since it did: its pair with one that has is found by that one."""
        for one, other in zip(low.tolist(), high.tolist(), strict=True):
            self._near.setdefault(one, set()).add(other)
            self._near.setdefault(other, set()).add(one)
        near = np.flatnonzero(squares <= self._limit)
        near = near[np.lexsort((squares[near], low[near]))]
        ones, starts = np.unique(low[near], return_index=True)
        for one, some in zip(ones.tolist(), np.split(near, starts[1:]), strict=True):
            self._offer(one, squares[some], high[some])
        into, changed, heap = self._into, self._changed, self._heap
        joined = 0
        while heap:
            _, one, then, at = heapq.heappop(heap)
            if into[one] != one or changed[one] != then:
                continue
            other = int(self._others[one][at])
            if into[other] != other or changed[other] > then:
                self._push(one, at + 1)
                continue
            joined += 1
            kept = self._join(one, other)
            changed[kept] = joined
            self._offer(kept, *self._candidates(kept))
            if joined % 256 == 0:
                self._step()

    def _join(self, one: int, other: int) -> int:
        """Join two clusters; the number of the one that stays, that with more neighbours."""
        if len(self._near[one]) < len(self._near[other]):
            one, other = other, one
        self._add(np.array([one]), np.array([other]))
        near = self._near[one]
        for number in self._near.pop(other):
            theirs = self._near[number]
            theirs.discard(other)
            if number != one:
                near.add(number)
                theirs.add(one)
        near.discard(other)
        return one

    def _candidates(self, one: int) -> tuple[Vector, Numbers]:
        """How near clusters are that may be joined with one, the nearest first, and their numbers."""
        others = np.fromiter(self._near[one], np.int64, len(self._near[one]))
        counts = self._counts[others]
        products = self._sums[others] @ self._sums[one]
        squares = self._squares[others] / counts + self._squares[one] / self._counts[one]
        squares -= 2 * products / (counts * self._counts[one])
        may = squares <= self._limit
        if self._person[one] != NOBODY:
            may &= self._person[others] == NOBODY
        squares, others = squares[may], others[may]
        order = np.lexsort((others, squares))
        if self._apart:
            order = np.array([at for at in order.tolist() if self._may(one, int(others[at]))], np.int64)
        return squares[order], others[order]

    def _offer(self, one: int, squares: Vector, others: Numbers) -> None:
        self._offered[one], self._others[one] = squares, others
        self._push(one, 0)

    def _push(self, one: int, at: int) -> None:
        if at < len(self._others[one]):
            heapq.heappush(self._heap, (float(self._offered[one][at]), one, int(self._changed[one]), at))

    def _may(self, one: int, other: int) -> bool:
        person, another = int(self._person[one]), int(self._person[other])
        if person != NOBODY and another != NOBODY:
            return False
        return not (person in self._apart.get(other, ()) or another in self._apart.get(one, ()))
