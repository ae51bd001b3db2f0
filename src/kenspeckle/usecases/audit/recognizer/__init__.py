"""The recognizer that records: every access to biometric data becomes a row of the audit trail before its answer."""

from __future__ import annotations

from collections.abc import Mapping

from kenspeckle.usecases.audit.receipts import ALGORITHM
from kenspeckle.usecases.audit.recognizer.collections import AuditedCollections
from kenspeckle.usecases.audit.recognizer.gallery import AuditedGallery
from kenspeckle.usecases.audit.recognizer.recognition import AuditedRecognition
from kenspeckle.usecases.audit.recognizer.users import AuditedUsers

NOT_RECORDED = {
    "describe_collection": "names and counts of a collection, no data of a person; edges ask it for every answer",
    "list_collections": "names and counts of collections, no data of a person",
    "tags": "labels of a collection, no data of a person",
    "info": "configuration and counts",
    "ready": "asked by probes all the time, and tells nothing",
}
"""Methods of the port that are not accesses to biometric data, each with the reason."""


class Audited(AuditedCollections, AuditedGallery, AuditedRecognition, AuditedUsers):
    """Implements `ports.Recognizer` around another. An answer is given once its row is on disk; where the row can't be
    written, StorageFull or StorageUnavailable is. Errors are recorded too, under their code."""

    def info(self) -> Mapping[str, object]:
        if self.receipts is None:
            return self.inner.info()
        return {**self.inner.info(), "receipts": {"algorithm": ALGORITHM, "public_key": self.receipts.public_key}}

    def ready(self) -> None:
        self.inner.ready()
