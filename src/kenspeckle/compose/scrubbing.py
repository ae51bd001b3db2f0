"""Composition of `scrub`: the database's files rewritten, with a row in the audit trail."""

from __future__ import annotations

from kenspeckle.compose.data_folder import opened
from kenspeckle.domain import Rewritten
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings


def scrubbed(settings: Settings, progress: Progress) -> Rewritten:
    """Raises SettingError, StorageFull, StorageUnavailable."""
    with opened(settings.data_dir, make=False) as instance:
        done = instance.catalog.rewrite(lambda number, total: progress("tables", number, total))
        facts = {"complete": done.complete, "left": len(done.left)}
        instance.recorder.record(instance.recorder.entry("Scrub", facts=facts))
    return done
