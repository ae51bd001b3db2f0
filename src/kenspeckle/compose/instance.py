"""Composition of what operators read about the instance: sources of its numbers, and the probe of its disks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose.backups import BACKUP
from kenspeckle.compose.data_folder import storage
from kenspeckle.images.urls import parse
from kenspeckle.ports.trail import AuditQuery
from kenspeckle.serving.instance_metrics import Sources
from kenspeckle.serving.tls import end_of
from kenspeckle.serving.writable import Writable
from kenspeckle.settings import Settings


def sources(settings: Settings, catalog: SqlCatalog, pack: str) -> Sources:
    """Where the numbers of `/metrics` come from. `pack` is the default one's name."""
    certificate = settings.tls_cert

    def last_backup() -> float | None:
        found = catalog.find_audit(AuditQuery(operation=BACKUP), 1)
        return found[0].at if found else None

    return Sources(
        counts=catalog.counts,
        people=catalog.count_people,
        backlog=catalog.backlog,
        last_backup=last_backup,
        certificate_end=lambda: end_of(Path(certificate).expanduser()) if certificate else None,
        database=storage(settings).file,
        folders=_folders(settings),
        pack=pack,
    )


def writable(settings: Settings) -> Writable:
    """What says whether data folder, database and photographs can be written to."""
    file = storage(settings).file
    # The folder of photographs is made with the first of them.
    photographs = [one for name, one in _folders(settings).items() if name == "photographs"]
    if file is None:  # a replica of a cluster, which may keep nothing here
        return Writable([], [settings.data_dir, *photographs])
    return Writable([settings.data_dir, file.parent], photographs)


def _folders(settings: Settings) -> Mapping[str, Path]:
    images = parse(settings.images, "IMAGES_URL")
    return {"data": settings.data_dir, **({"photographs": images} if isinstance(images, Path) else {})}
