"""Pairs of templates that are near each other, of all pairs of many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from kenspeckle.domain import Vector
from kenspeckle.usecases.recognition.tiles import over_tiles

TILE: Final = 2048
"""Templates on each side of a product: 16 MB of distances."""

MOST_NEAR: Final = 64
"""Near faces that are kept of each, the nearest: of a person with more photographs those lead to the others."""

MOST_PAIRS: Final = 1 << 23
"""Pairs from which those are dropped that are among the MOST_NEAR of neither: 100 MB."""

Numbers: TypeAlias = npt.NDArray[np.int64]
_Found: TypeAlias = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Vector]
"""Numbers of two templates each, and minus half of the squared distance: the larger, the nearer."""


def near_templates(templates: Vector, within: float, step: Callable[[int, int], None]) -> tuple[Numbers, Numbers]:
    """Pairs (smaller number, larger) of templates (n, dimension) at a distance of `within` or less: of each template
    the MOST_NEAR nearest with a larger number, and as many with a smaller one. `step` as `over_tiles`."""
    # a.b - |a|^2 / 2 - |b|^2 / 2, which is -|a - b|^2 / 2, by one product of matrices.
    halves = (np.einsum("ij,ij->i", templates, templates) / 2)[:, None]
    ones = np.ones_like(halves)
    left = np.hstack([templates, -halves, ones]).astype(np.float32)
    right = np.hstack([templates, ones, -halves]).astype(np.float32).T.copy()
    kept = _Kept(len(templates), np.float32(-within * within / 2))

    def compare(row: int, column: int) -> _Found:
        products = left[row : row + TILE] @ right[:, column : column + TILE]
        if row == column:
            products[np.tri(len(products), dtype=bool)] = -np.inf
        first, second = np.divmod(np.flatnonzero(kept.near(products, row, column)), products.shape[1])
        found = products[first, second]
        return (first + row).astype(np.int32), (second + column).astype(np.int32), found

    for found in over_tiles(compare, len(templates), len(templates), TILE, upper=True, step=step):
        kept.add(found)
    return kept.pairs()


class _Kept:
    """Pairs that were found. Once there are many, those that are among the nearest of neither template are dropped, and
    no more of these are taken."""

    def __init__(self, count: int, least: np.float32) -> None:
        self._least = least
        self._bars: tuple[Vector, Vector] | None = None  # of each template as the first and as the second of a pair
        self._count = count
        self._parts: list[_Found] = []
        self._found = 0
        self._room = MOST_PAIRS

    def near(self, products: Vector, row: int, column: int) -> npt.NDArray[np.bool_]:
        """Which products of a tile are of pairs to be added."""
        height, width = products.shape
        near: npt.NDArray[np.bool_] = products >= self._least
        crowded = 4 * np.count_nonzero(near) > MOST_NEAR * (height + width)
        if self._bars is None and not crowded:
            return near
        rows, columns = self._bars or (np.full(self._count, self._least), np.full(self._count, self._least))
        bars, others = rows[row : row + height, None], columns[None, column : column + width]
        if crowded and min(height, width) > MOST_NEAR:
            bars = np.maximum(bars, np.partition(products, width - MOST_NEAR, axis=1)[:, width - MOST_NEAR, None])
            others = np.maximum(others, np.partition(products, height - MOST_NEAR, axis=0)[None, height - MOST_NEAR])
        return (products >= bars) | (products >= others)

    def add(self, found: _Found) -> None:
        self._parts.append(found)
        self._found += len(found[0])
        if self._found > self._room:
            self._thin()
            self._room = max(MOST_PAIRS, 2 * self._found)

    def pairs(self) -> tuple[Numbers, Numbers]:
        if not self._parts:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        self._thin()
        return self._parts[0][0].astype(np.int64), self._parts[0][1].astype(np.int64)

    def _thin(self) -> None:
        first, second, products = (np.concatenate(some) for some in zip(*self._parts, strict=True))
        kept = np.zeros(len(first), bool)
        bars = []
        for one, other in ((first, second), (second, first)):
            order = np.lexsort((other, -products, one))  # by the other one where two are as near, whatever came first
            ordered = one[order]
            begins = np.r_[0, np.flatnonzero(np.diff(ordered)) + 1] if len(ordered) else np.empty(0, np.int64)
            sizes = np.diff(np.r_[begins, len(ordered)])
            rank = np.arange(len(ordered)) - np.repeat(begins, sizes)
            kept[order[rank < MOST_NEAR]] = True
            bar = np.full(self._count, self._least)
            full = sizes >= MOST_NEAR
            bar[ordered[begins[full]]] = products[order[begins[full] + MOST_NEAR - 1]]
            bars.append(bar)
        self._bars = (bars[0], bars[1]) if any((bar > self._least).any() for bar in bars) else None
        self._parts = [(first[kept], second[kept], products[kept])]
        self._found = len(self._parts[0][0])
