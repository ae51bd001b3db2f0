"""Products of many templates with many, in tiles on all cores; the whole matrix of products is never in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from kenspeckle.cpu import cores
from kenspeckle.parallel import parallel

T = TypeVar("T")

STEP: Final = 16
"""Tiles between two calls of `step`: some 0.1 s of two cores."""


def over_tiles(
    work: Callable[[int, int], T],
    rows: int,
    columns: int,
    tile: int,
    *,
    upper: bool = False,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[T]:
    """What `work(row, column)` answers for the corner of each tile, in order of completion; `upper` leaves out tiles
    under the diagonal. `step(rows done, rows)` is called between them, and may wait or raise."""
    corners = _corners(rows, columns, tile, upper, step)
    if rows <= tile and columns <= tile:
        return (work(*corner) for corner in corners)
    return parallel(lambda corner: work(*corner), corners, cores())


def _corners(
    rows: int, columns: int, tile: int, upper: bool, step: Callable[[int, int], None]
) -> Iterator[tuple[int, int]]:
    for row in range(0, rows, tile):
        for number, column in enumerate(range(row if upper else 0, columns, tile)):
            if number % STEP == 0:
                step(row, rows)
            yield row, column
