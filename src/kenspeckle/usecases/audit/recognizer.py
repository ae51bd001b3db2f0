"""The recognizer that records: every access to biometric data becomes a row of the audit trail before its answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kenspeckle.domain import Erased, Receipt
from kenspeckle.domain.audit import AuditEntry, AuditRow
from kenspeckle.domain.operations import A, Operation
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Recognizer
from kenspeckle.usecases.audit import actor
from kenspeckle.usecases.audit.access import MOST_NAMED, Access, Facts
from kenspeckle.usecases.audit.accesses import NOT_RECORDED, RECORDED
from kenspeckle.usecases.audit.kept_receipts import KeptReceipts
from kenspeckle.usecases.audit.receipts import ALGORITHM, Receipts
from kenspeckle.usecases.audit.recorder import Recorder

log = logging.getLogger(__name__)


class Audited:
    """Implements `ports.Recognizer` around another. An answer is given once its row is on disk; where the row can't be
    written, StorageFull or StorageUnavailable is raised. Errors are recorded too, under their code."""

    def __init__(
        self, inner: Recognizer, recorder: Recorder, receipts: Receipts | None, kept: KeptReceipts | None = None
    ) -> None:
        """Without `receipts`, where there is no key to sign with, erasure answers without a receipt. `kept` keeps them,
        for the time after the answer."""
        self.inner = inner
        self.recorder = recorder
        self.receipts = receipts
        self._kept = kept

    def handle(self, operation: Operation[A]) -> A:
        if type(operation) in NOT_RECORDED:
            return self.inner.handle(operation)
        access = RECORDED[type(operation)]
        collection_id: str | None = getattr(operation, "collection_id", None)
        name, facts, named = access.name, access.facts(operation), access.named(operation)
        try:
            answer = self.inner.handle(operation)
        except KenspeckleError as error:
            self._note_failure(name, collection_id, error.code, named, facts)
            raise
        except Exception:
            self._note_failure(name, collection_id, "internal_error", named, facts)
            raise
        if not access.worth(answer):
            return answer
        if access.each is not None:
            self.recorder.record_all([self._entry_of(*one) for one in access.each(operation, answer)])
            return answer
        row = self._record(access, collection_id, answer, named, facts)
        attested: A = self._attest(access, operation, collection_id or "", answer, row)
        return attested

    def info(self, only: Sequence[str] | None = None) -> Mapping[str, object]:
        if self.receipts is None:
            return self.inner.info(only)
        return {**self.inner.info(only), "receipts": {"algorithm": ALGORITHM, "public_key": self.receipts.public_key}}

    def ready(self) -> None:
        self.inner.ready()

    def _record(
        self, access: Access, collection_id: str | None, answer: object, named: Sequence[str], facts: Facts
    ) -> AuditRow | None:
        return self.recorder.record(self._entry(access, collection_id, answer, named, facts))

    def _entry(
        self, access: Access, collection_id: str | None, answer: object, named: Sequence[str], facts: Facts
    ) -> AuditEntry:
        """With faces of the answer, or those that the operation named where it names none."""
        ids = named if access.faces is None else access.faces(answer)
        return self.recorder.entry(
            access.name,
            collection_id,
            face_ids=ids[: access.most],
            face_count=len(ids) if access.count is None else access.count(answer),
            facts={**facts, **access.told(answer)},
        )

    def _entry_of(self, operation: Operation[Any], answer: object) -> AuditEntry:
        """That of one of the operations that another one is made of, with its answer or error."""
        access = RECORDED[type(operation)]
        collection_id: str | None = getattr(operation, "collection_id", None)
        facts, named = access.facts(operation), access.named(operation)
        if isinstance(answer, KenspeckleError):
            return self._failure(access.name, collection_id, answer.code, named, facts)
        return self._entry(access, collection_id, answer, named, facts)

    def _failure(
        self, name: str, collection_id: str | None, code: str, named: Sequence[str], facts: Facts
    ) -> AuditEntry:
        return self.recorder.entry(
            name, collection_id, outcome=code, face_ids=named[:MOST_NAMED], face_count=len(named), facts=facts
        )

    def _note_failure(
        self, name: str, collection_id: str | None, code: str, named: Sequence[str], facts: Facts
    ) -> None:
        entry = self._failure(name, collection_id, code, named, facts)
        try:
            self.recorder.record(entry)
        except KenspeckleError as error:
            # No data was given out; the client gets its own error rather than this one.
            log.error("a failed request (%s) is not in the audit trail: %s", code, error.message)

    def _attest(self, access: Access, operation: object, collection_id: str, answer: Any, row: AuditRow | None) -> Any:
        """The answer, with a receipt where it erased something."""
        erasure = None if access.erasure is None or self.receipts is None else access.erasure(operation, answer)
        if erasure is None or self.receipts is None:
            return answer
        what, name, erased = erasure
        elsewhere = () if self._kept is None else self._kept.elsewhere(collection_id)
        if elsewhere and erased.complete:
            erased = replace(erased, complete=False)
            answer = erased if isinstance(answer, Erased) else answer
        at = self.recorder.now() if row is None else row.at
        remains = (*self._kept.remains(), *elsewhere) if self._kept is not None and not erased.complete else ()
        receipt: Receipt = self.receipts.receipt(
            what.value, name, collection_id, erased, actor.current(), row, at, remains
        )
        if self._kept is not None:
            self._kept.keep(receipt, what, collection_id, at)
        return replace(answer, receipt=receipt)
