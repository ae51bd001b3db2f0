"""What all use cases share: the ports, the settings and a clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from kenspeckle.domain import Collection, PackInfo
from kenspeckle.errors import PackMismatch
from kenspeckle.ports import (
    Buckets,
    Catalog,
    Engine,
    Engines,
    Images,
    Index,
    Manifests,
    Mirrors,
    People,
    StagedVideos,
    Stages,
    Staging,
    Topics,
    VideoBuckets,
    VideoDecoder,
    Videos,
)
from kenspeckle.settings import Settings
from kenspeckle.usecases.audit.kept_receipts import KeptReceipts
from kenspeckle.usecases.jobs.queue import JobQueue
from kenspeckle.usecases.mirrors.keeper import Keeper
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.originals import Photographs
from kenspeckle.usecases.recognition.scrubber import Scrubber
from kenspeckle.usecases.webhooks.events import Announcer

A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoParts:
    """What videos need."""

    decoder: VideoDecoder
    results: Videos
    staged: StagedVideos
    buckets: VideoBuckets
    topics: Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything a use case needs. `stages` get the duration of each stage; `now` gives the time."""

    engines: Engines
    catalog: Catalog
    index: Index
    images: Images
    gate: Gate
    settings: Settings
    jobs: JobQueue
    videos: VideoParts | None = None
    """None: videos are not offered."""
    manifests: Manifests | None = None
    buckets: Buckets | None = None
    """Manifests of jobs that index, and what they may name; None: such jobs are not offered."""
    staging: Staging | None = None
    """Staged templates of another pack; None for a catalog that stages none, whose collections can't be upgraded."""
    people: People | None = None
    """People of collections; None for a catalog that has none."""
    mirrors: Mirrors | None = None
    """The account of copies in a vector database; None for a catalog that keeps none."""
    keeper: Keeper | None = None
    """Keeps them; None where there is no vector database."""
    stages: Stages = field(default_factory=Stages)
    now: Callable[[], float] = time.time
    scrubber: Scrubber = field(default_factory=Scrubber)
    announcer: Announcer = field(default_factory=Announcer)
    receipts: KeptReceipts | None = None
    """Receipts that are kept; None where nothing signs them."""
    photographs_left: threading.Event = field(default_factory=threading.Event)
    """Set where photographs are still to be moved into their place or removed, as their store did not answer."""

    @property
    def photographs(self) -> Photographs:
        """The photographs of collections, each in the form in which it is stored."""
        return Photographs(self.images, self.catalog)

    def leave_photographs(self) -> None:
        """Have photographs moved into their place, or removed, as soon as their store answers."""
        self.photographs_left.set()
        self.scrubber.wake.set()

    def settle(self, collection_id: str, work: Callable[[Collection], A]) -> A:
        """What `work` answers of the collection; done again where the collection has come to another pack meanwhile, as
        it says by PackMismatch. Raises CollectionNotFound, and what `work` raises."""
        while True:
            collection = self.catalog.collection(collection_id)
            try:
                return work(collection)
            except PackMismatch:
                if self.catalog.collection(collection_id).contract == collection.contract:
                    raise

    def engine_of(self, collection_id: str) -> Engine:
        """The engine of the collection's pack. Raises CollectionNotFound, PackMismatch, ModelMissing."""
        return self.engines.of(self.catalog.collection(collection_id))

    def pack_of(self, collection_id: str) -> PackInfo:
        """The collection's pack, whether it is installed or not. Raises CollectionNotFound, PackMismatch."""
        return self.engines.pack_of(self.catalog.collection(collection_id))
