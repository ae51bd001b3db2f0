"""The composition root: `build(settings)` creates all parts of a service and connects them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kenspeckle.aws.topics import SnsTopics
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose import pack_choice
from kenspeckle.compose.data_folder import recorder_of
from kenspeckle.compose.engines import PackEngines, open_engines
from kenspeckle.compose.mirrors import keeper_of
from kenspeckle.compose.runners import Runner, Runners
from kenspeckle.compose.webhooks import dispatcher_of, endpoints_of
from kenspeckle.domain import Collection, Job, Receipt
from kenspeckle.domain.operations import DescribeCollection, GetReceipt
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import KenspeckleError, SettingError
from kenspeckle.images.store import open_images
from kenspeckle.images.videos import FolderVideos
from kenspeckle.index.saved_codes import FOLDER, SAVED_FROM, SavedCodes
from kenspeckle.index.store import open_index, open_mirrored
from kenspeckle.ports import Engine, Images, Index, Recognizer, StagedVideos
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.audited_keys import AuditedAccess
from kenspeckle.usecases.access.loopback import is_loopback, require_key_for
from kenspeckle.usecases.audit.kept_receipts import KeptReceipts
from kenspeckle.usecases.audit.kept_receipts import wait as wait_for_receipt
from kenspeckle.usecases.audit.receipts import PURPOSE as RECEIPTS
from kenspeckle.usecases.audit.receipts import Receipts
from kenspeckle.usecases.audit.recognizer import Audited
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.audit.refused_requests import Refusals
from kenspeckle.usecases.jobs.queue import JobQueue, recorded, wait
from kenspeckle.usecases.jobs.runner import PATIENCE_SECONDS, JobRunner
from kenspeckle.usecases.mirrors.following import Following
from kenspeckle.usecases.mirrors.keeper import Keeper
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.context import Context, VideoParts
from kenspeckle.usecases.recognition.housekeeping import Housekeeping
from kenspeckle.usecases.recognition.local import LocalRecognizer
from kenspeckle.usecases.recognition.scrubber import Scrubber
from kenspeckle.usecases.recognition.upkeep import Upkeep
from kenspeckle.usecases.videos.notices import Notices
from kenspeckle.usecases.webhooks.endpoints import Endpoints
from kenspeckle.usecases.webhooks.events import Announcer
from kenspeckle.vision.video import ChildDecoder

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.routing import BaseRoute

    from kenspeckle.api.edge import Edge
    from kenspeckle.aws.recognizer import ManagedRecognizer
    from kenspeckle.images.client_buckets import ClientBuckets
    from kenspeckle.serving.metrics import Metrics
    from kenspeckle.usecases.access.rate_limits import Limits


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What both profiles share in front of their recognizer: keys, the audit trail, webhooks and the gate."""

    settings: Settings
    catalog: SqlCatalog
    recorder: Recorder
    receipts: Receipts
    access: AuditedAccess
    gate: Gate
    stages: StageObserver
    webhooks: Endpoints
    announcer: Announcer
    runners: Runners

    def around(self, recognizer: Recognizer, kept: KeptReceipts | None = None) -> Audited:
        """The recognizer, wrapped so that its operations are recorded."""
        return Audited(recognizer, self.recorder, self.receipts, kept)


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

        Raises SettingError where `settings.host` can be reached by others and no key exists."""
        # Imported here: what works on the data folder has no keys with plans.
        from kenspeckle.usecases.access.rate_limits import Limits

        require_key_for(self.settings.host, self.catalog)
        limits, refusals = Limits(self.catalog), Refusals(self.recorder)
        dispatcher = dispatcher_of(self.settings, self.guard.webhooks, now=self.catalog.now)
        app = _app(self, limits, refusals)
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

    def completed(self, receipt_id: str, seconds: float) -> Receipt:
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
    index: Index
    images: Images
    jobs: JobRunner

    def beside(self, metrics: Metrics) -> tuple[Runner, ...]:
        """What loads templates and completes erasures, and the runner of jobs, unless JOBS leaves them to others."""
        first = (self.local.loading, self.local.completion, Upkeep(self.index))
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

    def completed(self, receipt_id: str, seconds: float) -> Receipt:
        """As `BaseService.completed`; what is left is removed here where no other process does it."""
        found = BaseService.completed(self, receipt_id, min(seconds, PATIENCE_SECONDS))
        if found.complete:
            return found
        return wait_for_receipt(
            lambda: self.recognizer.handle(GetReceipt(receipt_id=receipt_id)), seconds, self.local.completion.round
        )


@dataclass(frozen=True, kw_only=True)
class ManagedService(BaseService):
    """Amazon Rekognition behind the same edges, keys and audit trail."""

    managed: ManagedRecognizer


@dataclass(frozen=True)
class _ManagedHousekeeping:
    """Housekeeping of the managed profile, which has no faces in the catalog."""

    catalog: SqlCatalog
    settings: Settings


class StageObserver:
    """Passes durations of stages to the metrics, once an edge has been made."""

    def __init__(self) -> None:
        self.tell: Callable[[str, float], None] | None = None

    def observe(self, stage: str, seconds: float) -> None:
        if self.tell is not None:
            self.tell(stage, seconds)


def build(settings: Settings, *, engines: PackEngines | None = None, at_once: bool = True) -> Service | ManagedService:
    """The service of the profile that `settings.recognizer` names, recovered after a crash, with the default
    collection. Its networks are loaded `at_once`, or with the first photograph. `engines` are used instead of those of
    the model packs, by a service for tests.

    Raises SettingError, ModelMissing, RecognizerUnavailable, StorageFull, StorageUnavailable.
    """
    return _managed(settings) if settings.recognizer == "rekognition" else _embedded(settings, engines, at_once)


def _embedded(settings: Settings, engines: PackEngines | None, at_once: bool) -> Service:
    with _guarded(settings) as guard:
        if engines is None:
            settings = pack_choice.kept(settings, guard.catalog, tell=log.info)
            engines = open_engines(settings, at_once=at_once)
        guard.runners.hold(engines)
        keeper = keeper_of(settings, guard.catalog)
        index = guard.runners.hold(_index(guard, engines, keeper, at_once))
        images = open_images(settings.images)
        scrubber = Scrubber(index.drop_outdated)
        now = guard.catalog.now
        receipts = KeptReceipts(
            guard.catalog, guard.receipts, guard.announcer, nudge=scrubber.wake.set, now=now, mirrors=guard.catalog
        )
        from kenspeckle.images.client_buckets import ClientBuckets  # late: botocore

        buckets = ClientBuckets.parse(settings.s3_buckets, others=settings.open_buckets)
        local = LocalRecognizer(
            Context(
                engines=engines,
                catalog=guard.catalog,
                index=index,
                images=images,
                gate=guard.gate,
                settings=settings,
                jobs=JobQueue(guard.catalog, now=now),
                now=now,
                videos=_video_parts(settings, guard.catalog, buckets),
                manifests=guard.catalog,
                buckets=buckets,
                staging=guard.catalog,
                people=guard.catalog,
                mirrors=guard.catalog,
                keeper=keeper,
                observe=guard.stages.observe,
                scrubber=scrubber,
                announcer=guard.announcer,
                receipts=receipts,
            )
        )
        guard.runners.start(local)
        jobs = JobRunner(
            guard.catalog,
            local.long_work,
            most=settings.jobs,
            now=now,
            give_way=guard.gate.give_way,
            record=_ended(recorded(guard.recorder), local.videos.ended),
        )
        local.context.jobs.nudge = jobs.nudge
        guard.runners.hold(jobs)
        recognizer = guard.around(local, receipts)
        if local.index_work is not None:
            local.index_work.index = recognizer.handle
    return Service(
        guard=guard,
        recognizer=recognizer,
        face_models=engines.versions,
        housekeeping=Housekeeping(recognizer, local.context, local.work_off, now=now),
        local=local,
        index=index,
        images=images,
        jobs=jobs,
    )


def _video_parts(settings: Settings, catalog: SqlCatalog, buckets: ClientBuckets) -> VideoParts:
    return VideoParts(
        decoder=ChildDecoder(settings),
        results=catalog,
        staged=FolderVideos(settings.data_dir / "videos"),
        buckets=buckets,
        topics=SnsTopics(settings.sns_topics),
    )


def _index(guard: Guard, engines: PackEngines, keeper: Keeper | None, at_once: bool) -> Index:
    def dimension(collection: Collection) -> int:
        return engines.pack_of(collection).dimension

    if keeper is None:
        return open_index(guard.catalog, dimension, at_once=at_once, saved=_saved_codes(guard))
    return open_mirrored(guard.catalog, guard.catalog, keeper.store, keeper.bounds, dimension)


def _saved_codes(guard: Guard) -> SavedCodes | None:
    """None where other machines may have the catalog: a deletion there could not remove the files of this one."""
    if not guard.settings.catalog.startswith("sqlite"):
        return None
    saved = SavedCodes(guard.settings.data_dir / FOLDER, guard.catalog, guard.catalog, SAVED_FROM)
    try:
        saved.sweep()
    except KenspeckleError as error:
        log.warning("old files of codes could not be removed: %s", error.message)
    return saved


def _ended(*told: Callable[[Job], None]) -> Callable[[Job], None]:
    def tell(job: Job) -> None:
        for one in told:
            one(job)

    return tell


def _managed(settings: Settings) -> ManagedService:
    # Imported here: a local recognizer needs none of it.
    from kenspeckle.compose import managed

    if settings.encryption:
        raise SettingError(
            "KENSPECKLE_ENCRYPTION=on is for RECOGNIZER=local. Faces lie with Amazon here: encrypt table and bucket "
            "there.",
            field="encryption",
        )
    with _guarded(settings) as guard:
        amazon = managed.recognizer(settings, observe=guard.stages.observe)
        amazon.ensure_default_collection()
        model = amazon.handle(DescribeCollection(collection_id=settings.collection)).pack
        recognizer = guard.around(amazon)
    return ManagedService(
        guard=guard,
        recognizer=recognizer,
        face_models={model: model},
        housekeeping=Housekeeping(
            recognizer, _ManagedHousekeeping(guard.catalog, settings), amazon.reconcile, now=guard.catalog.now
        ),
        managed=amazon,
    )


@contextmanager
def _guarded(settings: Settings) -> Iterator[Guard]:
    """The guard of a recognizer that is made in the block; closed where that fails."""
    master, runners = MasterKey.of(settings), Runners()
    try:
        catalog = runners.hold(SqlCatalog.of(settings, master))
        with suppress(OSError):  # where no database lies in it, nothing has made it yet; the trail's anchor goes there
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        recorder = runners.hold(recorder_of(settings, catalog, master))
        recorder.begin()
        access = AuditedAccess(
            recorder, catalog, master, catalog.now, loopback=is_loopback(settings.host), usage=catalog
        )
        runners.hold(access)
        access.seed(settings.admin_key)
        yield Guard(
            settings=settings,
            catalog=catalog,
            recorder=recorder,
            receipts=Receipts(master.derive(RECEIPTS)),
            access=access,
            gate=Gate(settings.workers, settings.queue, settings.wait_seconds),
            stages=StageObserver(),
            webhooks=endpoints_of(settings, recorder, catalog, master, now=catalog.now),
            announcer=Announcer(catalog, now=catalog.now),
            runners=runners,
        )
    except BaseException:
        runners.close()
        raise


def _app(service: BaseService, limits: Limits, refusals: Refusals) -> FastAPI:
    # Imported here: commands that work on the data folder need no edge, and FastAPI costs half a second.
    from starlette.middleware import Middleware

    from kenspeckle.api import audit, keys, webhooks
    from kenspeckle.api.app import create_app
    from kenspeckle.api.auth import Authenticator
    from kenspeckle.compose.instance import sources, writable
    from kenspeckle.models import samples
    from kenspeckle.rekognition import protocol
    from kenspeckle.serving import console, cors
    from kenspeckle.serving.local_only import LocalOnly
    from kenspeckle.serving.metrics import Metrics

    settings, recognizer, access = service.settings, service.recognizer, service.access
    gate = service.guard.gate
    metrics = Metrics()
    metrics.tell_instance(sources(settings, service.catalog, settings.pack))
    service.guard.stages.tell = metrics.observe
    app = create_app(
        recognizer=recognizer,
        settings=settings,
        gate=gate,
        authenticate=Authenticator(access),
        limits=limits,
        metrics=metrics,
        face_models=service.face_models,
        writable=writable(settings).check,
        staged=service.staged,
        refusals=refusals,
        extra_routes=console.routes(samples.portraits(settings.models_dir)),
        more=(keys.Keys(access), audit.Audit(service.recorder), webhooks.Webhooks(service.guard.webhooks)),
        middleware=(*cors.middleware(settings.cors_origins), Middleware(LocalOnly, access=access)),
    )
    edge = app.state.edge
    amazon = protocol.routes(
        edge.recognizer,
        access,
        _places(settings, access),
        settings,
        gate=gate,
        call=edge.threads.call,
        face_models=service.face_models,
        limits=limits,
    )
    app.router.routes.extend([*amazon, *_compreface(edge)])
    return app


def _compreface(edge: Edge) -> Iterable[BaseRoute]:
    """The routes of CompreFace's protocol, with the parts that the REST edge has."""
    from kenspeckle.compreface.edge import Edge as CompreFace
    from kenspeckle.compreface.routes import routes

    return routes(
        CompreFace(
            recognizer=edge.recognizer,
            settings=edge.settings,
            gate=edge.gate,
            threads=edge.threads,
            authenticate=edge.authenticate,
            limits=edge.limits,
        )
    )


def _places(settings: Settings, access: AuditedAccess) -> ClientBuckets:
    """The buckets that clients may name. Raises SettingError."""
    from kenspeckle.images.client_buckets import ClientBuckets  # late, as the edges: botocore

    places = ClientBuckets.parse(settings.s3_buckets, others=settings.open_buckets)
    closed = places.for_all_keys_only()
    if closed and any(key.collections and key.kind == "aws" and key.revoked_at is None for key in access.list()):
        log.warning(
            "keys that are limited to collections may not name the buckets %s: write %s[COLLECTION+COLLECTION]=... in "
            "S3_BUCKETS for those whose keys may",
            ", ".join(closed),
            closed[0],
        )
    return places
