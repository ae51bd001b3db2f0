"""The job of kind `purge`: removes the rows of deleted collections in steps, beside requests."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from kenspeckle.domain import Job
from kenspeckle.ports import Catalog
from kenspeckle.usecases.jobs.runner import Cancelled, Progress
from kenspeckle.usecases.recognition.collections import remove_images
from kenspeckle.usecases.recognition.context import Context

STEP_SECONDS = 0.03
"""How long a step is to take: other writers, the audit rows of searches among them, wait for it."""

REST = 2.0
"""Pause after a step, in parts of what the step took: most searches and writes fall into the pauses."""

REPORT_SECONDS = 1.0
"""Between two reports, at each of which it waits for photographs, a second at most. Waiting at each step, of 90 ms with
its rest, it would come on eleven times more slowly under photographs without a pause."""

FEWEST, MOST = 20, 1000
REMOVED = 250
"""Photographs that are removed between two reports."""


class Purge:
    """Implements the handler of `JobKind.PURGE`. It removes what all deleted collections have left."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(self, job: Job, progress: Progress) -> Mapping[str, object]:
        """Raises GivenBack and JobLost. It is not cancelled: what it removes was deleted by an answered request."""
        catalog, done = self._context.catalog, job.done
        _report(progress, done)
        reported = time.monotonic()
        for removed in purge_deleted(catalog):
            done += removed
            if time.monotonic() - reported >= REPORT_SECONDS:
                _report(progress, done)
                reported = time.monotonic()
        while some := catalog.removals(REMOVED):
            _report(progress, done)
            remove_images(self._context, some)
        complete = self._context.scrubber.run(catalog)
        self._context.scrubber.wake.set()  # receipts of collections may wait for this
        return {"rows": done, "complete": complete}


def purge_deleted(catalog: Catalog) -> Iterator[int]:
    """Removes what deleted collections have left; rows after each step. Steps are as large as STEP_SECONDS allow."""
    rows = FEWEST
    while True:
        began = time.monotonic()
        removed = catalog.purge_some(rows)
        took = time.monotonic() - began
        if not removed:
            return
        yield removed
        rows = min(MOST, max(FEWEST, int(rows * min(2.0, max(0.5, STEP_SECONDS / max(took, 1e-4))))))
        time.sleep(min(REST * took, 1.0))


def _report(progress: Progress, done: int) -> None:
    with suppress(Cancelled):
        progress.step(done, 0)
