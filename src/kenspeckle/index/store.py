"""Opens the index of a catalog."""

from __future__ import annotations

from collections.abc import Callable

from kenspeckle.domain import Collection
from kenspeckle.index.address import parse
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.mirrored import MirroredIndex
from kenspeckle.index.saved_codes import SavedCodes
from kenspeckle.ports import Catalog, Index, MirrorBounds, Mirrors, VectorStore


def open_index(
    catalog: Catalog,
    dimension: Callable[[Collection], int],
    *,
    at_once: bool = True,
    saved: SavedCodes | None = None,
) -> Index:
    """The index over `catalog`, in this process, for collections with templates of `dimension(collection)`
    components. No template is read yet; the library that searches is loaded `at_once`, or with the first search.
    `saved` keeps large collections for the next start."""
    if at_once:
        import faiss  # noqa: F401
    return FollowingIndex(catalog, dimension, saved=saved)


def open_vectors(index_url: str) -> VectorStore | None:
    """The vector database that INDEX_URL names, to which nothing is connected yet; None for memory://. Raises
    SettingError."""
    address = parse(index_url)
    if address is None:
        return None
    from kenspeckle.index.milvus import Milvus, check_installed  # late: its client is an extra

    check_installed()
    return Milvus(address)


def open_mirrored(
    catalog: Catalog,
    mirrors: Mirrors,
    store: VectorStore,
    bounds: MirrorBounds,
    dimension: Callable[[Collection], int],
) -> Index:
    """As `open_index`, with large collections at `store`, which is closed with it."""
    return MirroredIndex(FollowingIndex(catalog, dimension), catalog, mirrors, store, bounds)
