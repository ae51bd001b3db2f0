"""Records accesses: a row is on disk when `record` returns, and requests at the same time share one commit."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from kenspeckle.domain.audit import AuditEntry, AuditHead, AuditRow, chain, is_sealed, seal_head
from kenspeckle.domain.audit_anchor import AuditAnchor, is_anchor, make_anchor
from kenspeckle.errors import KenspeckleError, StorageFull, StorageUnavailable
from kenspeckle.ports import Anchors, Trail
from kenspeckle.usecases.audit import actor as actor_

log = logging.getLogger(__name__)

BATCH = 500
"""Rows of one commit."""

MOST_LATE = 10_000
"""Rows that are kept in memory while they can't be written, where the operator allows that."""

_NO_RECORD = "The audit trail can't be written, and nothing is answered without its record."

BEGUN = "AuditBegun"
SEAL_BROKEN = "AuditSealBroken"
CUT_BACK = "AuditCutBack"
LOST = "AuditLost"
TRIMMED = "AuditTrimmed"
NEW_KEY = "AuditNewKey"
ALARMS = frozenset({SEAL_BROKEN, CUT_BACK, LOST})
"""Rows that say that something was done to the trail, or that it has a gap."""


class _Ticket:
    """An entry that waits for its commit."""

    __slots__ = ("done", "entry", "error", "row")

    def __init__(self, entry: AuditEntry) -> None:
        self.entry = entry
        self.row: AuditRow | None = None
        self.error: KenspeckleError | None = None
        self.done = False


class Recorder:
    """Writes the audit trail of one process; others may write at the same time.

    `key` seals (`audit.PURPOSE`). With `required`, what can't be recorded fails; without, rows wait in memory for a
    disk that takes them. After each commit its newest row is noted in `anchors`; a row that these name and the trail
    lacks raises an alarm."""

    def __init__(
        self,
        trail: Trail,
        key: bytes,
        *,
        required: bool = True,
        now: Callable[[], float] = time.time,
        anchors: Anchors | None = None,
    ) -> None:
        self.trail = trail
        self.key = key
        self._required = required
        self.now = now
        self._waiting: deque[_Ticket] = deque()
        self._late: deque[AuditEntry] = deque()
        self._lost = 0
        self._turn = threading.Lock()
        self._queue = threading.Condition()
        self._committing = False
        self._last: AuditHead | None = None
        self._anchors = anchors
        self._cut: AuditAnchor | None = None
        self._unanchored = False
        self._renewing = False

    def begin(self) -> None:
        """Write the first row of an empty trail; record it where the trail lacks the row that its anchor names."""
        with self._turn:
            if self._cut_back() or not self.trail.audit_head().begun:
                self._commit([])

    def renew(self) -> None:
        """Continue under this key where the trail was sealed under another one: the row that records this names the
        previous newest row, and so confirms all earlier rows by their chain of hashes."""
        head = self.trail.audit_head()
        ticket = _Ticket(self.entry(NEW_KEY, facts={"number": head.number, "hash": head.hash.hex()}))
        with self._turn:
            self._renewing = True
            try:
                self._commit([ticket])
            finally:
                self._renewing = False
        if ticket.error is not None:
            raise ticket.error

    def entry(
        self,
        operation: str,
        collection_id: str | None = None,
        *,
        outcome: str = "ok",
        face_ids: Sequence[str] = (),
        face_count: int | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> AuditEntry:
        """An entry with the present time and the context's actor."""
        actor = actor_.current()
        return AuditEntry(
            at=self.now(),
            operation=operation,
            outcome=outcome,
            who=actor.key,
            name=actor.name,
            request_id=actor.request_id,
            address=actor.address,
            collection_id=collection_id,
            face_ids=face_ids,
            face_count=len(face_ids) if face_count is None else face_count,
            facts=facts or {},
        )

    def record(self, entry: AuditEntry) -> AuditRow | None:
        """Returns the row, which is on disk; None where it waits in memory. Raises StorageFull, StorageUnavailable.

        The first caller commits at once, in its own thread; callers that arrive meanwhile wait for that commit, and one
        of them then commits the rows of all that wait. An idle service needs no switch of threads, a busy one few
        commits."""
        return self.record_all([entry])[0]

    def record_all(self, entries: Sequence[AuditEntry]) -> list[AuditRow | None]:
        """As `record`, for several entries in as few commits as they fit into."""
        tickets = [_Ticket(one) for one in entries]
        with self._queue:
            self._waiting.extend(tickets)
        while tickets and (some := self._next(tickets[-1])):
            try:
                with self._turn:
                    self._commit(some)
            finally:
                with self._queue:
                    self._committing = False
                    self._queue.notify_all()
        for ticket in tickets:
            if ticket.error is not None:
                raise ticket.error
        return [ticket.row for ticket in tickets]

    def _next(self, ticket: _Ticket) -> list[_Ticket]:
        """What is to be committed by this thread, once nobody else commits; nothing, once the ticket is done.

        A condition tells, not the lock of commits: those who are done would have to take that one by one, and those who
        come anew would commit few rows in between."""
        with self._queue:
            while self._committing and not ticket.done:
                self._queue.wait()
            if ticket.done:
                return []
            self._committing = True
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def close(self) -> None:
        """Try once more to write the rows that wait in memory."""
        with self._turn:
            if self._late or self._lost:
                self._commit([])
            if self._late:
                log.error("%d rows of the audit trail could not be written and are lost", len(self._late))
        if self._anchors is not None:
            self._anchors.close()

    def _commit(self, tickets: Sequence[_Ticket]) -> None:
        made: list[AuditRow] = []
        late = list(self._late)
        if self._last is None:
            self._cut_back()
        head = self._last

        def link(present: AuditHead) -> tuple[Sequence[AuditRow], AuditHead]:
            nonlocal head
            entries = [*self._alarms(present), *late, *(one.entry for one in tickets)]
            made.clear()
            head = present
            for entry in entries:
                row = chain(entry, head, self.key)
                made.append(row)
                head = AuditHead(row.number, row.hash, head.floor, head.floor_hash)
            head = seal_head(head, self.key)
            return made, head

        try:
            self.trail.append_audit(link)
        except KenspeckleError as error:
            self._fail(tickets, error)
        except BaseException:
            self._fail(tickets, StorageUnavailable("The audit trail can't be written; the server's log says why."))
            raise
        else:
            self._last, self._lost = head, 0
            if head is not None:
                self._anchor(head)
            self._late.clear()
            for ticket, row in zip(tickets, made[len(made) - len(tickets) :], strict=True):
                ticket.row = row
        finally:
            for ticket in tickets:
                ticket.done = True

    def _fail(self, tickets: Sequence[_Ticket], error: KenspeckleError) -> None:
        log.error("the audit trail can't be written: %s", error.message)
        if not self._required:
            self._late.extend(one.entry for one in tickets)
            while len(self._late) > MOST_LATE:
                self._late.popleft()
                self._lost += 1
            return
        for ticket in tickets:
            if isinstance(error, StorageFull):
                ticket.error = StorageFull(f"{_NO_RECORD} The disk is full: free disk space and ask again.")
            else:
                ticket.error = StorageUnavailable(f"{_NO_RECORD} {error.message}", retry_after=error.retry_after)

    def _alarms(self, present: AuditHead) -> list[AuditEntry]:
        """Rows that record tampering with the trail since this process last wrote, so that the trail itself shows
        it."""
        found = []
        last = self._last
        facts: dict[str, object] = {"number": present.number, "hash": present.hash.hex()}
        if not present.begun and present.number == 0 and last is None and self._cut is None:
            return [self._make_entry(BEGUN)]
        if self._renewing:
            return []
        if (last is None or present != last) and not is_sealed(present, self.key):
            log.error("the end of the audit trail was changed, or sealed under another master key")
            found.append(self._make_entry(SEAL_BROKEN, facts))
        if last is not None and (
            present.number < last.number or (present.number == last.number and present.hash != last.hash)
        ):
            log.error("the audit trail was cut back or changed: it had row %d", last.number)
            found.append(self._make_entry(CUT_BACK, facts | {"had": last.number, "had_hash": last.hash.hex()}))
        if self._cut is not None:
            log.error("the audit trail was cut back or changed: its anchor names row %d", self._cut.number)
            found.append(
                self._make_entry(CUT_BACK, facts | {"had": self._cut.number, "had_hash": self._cut.hash.hex()}),
            )
        if self._lost:
            found.append(self._make_entry(LOST, {"rows": self._lost}))
        return found

    def _cut_back(self) -> bool:
        """Whether the trail lacks the row that its anchor names."""
        if self._anchors is None or self._renewing:
            return False
        kept = next((one for one in self._anchors.read() if is_anchor(one, self.key)), None)
        self._cut = kept if kept is not None and not self.has(kept) else None
        return self._cut is not None

    def has(self, anchor: AuditAnchor) -> bool:
        """Whether the trail has the row that an anchor names, or removed it by age."""
        if anchor.number <= self.trail.audit_head().floor:
            return True  # removed by age
        row = next(self.trail.audit_rows(anchor.number - 1), None)
        return row is not None and (row.number, row.hash) == (anchor.number, anchor.hash)

    def _anchor(self, head: AuditHead) -> None:
        """Note the newest row; another process may have noted a later one meanwhile."""
        if self._anchors is None:
            return
        cut, self._cut = self._cut, None

        def make(there: Sequence[AuditAnchor]) -> AuditAnchor | None:
            newest = next((one for one in there if is_anchor(one, self.key)), None)
            if newest is not None and newest.number >= head.number and cut is None:
                return None
            return make_anchor(1 + max((one.counter for one in there), default=0), head, self.key)

        try:
            self._anchors.keep(make)
        except OSError as error:
            if not self._unanchored:
                log.warning("the newest row of the audit trail could not be noted beside it: %s", error.strerror)
            self._unanchored = True
        else:
            self._unanchored = False

    def _make_entry(self, operation: str, facts: Mapping[str, object] | None = None) -> AuditEntry:
        return AuditEntry(self.now(), operation, "ok", actor_.SERVICE, facts=facts or {})
