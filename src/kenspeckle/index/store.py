"""Opens the index of a catalog."""

from __future__ import annotations

from collections.abc import Callable

from kenspeckle.domain import Collection
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.ports import Catalog, Index


def open_index(catalog: Catalog, dimension: Callable[[Collection], int]) -> Index:
    """The index over `catalog`, in this process, for collections with templates of `dimension(collection)`
    components. Nothing is read yet."""
    return FollowingIndex(catalog, dimension)
