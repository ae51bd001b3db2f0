"""What settings name beside the catalog, for the doctor: photographs, an index of a collection, copies of templates."""

from __future__ import annotations

from kenspeckle.images.store import open_images
from kenspeckle.index.store import open_index, open_vectors
from kenspeckle.ports import Catalog, Images, Index, VectorStore
from kenspeckle.settings import Settings


def images(settings: Settings) -> Images:
    """Raises SettingError."""
    return open_images(settings.images)


def index(catalog: Catalog, dimension: int) -> Index:
    """As a service builds it, for collections with templates of `dimension` components."""
    return open_index(catalog, lambda _: dimension)


def vectors(settings: Settings) -> VectorStore | None:
    """None for memory://. Raises SettingError."""
    return open_vectors(settings.index_url)
