"""The composition root: `build(settings)` makes every part and puts them together; no other place knows them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose.webhooks import courier_of, endpoints_of
from kenspeckle.domain.audit import PURPOSE as AUDIT
from kenspeckle.domain.operations import DescribeCollection
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import SettingError
from kenspeckle.images.client_buckets import Places
from kenspeckle.images.store import open_images
from kenspeckle.index.store import open_index
from kenspeckle.models import registry
from kenspeckle.ports import Images, Index, Recognizer
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.audited_keys import AuditedAccess
from kenspeckle.usecases.access.loopback import is_loopback, require_key_for
from kenspeckle.usecases.audit.receipts import PURPOSE as RECEIPTS
from kenspeckle.usecases.audit.receipts import Receipts
from kenspeckle.usecases.audit.recognizer import Audited
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.audit.refused_requests import Refusals
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.context import Parts
from kenspeckle.usecases.recognition.housekeeping import Housekeeping
from kenspeckle.usecases.recognition.local import LocalRecognizer
from kenspeckle.usecases.recognition.scrubber import Scrubber
from kenspeckle.usecases.webhooks.endpoints import Endpoints
from kenspeckle.usecases.webhooks.events import Announcer
from kenspeckle.vision.engine import Engine

if TYPE_CHECKING:
    from fastapi import FastAPI

    from kenspeckle.aws.recognizer import ManagedRecognizer
    from kenspeckle.usecases.access.rate_limits import Limits
    from kenspeckle.usecases.webhooks.dispatcher import Courier


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What stands before either recognizer: keys, the audit trail, the bound of work that is taken, and what serves
    them."""

    settings: Settings
    catalog: SqlCatalog
    recorder: Recorder
    receipts: Receipts
    access: AuditedAccess
    gate: Gate
    stages: Stages
    webhooks: Endpoints
    announcer: Announcer

    def around(self, recognizer: Recognizer) -> Audited:
        """The recognizer, recorded."""
        return Audited(recognizer, self.recorder, self.receipts)


@dataclass(frozen=True)
class Front(ABC):
    """A service that is ready to serve, without what recognizes. `face_model` is the name of the model in use and its
    version. `close` finishes what is under way and lets go of the files."""

    guard: Guard
    recognizer: Audited
    face_model: tuple[str, str]

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

    @cached_property
    def app(self) -> FastAPI:
        """The REST and wire edges as one ASGI application, made when it is first asked for.

        Raises SettingError where `settings.host` can be reached by others and no key exists."""
        require_key_for(self.settings.host, self.catalog)
        app = _app(self)
        self.housekeeping.start()
        self.guard.announcer.nudge = self.courier.nudge
        self.courier.tell = app.state.edge.metrics.webhook
        self.courier.start()
        return app

    @cached_property
    def limits(self) -> Limits:
        """The plans of keys, made for the edges: what works on the data folder has no key."""
        from kenspeckle.usecases.access.rate_limits import Limits

        limits = Limits(self.catalog)
        self.access.on_read = limits.learn
        return limits

    @cached_property
    def refusals(self) -> Refusals:
        """Refused requests, made for the edges."""
        return Refusals(self.recorder)

    @property
    @abstractmethod
    def housekeeping(self) -> Housekeeping:
        """What a service does by itself, made for one that serves."""

    @cached_property
    def courier(self) -> Courier:
        """What carries webhooks out, made for one that serves."""
        return courier_of(self.settings, self.guard.webhooks)

    def close(self) -> None:
        """Finish what is under way and let go of the files: close every part, the catalog last."""
        if "courier" in vars(self):
            self.courier.close()
        if "housekeeping" in vars(self):
            self.housekeeping.close()
        self.let_go()
        self.access.close()
        if "refusals" in vars(self):
            self.refusals.close()
        self.recorder.close()
        if "limits" in vars(self):
            self.limits.close()
        self.catalog.close()

    def let_go(self) -> None:  # noqa: B027 - whoever has nothing to close need not say so
        """Close what recognizes."""


@dataclass(frozen=True)
class Service(Front):
    """The embedded profile."""

    local: LocalRecognizer
    index: Index
    images: Images

    @cached_property
    def housekeeping(self) -> Housekeeping:
        return Housekeeping(self.recognizer, self.local.parts, self.local.work_off)

    def let_go(self) -> None:
        self.local.close()
        self.index.close()


@dataclass(frozen=True)
class ManagedService(Front):
    """Amazon Rekognition behind the same edges, keys and audit trail."""

    managed: ManagedRecognizer

    @cached_property
    def housekeeping(self) -> Housekeeping:
        return Housekeeping(self.recognizer, _Kept(self.catalog, self.settings), self.managed.reconcile)


@dataclass(frozen=True)
class _Kept:
    """What housekeeping looks after where no faces lie in the catalog."""

    catalog: SqlCatalog
    settings: Settings
    scrubber: Scrubber = field(default_factory=Scrubber)


class Stages:
    """Passes durations of stages on to whoever measures them; nobody does until an edge is there."""

    def __init__(self) -> None:
        self.tell: Callable[[str, float], None] | None = None

    def observe(self, stage: str, seconds: float) -> None:
        if self.tell is not None:
            self.tell(stage, seconds)


def build(settings: Settings) -> Service | ManagedService:
    """Everything of the profile that `settings.recognizer` names, mended after a crash, with the default collection in
    place.

    Raises SettingError, ModelMissing, RecognizerUnavailable, StorageFull, StorageUnavailable.
    """
    return _managed(settings) if settings.recognizer == "rekognition" else _embedded(settings)


def _embedded(settings: Settings) -> Service:
    pack = registry.find(settings.models_dir, settings.pack)
    with _guarded(settings) as guard:
        engine = Engine(pack, settings)
        index = open_index(guard.catalog, engine.pack.dimension)
        images = open_images(settings.images)
        local = LocalRecognizer(
            Parts(
                engine=engine,
                catalog=guard.catalog,
                index=index,
                images=images,
                gate=guard.gate,
                settings=settings,
                observe=guard.stages.observe,
                announcer=guard.announcer,
            )
        )
        local.start()
    return Service(guard, guard.around(local), (engine.pack.name, engine.pack.version), local, index, images)


def _managed(settings: Settings) -> ManagedService:
    # Imported here: who recognizes by themselves need none of it.
    from kenspeckle.compose import managed

    if settings.encryption:
        raise SettingError(
            "KENSPECKLE_ENCRYPTION=on is for RECOGNIZER=local. Faces lie with Amazon here: encrypt table and bucket "
            "there.",
            field="encryption",
        )
    with _guarded(settings) as guard:
        recognizer = managed.recognizer(settings, observe=guard.stages.observe)
        recognizer.ensure_default_collection()
        model = recognizer.handle(DescribeCollection(collection_id=settings.collection)).pack
    return ManagedService(guard, guard.around(recognizer), (model, model), recognizer)


@contextmanager
def _guarded(settings: Settings) -> Iterator[Guard]:
    """The guard of a recognizer that is made in the block; closed where that fails."""
    master = MasterKey.of(settings)
    catalog = SqlCatalog.of(settings, master)
    try:
        recorder = Recorder(catalog, master.derive(AUDIT), required=settings.audit_required)
        recorder.begin()
        access = AuditedAccess(recorder, catalog, master, loopback=is_loopback(settings.host), usage=catalog)
        access.seed(settings.admin_key)
        yield Guard(
            settings=settings,
            catalog=catalog,
            recorder=recorder,
            receipts=Receipts(master.derive(RECEIPTS)),
            access=access,
            gate=Gate(settings.workers, settings.queue, settings.wait_seconds),
            stages=Stages(),
            webhooks=endpoints_of(settings, recorder, catalog, master),
            announcer=Announcer(catalog),
        )
    except BaseException:
        catalog.close()
        raise


def _app(service: Front) -> FastAPI:
    # Imported here: commands that work on the data folder need no edge, and FastAPI costs half a second.
    from starlette.middleware import Middleware

    from kenspeckle.api import audit, keys, webhooks
    from kenspeckle.api.app import create_app
    from kenspeckle.api.auth import Authenticator
    from kenspeckle.rekognition import protocol
    from kenspeckle.serving import console, cors
    from kenspeckle.serving.local_only import LocalOnly
    from kenspeckle.serving.metrics import Metrics

    settings, recognizer, access = service.settings, service.recognizer, service.access
    (model, version), gate = service.face_model, service.guard.gate
    metrics = Metrics()
    service.guard.stages.tell = metrics.observe
    app = create_app(
        recognizer=recognizer,
        settings=settings,
        gate=gate,
        authenticate=Authenticator(access),
        limits=service.limits,
        metrics=metrics,
        face_models={model: version},
        refusals=service.refusals,
        extra_routes=console.routes(),
        more=(keys.Keys(access), audit.Audit(service.recorder), webhooks.Webhooks(service.guard.webhooks)),
        middleware=(*cors.middleware(settings.cors_origins), Middleware(LocalOnly, access=access)),
    )
    app.router.routes.extend(
        protocol.routes(
            recognizer,
            access,
            Places.parse(settings.s3_buckets),
            settings,
            gate=gate,
            call=app.state.edge.threads.call,
            pack=model,
            face_model=version,
            limits=service.limits,
        )
    )
    return app
