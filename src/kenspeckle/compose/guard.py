"""What stands in front of a recognizer in both profiles: keys, the audit trail, webhooks and the gate."""

from __future__ import annotations

from dataclasses import dataclass

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose.runners import Runners
from kenspeckle.ports import Recognizer, Stages
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.audited_keys import AuditedAccess
from kenspeckle.usecases.audit.kept_receipts import KeptReceipts
from kenspeckle.usecases.audit.receipts import Receipts
from kenspeckle.usecases.audit.recognizer import Audited
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.webhooks.endpoints import Endpoints
from kenspeckle.usecases.webhooks.events import Announcer


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What both profiles share in front of their recognizer: keys, the audit trail, webhooks and the gate."""

    settings: Settings
    catalog: SqlCatalog
    recorder: Recorder
    receipts: Receipts
    access: AuditedAccess
    gate: Gate
    stages: Stages
    webhooks: Endpoints
    announcer: Announcer
    runners: Runners

    def around(self, recognizer: Recognizer, kept: KeptReceipts | None = None) -> Audited:
        """The recognizer, wrapped so that its operations are recorded."""
        return Audited(recognizer, self.recorder, self.receipts, kept)
