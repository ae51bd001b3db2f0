"""What all use cases share: the ports, the settings and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kenspeckle.domain import Collection
from kenspeckle.errors import PackMismatch
from kenspeckle.ports import Catalog, Engine, Images, Index
from kenspeckle.settings import Settings
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.originals import Photographs
from kenspeckle.usecases.recognition.scrubber import Scrubber
from kenspeckle.usecases.webhooks.events import Announcer


def _ignore(stage: str, seconds: float) -> None:
    """Default of `observe`: nobody measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything a use case needs. `observe(stage, seconds)` is told how long each stage took; `now` gives the time."""

    engine: Engine
    catalog: Catalog
    index: Index
    images: Images
    gate: Gate
    settings: Settings
    observe: Callable[[str, float], None] = _ignore
    now: Callable[[], float] = time.time
    scrubber: Scrubber = field(default_factory=Scrubber)
    announcer: Announcer = field(default_factory=Announcer)

    @property
    def photographs(self) -> Photographs:
        """The photographs of collections, each in the form in which it is stored."""
        return Photographs(self.images, self.catalog)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Measure a stage of a request, also where it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.observe(stage, time.perf_counter() - start)

    def bound_collection(self, collection_id: str) -> Collection:
        """The collection, made sure to hold templates that this engine's can be compared with.

        Raises CollectionNotFound, PackMismatch."""
        collection = self.catalog.collection(collection_id)
        if collection.contract != self.engine.pack.contract:
            raise PackMismatch(
                f"Collection '{collection_id}' holds templates of the pack '{collection.pack}', not comparable "
                f"with those of '{self.engine.pack.name}'. Start the service with KENSPECKLE_PACK={collection.pack}, "
                "or index the photographs into a new collection.",
                field="collection",
            )
        return collection
