"""A catalog with a mirrored collection, over a real Milvus; templates have few dimensions, and few faces are many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.index.address import parse
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.index.milvus import Milvus
from kenspeckle.index.mirrored import MirroredIndex
from kenspeckle.ports import Mirror, MirrorBounds, MirrorState
from kenspeckle.usecases.mirrors.keeper import Keeper
from tests.catalogs import DIMENSION, gallery, stored_face
from tests.milvus_server import MilvusServer

FACES = 40
"""Faces of the collection, which is large from so many on."""


@dataclass
class Setting:
    """A catalog, its mirrors, and an index over both."""

    catalog: SqlCatalog
    url: str
    bounds: MirrorBounds = field(default_factory=lambda: MirrorBounds(FACES, 10**6))
    now: float = 0.0
    """The clock of the index and of the store."""

    def __post_init__(self) -> None:
        address = parse(self.url)
        assert address is not None
        self.store = Milvus(address, lambda: self.now)
        self.keeper = Keeper(self.catalog, self.catalog, self.store, self.bounds)
        self.exact = FollowingIndex(self.catalog, lambda _: DIMENSION, 1)
        self.index = self.another()

    def another(self) -> MirroredIndex:
        """The index of another process."""
        return MirroredIndex(self.exact, self.catalog, self.catalog, self.store, self.bounds, lambda: self.now)

    def build(self) -> Mirror:
        collection = self.catalog.describe_mirrored("people")
        mirror = self.keeper.begin(collection, DIMENSION)
        while (filled := self.keeper.fill(mirror, fresh=False)) is not None:
            mirror = filled
        self.store.open(mirror.name)
        ready = self.keeper.catch_up(mirror)
        assert ready is not None
        assert ready.state is MirrorState.READY
        return ready

    @property
    def mirror(self) -> Mirror:
        found = self.catalog.describe_mirrored("people").current(self.store.place)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def setting(milvus: MilvusServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """With a mirror of FACES faces; to build one takes seconds, so the tests of a module go on with it."""
    path = tmp_path_factory.mktemp("mirrored") / "kenspeckle.db"
    with milvus.database() as url, closing(SqlCatalog.open(f"sqlite:///{path}")) as catalog:
        catalog.create_collection(gallery())
        for number in range(FACES):
            stored_face(catalog, number)
        made = Setting(catalog, url)
        made.build()
        yield made
        made.index.close()
