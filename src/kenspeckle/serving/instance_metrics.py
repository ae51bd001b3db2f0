"""Numbers of the instance for its operator: what is stored, disks, database, backups, webhooks, certificate, version.

They are updated whenever metrics are read. One that can't be read at that moment is left out."""

from __future__ import annotations

import logging
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import kenspeckle
from kenspeckle.errors import KenspeckleError

log = logging.getLogger(__name__)

T = TypeVar("T")

TRUST_SECONDS = 60.0
"""How long the time of the last backup and the number of people are trusted: finding them takes more than a look."""

_STORED = {
    "collections": ("collections", "Collections that there are."),
    "faces": ("faces", "Faces that are stored."),
    "users": ("users", "Users that are stored."),
    "photographs": ("images", "Photographs that are known."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the numbers come from. `counts` has collections, faces, users, images; `people` counts persons; `backlog`
    pending messages by endpoint; `last_backup` and `certificate_end` are seconds since the epoch, None for none."""

    counts: Callable[[], Mapping[str, int]]
    people: Callable[[], int] = lambda: 0
    backlog: Callable[[], Mapping[str, int]] = dict
    last_backup: Callable[[], float | None] = lambda: None
    certificate_end: Callable[[], float | None] = lambda: None
    database: Path | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)
    """Folders that are written to, by what lies there: data, photographs."""
    pack: str = ""


class _Trusted(Generic[T]):
    """A number that is looked for at most once in TRUST_SECONDS."""

    def __init__(self, look: Callable[[], T], ticks: Callable[[], float]) -> None:
        self._look, self._ticks = look, ticks
        self._until = float("-inf")

    def __call__(self) -> T:
        if self._ticks() >= self._until:
            self._found = self._look()
            self._until = self._ticks() + TRUST_SECONDS
        return self._found


class InstanceCollector(Collector):
    """Adds them to the metrics that Prometheus reads."""

    def __init__(self, sources: Sources, ticks: Callable[[], float] = time.monotonic) -> None:
        self._sources = sources
        self._last_backup = _Trusted(sources.last_backup, ticks)
        self._counted_people = _Trusted(sources.people, ticks)

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("kenspeckle_build_info", "Version that runs; always 1.", labels=_BUILD)
        build.add_metric((kenspeckle.__version__, platform.python_version(), self._sources.pack), 1)
        yield build
        looks = (self._count_stored, self._people, self._disks, self._database, self._webhooks, self._backups)
        for look in (*looks, self._certificate):
            try:
                yield from list(look())
            except (KenspeckleError, OSError) as error:
                log.warning("a number can't be read for the metrics: %s", error)

    def _count_stored(self) -> Iterator[Metric]:
        counts = self._sources.counts()
        for name, (counted, meaning) in _STORED.items():
            yield GaugeMetricFamily(f"kenspeckle_{name}", meaning, counts.get(counted, 0))

    def _people(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("kenspeckle_people", "People that are known, by name or not.", self._counted_people())

    def _disks(self) -> Iterator[Metric]:
        free = GaugeMetricFamily("kenspeckle_disk_free_bytes", "Bytes free on the disk.", labels=("folder",))
        size = GaugeMetricFamily("kenspeckle_disk_size_bytes", "Bytes that the disk has.", labels=("folder",))
        for name, folder in self._sources.folders.items():
            usage = shutil.disk_usage(folder)
            free.add_metric((name,), usage.free)
            size.add_metric((name,), usage.total)
        yield free
        yield size

    def _database(self) -> Iterator[Metric]:
        if self._sources.database is not None:
            files = (self._sources.database, Path(f"{self._sources.database}-wal"))
            size = sum(file.stat().st_size for file in files if file.exists())
            yield GaugeMetricFamily("kenspeckle_database_bytes", "Size of the database with its log.", size)

    def _webhooks(self) -> Iterator[Metric]:
        pending = sum(self._sources.backlog().values())
        yield GaugeMetricFamily("kenspeckle_webhook_backlog", "Messages to webhooks that are still to go out.", pending)

    def _backups(self) -> Iterator[Metric]:
        meaning = "When the last backup was made, in seconds since 1970; 0 where none is in the audit trail."
        yield GaugeMetricFamily("kenspeckle_last_backup_timestamp_seconds", meaning, self._last_backup() or 0)

    def _certificate(self) -> Iterator[Metric]:
        end = self._sources.certificate_end()
        if end is not None:
            meaning = "When the TLS certificate ends, in seconds since 1970; absent without TLS."
            yield GaugeMetricFamily("kenspeckle_tls_certificate_end_timestamp_seconds", meaning, end)


_BUILD = ("version", "python", "pack")
