"""Opens the index of a catalog."""

from __future__ import annotations

from kenspeckle.index.follow import FollowingIndex
from kenspeckle.ports import Catalog, Index


def open_index(catalog: Catalog, dimension: int) -> Index:
    """The index over `catalog`, in this process, for templates of `dimension` components. Nothing is read yet."""
    return FollowingIndex(catalog, dimension)
