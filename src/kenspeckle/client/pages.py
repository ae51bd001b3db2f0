"""Walks a paged list to its end, or to as many items as are wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

from kenspeckle.domain import Page

T = TypeVar("T")


def all_of(page: Callable[[str | None], Page[T]], most: int | None = None) -> Iterator[T]:
    """Items of all pages; `page` gets the cursor of the page before, None at first."""
    cursor: str | None = None
    left = most
    while True:
        found = page(cursor)
        for item in found.items:
            if left is not None:
                if left == 0:
                    return
                left -= 1
            yield item
        cursor = found.cursor
        if cursor is None:
            return


async def all_of_later(page: Callable[[str | None], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """As `all_of`, where pages are awaited."""
    cursor: str | None = None
    while True:
        found = await page(cursor)
        for item in found.items:
            yield item
        cursor = found.cursor
        if cursor is None:
            return
