"""Positions of the catalog's rows in an index: a map of integers that takes about 6 bytes a row.

Row numbers of a collection come in long runs, so the map is cut into pages of consecutive rows; a dict takes 20 times
as much. A collection whose rows are scattered among those of others needs at most one page, 0.7 kB, a row.
"""

from __future__ import annotations

from array import array

PAGE = 128
_ABSENT = -1
_EMPTY = array("i", [_ABSENT]) * PAGE


class Positions:
    """Maps rows (any integers) to positions (0 to 2**31 - 1)."""

    def __init__(self) -> None:
        self._pages: dict[int, array[int]] = {}

    def get(self, row: int) -> int | None:
        page = self._pages.get(row // PAGE)
        position = _ABSENT if page is None else page[row % PAGE]
        return None if position == _ABSENT else position

    def set(self, row: int, position: int) -> None:
        self.extend([row], position)

    def extend(self, rows: list[int], first: int) -> None:
        """Give the rows the positions `first`, `first` + 1 and so on."""
        start = 0
        while start < len(rows):
            number, place = divmod(rows[start], PAGE)
            page = self._pages.get(number)
            if page is None:
                page = self._pages[number] = _EMPTY[:]
            run = rows[start : start + PAGE - place]
            if run != list(range(rows[start], rows[start] + len(run))):
                run = run[:1]
            position = first + start
            page[place : place + len(run)] = array("i", range(position, position + len(run)))
            start += len(run)

    def remove(self, row: int) -> None:
        """The row must be there."""
        page = self._pages[row // PAGE]
        page[row % PAGE] = _ABSENT
        if page == _EMPTY:
            del self._pages[row // PAGE]
