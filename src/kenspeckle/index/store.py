"""Opens the index of a catalog."""

from __future__ import annotations

from collections.abc import Callable

from kenspeckle.domain import Collection
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.ports import Catalog, Index


def open_index(catalog: Catalog, dimension: Callable[[Collection], int], *, at_once: bool = True) -> Index:
    """The index over `catalog`, in this process, for collections with templates of `dimension(collection)`
    components. No template is read yet; the library that searches is loaded `at_once`, or with the first search."""
    if at_once:
        import faiss  # noqa: F401
    return FollowingIndex(catalog, dimension)
