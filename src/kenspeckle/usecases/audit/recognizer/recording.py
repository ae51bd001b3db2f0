"""How an access is recorded: the work, its row in the audit trail, and only then the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from kenspeckle.domain.audit import AuditRow
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Recognizer
from kenspeckle.usecases.audit.receipts import Receipts
from kenspeckle.usecases.audit.recorder import Recorder

log = logging.getLogger(__name__)

T = TypeVar("T")
Facts: TypeAlias = Mapping[str, object]

MOST_NAMED = 100
"""Ids and names of one row; there is a count of all."""


class Recording:
    """What the parts of `Audited` share."""

    def __init__(self, inner: Recognizer, recorder: Recorder, receipts: Receipts | None) -> None:
        """Without `receipts`, where there is no key to sign them with, erasure answers without one."""
        self.inner = inner
        self.recorder = recorder
        self.receipts = receipts

    def _run(
        self,
        operation: str,
        collection_id: str | None,
        work: Callable[[], T],
        facts: Facts | None = None,
        *,
        asked: Sequence[str] = (),
        faces: Callable[[T], Sequence[str]] | None = None,
        told: Callable[[T], Facts] | None = None,
    ) -> T:
        return self._recorded(operation, collection_id, work, facts, asked=asked, faces=faces, told=told)[0]

    def _recorded(
        self,
        operation: str,
        collection_id: str | None,
        work: Callable[[], T],
        facts: Facts | None = None,
        *,
        asked: Sequence[str] = (),
        faces: Callable[[T], Sequence[str]] | None = None,
        count: Callable[[T], int] | None = None,
        told: Callable[[T], Facts] | None = None,
        most: int = MOST_NAMED,
        worth: Callable[[T], bool] | None = None,
    ) -> tuple[T, AuditRow | None]:
        """Do the work and record it: faces of the answer, or those `asked` for where it failed or names none. What is
        not `worth` a row has none."""
        try:
            answer = work()
        except KenspeckleError as error:
            self._note_failure(operation, collection_id, error.code, asked, facts)
            raise
        except Exception:
            self._note_failure(operation, collection_id, "internal_error", asked, facts)
            raise
        if worth is not None and not worth(answer):
            return answer, None
        ids = faces(answer) if faces is not None else asked
        number = count(answer) if count is not None else len(ids)
        more = {**(facts or {}), **told(answer)} if told is not None else facts
        entry = self.recorder.entry(operation, collection_id, face_ids=ids[:most], face_count=number, facts=more)
        return answer, self.recorder.record(entry)

    def _note_failure(
        self, operation: str, collection_id: str | None, code: str, asked: Sequence[str], facts: Facts | None
    ) -> None:
        entry = self.recorder.entry(
            operation, collection_id, outcome=code, face_ids=asked[:MOST_NAMED], face_count=len(asked), facts=facts
        )
        try:
            self.recorder.record(entry)
        except KenspeckleError as error:
            # Nothing was given out; the client is told of its own error rather than of this one.
            log.error("a failed request (%s) is not in the audit trail: %s", code, error.message)


def given(**facts: str | None) -> Facts:
    """Those of the facts that are."""
    return {name: value for name, value in facts.items() if value is not None}
