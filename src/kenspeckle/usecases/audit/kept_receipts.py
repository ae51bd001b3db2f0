"""Receipts in the catalog: looked up by id, completed once nothing is left of what they name."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kenspeckle.domain import Erasure, KeptReceipt, Receipt
from kenspeckle.errors import KenspeckleError, ReceiptNotFound
from kenspeckle.ports import IN_FILE, Mirrors, ReceiptStore
from kenspeckle.usecases.webhooks.events import Announcer

if TYPE_CHECKING:  # commands that ask a server load no cryptography
    from kenspeckle.usecases.audit.receipts import Receipts

log = logging.getLogger(__name__)

KEEP_SECONDS = 30 * 86400.0
"""How long a complete receipt is kept."""

VECTORS = "Milvus at "
_KEEPS = (
    ": files that its garbage collector deletes hours after they were compacted, and its message log, until its "
    "retention ends"
)
"""What a vector database that is told to delete and to compact keeps nevertheless, and does not tell."""

AT_ONCE = 100
"""Receipts that are completed between two looks at the catalog."""


class KeptReceipts:
    """Keeps the receipts that `signer` signs. `nudge` is called once a pending one is on disk."""

    def __init__(
        self,
        store: ReceiptStore,
        signer: Receipts,
        announcer: Announcer,
        nudge: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
        mirrors: Mirrors | None = None,
    ) -> None:
        self._store = store
        self._mirrors = mirrors
        self._signer = signer
        self._announcer = announcer
        self._nudge = nudge
        self._now = now

    def keep(self, receipt: Receipt, what: Erasure, collection_id: str, at: float) -> None:
        """Never raises: what it names is erased, and the receipt is in the answer."""
        kept = KeptReceipt(receipt.receipt_id, collection_id, what, at, at if receipt.complete else None, receipt)
        try:
            self._store.add_receipt(kept, self._announcer.erasure_completed(kept) if receipt.complete else ())
        except KenspeckleError as error:
            log.error("a receipt of erasure could not be kept; nobody will find it later: %s", error.message)
            return
        if receipt.complete:
            self._announcer.nudge()
        else:
            self._nudge()

    def remains(self) -> tuple[str, ...]:
        """Where what was just deleted is left, beyond what this service overwrites by itself. Never raises, as
        `keep`."""
        try:
            return self._store.remains()
        except KenspeckleError as error:
            log.error("what an erasure has left could not be asked for: %s", error.message)
            return ()

    def elsewhere(self, collection_id: str) -> tuple[str, ...]:
        """The vector databases that have copies of the collection's templates, and what they keep for a while after
        they have deleted some. Never raises, as `keep`."""
        if self._mirrors is None:
            return ()
        try:
            some = [one for one, _ in self._mirrors.mirrors() if one.collection_id == collection_id]
        except KenspeckleError as error:
            log.error("which copies an erasure has left could not be asked for: %s", error.message)
            return ()
        places = sorted({one.place for one in some if one.place != IN_FILE})
        return tuple(f"{VECTORS}{place}{_KEEPS}" for place in places)

    def find(self, receipt_id: str, only: Sequence[str] | None) -> Receipt:
        """Raises ReceiptNotFound, also where its collection is not in `only`."""
        kept = self._store.receipt(receipt_id)
        if only is not None and kept.collection_id not in only:
            raise ReceiptNotFound.of_id(receipt_id)
        return kept.receipt

    def pending(self, most: int = AT_ONCE) -> tuple[KeptReceipt, ...]:
        """Some of those that are not complete, the oldest ones."""
        return self._store.pending_receipts(most)

    def complete(self, some: Sequence[KeptReceipt], remains: Sequence[str] = ()) -> None:
        """Nothing is left of what these name, except where `remains` says."""
        for kept in some:
            at = self._now()
            signed = self._signer.complete(kept.receipt, at, (*remains, *_lasting(kept.receipt)))
            done = KeptReceipt(kept.receipt_id, kept.collection_id, kept.what, kept.created_at, at, signed)
            self._store.complete_receipt(done, self._announcer.erasure_completed(done))
        if some:
            self._announcer.nudge()

    def trim(self) -> None:
        """Forget receipts that were completed long ago."""
        while self._store.trim_receipts(self._now() - KEEP_SECONDS):
            pass


def _lasting(receipt: Receipt) -> list[str]:
    """What a pending receipt names that no one here can remove."""
    named = receipt.content.get("remains", ())
    return [str(one) for one in named if str(one).startswith(VECTORS)] if isinstance(named, Sequence) else []


def wait(look: Callable[[], Receipt], seconds: float, step: Callable[[], None] = lambda: None) -> Receipt:
    """The receipt once it is complete, or as it is after `seconds`. Between looks `step` is called."""
    until = time.monotonic() + seconds
    while True:
        found = look()
        if found.complete or time.monotonic() >= until:
            return found
        step()
        time.sleep(POLL_SECONDS)


POLL_SECONDS = 0.1
