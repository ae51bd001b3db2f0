"""What a service is made of: its guard, its recognizer and what runs beside requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose import agreement
from kenspeckle.compose.edges import application
from kenspeckle.compose.engines import PackEngines
from kenspeckle.compose.guard import Guard
from kenspeckle.compose.runners import Runner
from kenspeckle.compose.webhooks import dispatcher_of
from kenspeckle.domain import Job, Receipt
from kenspeckle.domain.operations import GetReceipt
from kenspeckle.ports import Engine, Images, Index, StagedVideos
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.audited_keys import AuditedAccess
from kenspeckle.usecases.access.loopback import require_key_for
from kenspeckle.usecases.audit.kept_receipts import wait as wait_for_receipt
from kenspeckle.usecases.audit.recognizer import Audited
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.audit.refused_requests import Refusals
from kenspeckle.usecases.jobs.queue import wait
from kenspeckle.usecases.jobs.runner import PATIENCE_SECONDS, JobRunner
from kenspeckle.usecases.mirrors.following import Following
from kenspeckle.usecases.recognition.calibrations import SharedFollower
from kenspeckle.usecases.recognition.housekeeping import Housekeeping
from kenspeckle.usecases.recognition.local import LocalRecognizer
from kenspeckle.usecases.recognition.upkeep import Upkeep
from kenspeckle.usecases.videos.notices import Notices

if TYPE_CHECKING:
    from fastapi import FastAPI

    from kenspeckle.aws.recognizer import ManagedRecognizer
    from kenspeckle.serving.metrics import Metrics


@dataclass(frozen=True, kw_only=True)
class BaseService:
    """A service that is ready to serve; subclasses have the recognizer. `face_models` are the versions of models by
    name, that of the one in use first."""

    guard: Guard
    recognizer: Audited
    face_models: Mapping[str, str]
    housekeeping: Housekeeping
    """Housekeeping; it runs once the service serves."""

    @property
    def settings(self) -> Settings:
        return self.guard.settings

    @property
    def catalog(self) -> SqlCatalog:
        return self.guard.catalog

    @property
    def recorder(self) -> Recorder:
        return self.guard.recorder

    @property
    def access(self) -> AuditedAccess:
        return self.guard.access

    def serve(self) -> FastAPI:
        """Start what runs beside requests, and make all edges as one ASGI application. Call it once.

        Raises SettingError where `settings.host` can be reached by others and no key exists, or where another service
        on the catalog stored other settings meanwhile."""
        # Imported here: what works on the data folder has no keys with plans.
        from kenspeckle.usecases.access.rate_limits import Limits

        require_key_for(self.settings.host, self.catalog)
        agreement.offer_settings(self.settings, self.catalog, self.catalog.now())
        limits, refusals = Limits(self.catalog), Refusals(self.recorder)
        dispatcher = dispatcher_of(self.settings, self.guard.webhooks, now=self.catalog.now)
        app = application(self.guard, self.recognizer, self.face_models, self.staged, limits, refusals)
        self.access.on_read = limits.learn
        self.guard.announcer.nudge = dispatcher.nudge
        self.guard.webhooks.changed = self.guard.announcer.forget
        dispatcher.tell = app.state.edge.metrics.webhook
        beside: tuple[Runner, ...] = (limits, refusals, self.housekeeping, dispatcher)
        for one in (*beside, *self.beside(app.state.edge.metrics)):
            self.guard.runners.start(one)
        return app

    def beside(self, metrics: Metrics) -> tuple[Runner, ...]:
        """Further runners beside requests with this recognizer."""
        return ()

    def get_complete_receipt(self, receipt_id: str, seconds: float) -> Receipt:
        """The receipt once it is complete, or as it is after `seconds`. Raises NotOffered, ReceiptNotFound."""
        return wait_for_receipt(lambda: self.recognizer.handle(GetReceipt(receipt_id=receipt_id)), seconds)

    @property
    def staged(self) -> StagedVideos | None:
        """Where uploaded videos wait; None: this recognizer takes none."""
        return None

    def finish(self, job_id: str, tell: Callable[[Job], None]) -> Job:
        """The job once it has ended. Raises NotOffered where there are no jobs, JobNotFound."""
        return wait(self.recognizer, job_id, tell=tell)

    def close(self) -> None:
        """Finish work under way and close every part, the catalog last."""
        self.guard.runners.close()


@dataclass(frozen=True, kw_only=True)
class Service(BaseService):
    """The embedded profile."""

    local: LocalRecognizer
    engines: PackEngines
    index: Index
    images: Images
    jobs: JobRunner

    def serve(self) -> FastAPI:
        """As `BaseService.serve`. Raises SettingError also where another service on the catalog takes another pack."""
        agreement.check_pack(self.engine().pack, self.catalog)
        agreement.offer_calibrations(self.settings, self.engines, self.catalog, self.catalog.now())
        return BaseService.serve(self)

    def beside(self, metrics: Metrics) -> tuple[Runner, ...]:
        """What loads templates and completes erasures, and the runner of jobs, unless JOBS leaves them to others."""
        first: tuple[Runner, ...] = (self.local.loading, self.local.completion, Upkeep(self.index))
        if agreement.is_cluster(self.settings):
            own = agreement.list_values(self.settings)
            first = (*first, SharedFollower(self.catalog, self.engines, own))
        if not self.settings.jobs:
            return first
        self.local.context.jobs.served = True
        notices = Notices(self.local.context)
        self.jobs.tell = lambda job: metrics.job(job.kind.value, job.state.value)
        metrics.watch_jobs(lambda: self.jobs.running)
        keeper = self.local.context.keeper
        mirrors = () if keeper is None else (Following(self.local.context, keeper),)
        helping = () if self.local.index_work is None else (self.local.index_work,)
        return (*first, self.jobs, *helping, notices, *mirrors)

    @property
    def staged(self) -> StagedVideos | None:
        videos = self.local.context.videos
        return videos.staged if videos is not None and videos.decoder.available else None

    def engine(self) -> Engine:
        """That of the pack in PACK, for what is looked at here before anybody is searched."""
        return self.local.context.engines.default

    def finish(self, job_id: str, tell: Callable[[Job], None]) -> Job:
        """As `BaseService.finish`; it runs here where no other process takes it on. Raises JobNotFound."""
        return self.jobs.run_one(job_id, tell)

    def get_complete_receipt(self, receipt_id: str, seconds: float) -> Receipt:
        """As `BaseService.get_complete_receipt`; what is left is removed here where no other process does it."""
        found = BaseService.get_complete_receipt(self, receipt_id, min(seconds, PATIENCE_SECONDS))
        if found.complete:
            return found
        return wait_for_receipt(
            lambda: self.recognizer.handle(GetReceipt(receipt_id=receipt_id)), seconds, self.local.completion.round
        )


@dataclass(frozen=True, kw_only=True)
class ManagedService(BaseService):
    """Amazon Rekognition behind the same edges, keys and audit trail."""

    managed: ManagedRecognizer
