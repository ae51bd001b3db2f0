"""Exact nearest neighbours over 8-bit codes: finds every row that can be among the nearest, to be scored in float32.

A template x is held as x' = round(x * scale) / scale, 8 bits a component (FAISS, `QT_8bit_direct_signed`). By the
triangle inequality the distance of a probe to x differs from the distance to x' by at most |x - x'|. The largest such
residual of all rows is kept, so it is known of every row whether it can be among the k nearest: none is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from kenspeckle.domain import Vector
from kenspeckle.errors import PackMismatch
from kenspeckle.index.positions import Positions
from kenspeckle.index.scan import LEVELS, ZERO, Codes, Places, Scanners, split

BLOCK = 65_536
"""Rows a block. Threads divide a scan by blocks, and memory grows by blocks."""

HEADROOM = 1.25
"""The range of codes over the largest component of the first templates, so that later ones seldom widen it."""

SMALLEST = 1e-30
"""The smallest range; components below it are zero as far as squares in float32 go."""

FAR = 1e38
"""Beyond every squared distance of codes."""

ROUNDING = 2.0**-18
"""Bounds float32's rounding of templates and FAISS's of sums of squares, relative to the magnitudes that go in."""

_T = TypeVar("_T", np.uint8, np.int64)
Rows = npt.NDArray[np.int64]
Distances = npt.NDArray[np.float64]


class _Block:
    """Codes of up to BLOCK templates, and the rows that they belong to."""

    def __init__(self, dimension: int) -> None:
        self._codes: Codes = np.empty((0, dimension), np.uint8)
        self._rows: Rows = np.empty(0, np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def codes(self) -> Codes:
        """(n, dimension), to be changed in place."""
        return self._codes[: self._count]

    @property
    def rows(self) -> Rows:
        """(n,), to be changed in place."""
        return self._rows[: self._count]

    def add(self, rows: Rows, codes: Codes) -> None:
        after = self._count + len(rows)
        if after > len(self._rows):
            # NumPy gives arrays from 4 MiB on huge pages, over which a scan is a sixth faster.
            capacity = BLOCK if after > BLOCK // 2 else min(BLOCK, max(after, 2 * self._count, 16))
            self._codes = _grow(self._codes, self._count, capacity)
            self._rows = _grow(self._rows, self._count, capacity)
        self._codes[self._count : after] = codes
        self._rows[self._count : after] = rows
        self._count = after

    def cut(self) -> None:
        """Drop the last row."""
        self._count -= 1


class ExactIndex:
    """Templates of one kind of one collection. Searches may run at once; a change needs it alone."""

    def __init__(self, scanners: Scanners, scale: tuple[float, float] = (0.0, 0.0)) -> None:
        """Empty; `scale` is that of codes which are appended."""
        self.dimension = scanners.dimension
        self._scanners = scanners
        self._blocks: list[_Block] = []
        self._positions = Positions()
        self._highest = -(2**63)
        self._limit, self._residual = scale

    def __len__(self) -> int:
        return (len(self._blocks) - 1) * BLOCK + len(self._blocks[-1]) if self._blocks else 0

    @property
    def error(self) -> float:
        """By how much the distance to a row's codes can differ from the distance to its template."""
        return self._residual

    @property
    def scale(self) -> tuple[float, float]:
        """The component that the largest code stands for, and `error`: what codes need to be read again."""
        return self._limit, self._residual

    def blocks(self) -> Iterator[tuple[Rows, Codes]]:
        """Rows, (n,), and their codes, (n, dimension), in their order; not to be changed."""
        for block in self._blocks:
            yield block.rows, block.codes

    def append(self, rows: Rows, codes: Codes) -> None:
        """Add codes of the index's scale under rows that it does not have."""
        self._highest = max(self._highest, int(rows.max(initial=self._highest)))
        self._append(rows, codes)

    def put(self, rows: Sequence[int], templates: Vector) -> None:
        """Add templates, (n, dimension), under their rows, each named once, or replace those that rows have.

        A template that is not finite has no distance to any other: its row is left out. Raises PackMismatch for
        templates of another dimension."""
        if templates.shape[1] != self.dimension:
            raise PackMismatch(
                f"Templates of the collection have {templates.shape[1]} components, those of this pack "
                f"{self.dimension}: the collection belongs to another pack."
            )
        given = np.asarray(templates, np.float32)
        numbers = np.asarray(rows, np.int64)
        finite = np.isfinite(given).all(axis=1)
        if not finite.all():
            self.remove(numbers[~finite].tolist())
            given, numbers = given[finite], numbers[finite]
        if not len(numbers):
            return
        codes = self._encode(given)
        fresh = np.ones(len(numbers), bool)
        # Rows with higher numbers than all others are new, and need not be looked up.
        ordered = int(numbers.min()) > self._highest
        self._highest = max(self._highest, int(numbers.max()))
        for number, row in () if ordered else enumerate(numbers.tolist()):
            position = self._positions.get(row)
            if position is not None:
                self._blocks[position // BLOCK].codes[position % BLOCK] = codes[number]
                fresh[number] = False
        self._append(numbers[fresh], codes[fresh])

    def remove(self, rows: Sequence[int]) -> None:
        """Absent rows are ignored. The last template moves into the gap."""
        for row in rows:
            position = self._positions.get(row)
            if position is None:
                continue
            last = self._blocks[-1]
            self._positions.remove(row)
            if position != len(self) - 1:
                hole = self._blocks[position // BLOCK]
                moved = int(last.rows[len(last) - 1])
                hole.codes[position % BLOCK] = last.codes[-1]
                hole.rows[position % BLOCK] = moved
                self._positions.set(moved, position)
            last.cut()
            if not len(last):
                self._blocks.pop()

    def candidates(self, probe: Vector, k: int, within: float) -> Rows:
        """Rows among which are all of the k nearest to `probe`, (dimension,), at a distance of `within` or less.

        There are a few more than k: those whose distances the codes can't tell apart."""
        if k < 1 or not self._blocks or not np.isfinite(probe).all():
            return np.empty(0, np.int64)
        step = self._limit / LEVELS
        scaled = probe.astype(np.float64) / step
        # FAISS compares bytes with bytes, so the probe has a residual of its own.
        coded = np.clip(np.rint(scaled), -ZERO, LEVELS)
        error = self._residual + ROUNDING * (step * float(np.linalg.norm(scaled)) + self._limit * self.dimension**0.5)
        blur = step * float(np.linalg.norm(scaled - coded)) + error
        blocks = [block.codes for block in self._blocks]
        reach, ask = within, 4 * k + 128
        while True:
            steps = (1 + ROUNDING) * (reach + blur) / step
            limit = float(np.float32(min(steps * steps, FAR)))
            squares, places, beyond = self._scanners.nearest(blocks, coded.astype(np.float32), ask, limit)
            distances = step * np.sqrt(squares.astype(np.float64))
            reach = min(reach, _smallest(distances, k) + blur)
            places = places[distances - blur <= reach]
            closer = step * self._steps(places, scaled)
            reach = min(reach, _smallest(closer, k) + error)
            if beyond >= limit or step * beyond**0.5 - blur > reach:
                return self._rows(places[closer - error <= reach])
            ask *= 8

    def _steps(self, places: Places, scaled: Distances) -> Distances:
        """Distances, in steps, from the scaled probe to the codes at these places."""
        steps = np.empty(len(places))
        for block, here, inside in self._by_block(places):
            steps[here] = np.linalg.norm(block.codes[inside].astype(np.float64) - (scaled + ZERO), axis=1)
        return steps

    def _rows(self, places: Places) -> Rows:
        rows = np.empty(len(places), np.int64)
        for block, here, inside in self._by_block(places):
            rows[here] = block.rows[inside]
        return rows

    def _by_block(self, places: Places) -> Iterator[tuple[_Block, Places, Places]]:
        """Each block that has some of these places, which of them, and where in the block they are."""
        numbers, inside = split(places)
        for number in set(numbers.tolist()):
            here = np.flatnonzero(numbers == number)
            yield self._blocks[number], here, inside[here]

    def _append(self, rows: Rows, codes: Codes) -> None:
        start = 0
        while start < len(rows):
            if not self._blocks or len(self._blocks[-1]) == BLOCK:
                self._blocks.append(_Block(self.dimension))
            end = start + BLOCK - len(self._blocks[-1])
            self._positions.extend(rows[start:end].tolist(), len(self))
            self._blocks[-1].add(rows[start:end], codes[start:end])
            start = end

    def _encode(self, templates: Vector) -> Codes:
        """Codes of templates, (n, dimension) both. Widens the range where they don't fit."""
        largest = float(max(templates.max(), -templates.min()))
        if largest > self._limit or not self._limit:
            self._widen(largest)
        scaled: Vector = templates * np.float32(LEVELS / self._limit)
        rounded: Vector = np.rint(scaled)
        scaled -= rounded
        longest = float(np.einsum("ij,ij->i", scaled, scaled).max()) ** 0.5
        self._residual = max(self._residual, longest * self._limit / LEVELS)
        return np.asarray(rounded + ZERO, np.uint8)

    def _widen(self, largest: float) -> None:
        """Re-encode everything for components of up to `largest`.

        The limit at least doubles, so the rounding errors of all such steps together are less than twice the last."""
        before = self._limit
        self._limit = max(2 * before, HEADROOM * largest, SMALLEST)
        if not self._blocks:
            self._residual = 0.0
            return
        ratio = before / self._limit
        table = np.rint((np.arange(256) - ZERO) * ratio)
        residual = float(np.abs((np.arange(256) - ZERO) * ratio - table).max()) * self._limit / LEVELS
        self._residual += residual * self.dimension**0.5
        recoded = np.asarray(table + ZERO, np.uint8)
        for block in self._blocks:
            np.take(recoded, block.codes, out=block.codes)


def _smallest(distances: Distances, k: int) -> float:
    """The k-th smallest; infinite where there are fewer."""
    return float(np.partition(distances, k - 1)[k - 1]) if k <= len(distances) else float("inf")


def _grow(array: npt.NDArray[_T], count: int, capacity: int) -> npt.NDArray[_T]:
    larger = np.empty((capacity, *array.shape[1:]), array.dtype)
    larger[:count] = array[:count]
    return larger
