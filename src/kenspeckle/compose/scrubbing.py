"""Composition of `scrub`: rewrites the database's files, completes receipts of erasure, and records that it did."""

from __future__ import annotations

from kenspeckle.compose.data_folder import open_folder
from kenspeckle.domain import Rewritten
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings
from kenspeckle.usecases.audit.kept_receipts import KeptReceipts
from kenspeckle.usecases.audit.receipts import PURPOSE, Receipts
from kenspeckle.usecases.recognition.completion import is_gone_elsewhere, is_removed
from kenspeckle.usecases.webhooks.events import Announcer

MOST_RECEIPTS = 10_000
"""Receipts that one run completes; the next one completes more."""


def scrub_files(settings: Settings, progress: Progress) -> tuple[Rewritten, int]:
    """What is left, and the number of receipts that were completed. Raises SettingError, StorageFull,
    StorageUnavailable."""
    with open_folder(settings.data_dir, make=False) as instance:
        catalog = instance.catalog
        receipts = KeptReceipts(catalog, Receipts(instance.master.derive(PURPOSE)), Announcer(catalog))
        # Read first: what these name was deleted before the rewriting begins.
        due = [
            one
            for one in receipts.pending(MOST_RECEIPTS)
            if is_removed(catalog, one) and is_gone_elsewhere(catalog, one, {})
        ]
        done = catalog.rewrite(lambda number, total: progress("tables", number, total))
        if done.complete:
            receipts.complete(due, done.left)
        completed = len(due) if done.complete else 0
        facts = {"complete": done.complete, "left": len(done.left), "receipts": completed}
        instance.recorder.record(instance.recorder.entry("Scrub", facts=facts))
    return done, completed
