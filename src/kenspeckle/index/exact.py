"""Exact nearest neighbours over 8-bit codes: finds every row that can be among the nearest, to be scored in float32.

A template x is held as x' = round(x * scale) / scale, 8 bits a component (FAISS, `QT_8bit_direct_signed`). By the
triangle inequality the distance of a probe to x differs from the distance to x' by at most |x - x'|. The largest such
residual of all rows is kept, so it is known of every row whether it can be among the k nearest: none is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import Self

import faiss
import numpy as np
import numpy.typing as npt

from kenspeckle.domain import Vector
from kenspeckle.index.positions import Positions

BLOCK = 65_536
"""Rows a block. Blocks are what threads share out among each other, and what memory grows by."""

FEW = 32
"""Templates that a block is asked for at first. FAISS finds so many as fast as one."""

HEADROOM = 1.25
"""The range of codes over the largest component of the first templates, so that later ones seldom widen it."""

_LEVELS = 127
_ZERO = 128
_SMALLEST = 1e-30
"""The smallest limit; components below it are zero as far as float32 squares go."""

ROUNDING = 2.0**-18
"""Bounds float32's rounding of templates and FAISS's of sums of squares, relative to the magnitudes that go in."""

Rows = npt.NDArray[np.int64]
Distances = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]


class _Block:
    """Codes of up to BLOCK templates, and the rows that they belong to."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.rows: Rows = np.empty(BLOCK, np.int64)
        self.index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_L2)

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @property
    def codes(self) -> Codes:
        """(n, dimension), a view that holds until the next `add` or `cut`."""
        raw = faiss.rev_swig_ptr(self.index.codes.data(), len(self) * self.dimension)
        return np.asarray(raw).reshape(len(self), self.dimension)

    def add(self, rows: Rows, codes: Codes) -> None:
        count = len(self)
        after = count + len(rows)
        if count <= BLOCK // 2 < after:
            # Doubling would overshoot a block that is filled in batches.
            self.index.codes.resize(BLOCK * self.dimension)
            self.index.codes.resize(count * self.dimension)
        self.rows[count:after] = rows
        self.index.add_sa_codes(codes)

    def cut(self) -> None:
        """Drop the last row."""
        self.index.ntotal = len(self) - 1
        self.index.codes.resize(len(self) * self.dimension)


@dataclass
class _Near:
    """The templates of a block that are nearest to a probe by their codes, nearest first."""

    block: _Block
    distances: Distances
    """To the coded probe."""
    places: npt.NDArray[np.int64]
    closer: Distances
    """To the probe itself, of the first of them."""

    @classmethod
    def of(cls, block: _Block, coded: Vector, step: float, ask: int) -> Self:
        squares, places = block.index.search(coded, min(ask, len(block)))
        return cls(block, step * np.sqrt(squares[0].astype(np.float64)), places[0], np.empty(0))

    @property
    def whole(self) -> bool:
        """Whether this is all of the block."""
        return len(self.places) == len(self.block)

    @property
    def rows(self) -> Rows:
        """Of those that were looked at closer."""
        return self.block.rows[self.places[: len(self.closer)]]

    def look(self, reachable: npt.NDArray[np.bool_], scaled: Distances, step: float) -> None:
        """Measure those that are reachable, which are the first, against the probe in steps of the codes."""
        codes = self.block.codes[self.places[reachable]].astype(np.float64)
        self.closer = step * np.linalg.norm(codes - (scaled + _ZERO), axis=1)


class ExactIndex:
    """Templates of one kind of one collection. Searches may run at once; a change needs it alone.

    `helpers` runs up to `helping` further threads beside the one that searches.
    """

    def __init__(self, dimension: int, helpers: Executor | None = None, helping: int = 0) -> None:
        self.dimension = dimension
        self._helpers = helpers
        self._helping = helping
        self._blocks: list[_Block] = []
        self._positions = Positions()
        self._limit = 0.0
        self._residual = 0.0

    def __len__(self) -> int:
        return (len(self._blocks) - 1) * BLOCK + len(self._blocks[-1]) if self._blocks else 0

    @property
    def error(self) -> float:
        """By how much the distance to a row's codes can differ from the distance to its template."""
        return self._residual

    def put(self, rows: Sequence[int], templates: Vector) -> None:
        """Add templates, (n, dimension), under their rows, each named once, or replace those that rows have.

        A template that is not finite is at no distance of anything: its row is left out."""
        given = np.asarray(templates, np.float32).reshape(len(rows), self.dimension)
        numbers = np.asarray(rows, np.int64)
        finite = np.isfinite(given).all(axis=1)
        if not finite.all():
            self.remove(numbers[~finite].tolist())
            given, numbers = given[finite], numbers[finite]
        if not len(numbers):
            return
        codes = self._encode(given)
        fresh = np.ones(len(numbers), bool)
        for number, row in enumerate(numbers.tolist()):
            position = self._positions.get(row)
            if position is not None:
                self._blocks[position // BLOCK].codes[position % BLOCK] = codes[number]
                fresh[number] = False
        self._append(numbers[fresh], codes[fresh])

    def remove(self, rows: Sequence[int]) -> None:
        """Absent rows are fine. The last template moves into the hole."""
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
        step = self._limit / _LEVELS
        scaled = probe.astype(np.float64) / step
        # FAISS compares bytes with bytes, so the probe has a residual of its own.
        coded = np.clip(np.rint(scaled), -_ZERO, _LEVELS)
        error = self._residual + ROUNDING * (step * float(np.linalg.norm(scaled)) + self._limit * self.dimension**0.5)
        blur = step * float(np.linalg.norm(scaled - coded)) + error
        near: dict[int, _Near] = {}
        todo = list(range(len(self._blocks)))
        ask = FEW + 2 * k // len(todo)
        while True:
            near.update(self._nearest(todo, coded.astype(np.float32)[np.newaxis], step, ask))
            reach = min(within, _smallest([one.distances for one in near.values()], k) + blur)
            for one in near.values():
                one.look(one.distances - blur <= reach, scaled, step)
            reach = min(reach, _smallest([one.closer for one in near.values()], k) + error)
            todo = [number for number, one in near.items() if not one.whole and one.distances[-1] - blur <= reach]
            if not todo:
                return np.concatenate([one.rows[one.closer - error <= reach] for one in near.values()])
            ask *= 4

    def _nearest(self, todo: list[int], coded: Vector, step: float, ask: int) -> dict[int, _Near]:
        """Of each of these blocks the `ask` templates that are nearest by their codes."""
        turns = iter(todo)
        helping = min(self._helping, len(todo) - 1) if self._helpers else 0

        def search() -> dict[int, _Near]:
            # FAISS would start OpenMP threads even for one probe, and wait for them. The setting is this thread's own.
            faiss.omp_set_num_threads(1)
            return {number: _Near.of(self._blocks[number], coded, step, ask) for number in turns}

        asked = [self._helpers.submit(search) for _ in range(helping)] if self._helpers else []
        try:
            found = search()
        finally:
            # Where helpers were busy with other searches, this thread has done their share.
            running = [one for one in asked if not one.cancel()]
            wait(running)
        for one in running:
            found.update(one.result())
        return found

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
        scaled: Vector = templates * np.float32(_LEVELS / self._limit)
        rounded: Vector = np.rint(scaled)
        scaled -= rounded
        longest = float(np.einsum("ij,ij->i", scaled, scaled).max()) ** 0.5
        self._residual = max(self._residual, longest * self._limit / _LEVELS)
        return np.asarray(rounded + _ZERO, np.uint8)

    def _widen(self, largest: float) -> None:
        """Re-encode everything for components of up to `largest`.

        The limit at least doubles, so the rounding errors of all such steps together are less than twice the last."""
        before = self._limit
        self._limit = max(2 * before, HEADROOM * largest, _SMALLEST)
        if not self._blocks:
            self._residual = 0.0
            return
        ratio = before / self._limit
        table = np.rint((np.arange(256) - _ZERO) * ratio)
        residual = float(np.abs((np.arange(256) - _ZERO) * ratio - table).max()) * self._limit / _LEVELS
        self._residual += residual * self.dimension**0.5
        recoded = np.asarray(table + _ZERO, np.uint8)
        for block in self._blocks:
            np.take(recoded, block.codes, out=block.codes)


def _smallest(distances: list[Distances], k: int) -> float:
    """The k-th smallest of all; infinite where there are fewer."""
    joined = np.concatenate(distances)
    return float(np.partition(joined, k - 1)[k - 1]) if k <= len(joined) else float("inf")
