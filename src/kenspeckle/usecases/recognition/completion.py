"""Completes erasures beside requests: removes what deletions left in the database's files, then completes receipts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from kenspeckle.domain import Erasure, KeptReceipt, Receipt
from kenspeckle.domain.operations import GetReceipt, Handlers
from kenspeckle.errors import CollectionNotFound, KenspeckleError, ReceiptNotFound
from kenspeckle.ports import Catalog, Mirrors, MirrorState
from kenspeckle.usecases.audit import actor
from kenspeckle.usecases.recognition.collections import work_off
from kenspeckle.usecases.recognition.context import Context

log = logging.getLogger(__name__)

TOGETHER_SECONDS = 0.05
"""Pause before a round, so that deletions shortly after one another share it."""

AGAIN_SECONDS = 5.0
"""Seconds until the next round where a reader prevented one, or another process may have left something."""

MOST_LEFT = 10_000
"""Photographs still to be removed that are compared with a receipt's; where there are more, it waits."""

LONGEST_REST = 60.0
"""Seconds. A round over a large database reads all of it; the pause after it is as long as it took, up to this."""


class Completion:
    """One thread from `start` to `close`; meanwhile deletions leave the rest to it. What a process left that was killed
    is completed by the next one, by receipts that are pending in the catalog."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scrubber = context.scrubber
        self._closing = threading.Event()
        self._erased_by: dict[str, int] = {}
        self._thread: threading.Thread | None = None

    def handlers(self) -> Handlers:
        return dict([GetReceipt.by(self.get_receipt)])

    def get_receipt(self, operation: GetReceipt) -> Receipt:
        """Raises ReceiptNotFound."""
        if self._context.receipts is None:
            raise ReceiptNotFound.of_id(operation.receipt_id)
        return self._context.receipts.find(operation.receipt_id, operation.only)

    def start(self) -> None:
        """Begin with a round at once."""
        self._scrubber.deferred = True
        self._scrubber.wake.set()
        self._thread = threading.Thread(target=self._run, name="completion")
        self._thread.start()

    def close(self) -> None:
        """End the thread, with a last round where something is pending."""
        self._closing.set()
        self._scrubber.wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._scrubber.deferred = False
            self._try()

    def round(self) -> None:
        """Remove what is left, and complete the receipts of what is gone by then. Raises StorageFull,
        StorageUnavailable."""
        receipts = self._context.receipts
        self._mend_photographs()
        while True:
            # Read first: what these name was deleted before the scrubbing begins.
            pending = () if receipts is None else receipts.pending()
            if not pending and not self._scrubber.pending:
                return
            if not self._scrubber.run(self._context.catalog) or receipts is None:
                return
            due = [
                one
                for one in pending
                if is_removed(self._context.catalog, one)
                and is_gone_elsewhere(self._context.mirrors, one, self._erased_by)
            ]
            receipts.complete(due)
            for one in due:
                self._erased_by.pop(one.receipt_id, None)
            if not due:
                return

    def _mend_photographs(self) -> None:
        """Move photographs into their place, and remove those of deleted faces, where their store did not answer. Never
        raises: it is tried again."""
        context = self._context
        if not context.photographs_left.is_set():
            return
        context.photographs_left.clear()
        try:
            context.images.recover(context.catalog.digests, context.catalog.lock)
            work_off(context)
        except KenspeckleError as error:
            context.photographs_left.set()
            log.error("photographs could not be moved or removed, it is tried again: %s", error.message)

    def trim(self) -> None:
        """Forget receipts that were completed long ago."""
        if self._context.receipts is not None:
            self._context.receipts.trim()

    def _run(self) -> None:
        actor.acting(actor.Actor(actor.SERVICE))
        while True:
            self._scrubber.wake.wait(AGAIN_SECONDS)
            if self._closing.wait(TOGETHER_SECONDS):
                return
            self._scrubber.wake.clear()
            began = time.monotonic()
            self._try()
            self._closing.wait(min(LONGEST_REST, time.monotonic() - began))

    def _try(self) -> None:
        try:
            self._context.catalog.drop_deleted_keys()
            self.round()
        except KenspeckleError as error:
            log.error("erasures could not be completed, it is tried again: %s", error.message)
        except Exception:
            log.exception("erasures could not be completed; it is tried again")


def is_removed(catalog: Catalog, kept: KeptReceipt) -> bool:
    """Whether all rows and photographs are removed that the receipt names: those of a large collection by a job, and
    later where the store of photographs did not answer."""
    if kept.what is Erasure.COLLECTION:
        return not catalog.has_remains() and not catalog.removals(1)
    left = catalog.removals(MOST_LEFT)
    named = kept.receipt.content.get("images", ())
    return not left or (len(left) < MOST_LEFT and isinstance(named, Sequence) and not set(left) & set(named))


def is_gone_elsewhere(mirrors: Mirrors | None, kept: KeptReceipt, erased_by: dict[str, int]) -> bool:
    """Whether the vector database has removed it too, from its files as far as it says. `erased_by` keeps, by receipt,
    the revision at which it was seen first, and what it names was deleted at the latest."""
    if mirrors is None:
        return True
    some = [one for one in mirrors.mirrors() if one[0].collection_id == kept.collection_id]
    if not some:
        return True
    if kept.receipt_id not in erased_by:
        try:
            erased_by[kept.receipt_id] = mirrors.describe_mirrored(kept.collection_id).revision
        except CollectionNotFound:
            return False  # until its mirror is dropped
    at = erased_by[kept.receipt_id]
    return all(there and one.state is not MirrorState.LEAVING and one.compacted >= at for one, there in some)
