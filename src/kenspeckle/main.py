"""The composition root: `build(settings)` makes every part and puts them together; no other place knows them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kenspeckle.audit import PURPOSE as AUDIT
from kenspeckle.catalog.master import MasterKey
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.errors import SettingError
from kenspeckle.images.places import Places
from kenspeckle.images.store import open_images
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.ports import Images
from kenspeckle.settings import Settings
from kenspeckle.usecases.audited import Audited
from kenspeckle.usecases.audited_access import AuditedAccess
from kenspeckle.usecases.gate import Gate
from kenspeckle.usecases.housekeeping import Housekeeping
from kenspeckle.usecases.loopback import is_loopback, require_key_for
from kenspeckle.usecases.parts import Parts
from kenspeckle.usecases.receipts import PURPOSE as RECEIPTS
from kenspeckle.usecases.receipts import Receipts
from kenspeckle.usecases.recognizer import LocalRecognizer
from kenspeckle.usecases.recorder import Recorder
from kenspeckle.usecases.refusals import Refusals
from kenspeckle.vision import packs
from kenspeckle.vision.engine import Engine

if TYPE_CHECKING:
    from fastapi import FastAPI

    from kenspeckle.usecases.limits import Limits


@dataclass(frozen=True)
class Service:
    """A service that is ready to serve. `close` finishes what is under way and lets go of the files."""

    settings: Settings
    recognizer: Audited
    local: LocalRecognizer
    recorder: Recorder
    access: AuditedAccess
    catalog: SqlCatalog
    index: FollowingIndex
    images: Images
    stages: Stages

    @cached_property
    def app(self) -> FastAPI:
        """The REST and wire edges as one ASGI application, made when it is first asked for.

        Raises SettingError where `settings.host` can be reached by others and no key exists."""
        require_key_for(self.settings.host, self.catalog)
        return _app(self)

    @cached_property
    def limits(self) -> Limits:
        """The plans of keys, made for the edges: what works on the data folder has no key."""
        from kenspeckle.usecases.limits import Limits

        limits = Limits(self.catalog)
        self.access.on_read = limits.learn
        return limits

    @cached_property
    def refusals(self) -> Refusals:
        """Refused requests, made for the edges."""
        return Refusals(self.recorder)

    @cached_property
    def housekeeping(self) -> Housekeeping:
        """What a service does by itself, made for one that serves."""
        return Housekeeping(self.recognizer, self.local.parts, self.local.work_off)

    def close(self) -> None:
        """Close every part, the catalog last."""
        if "housekeeping" in vars(self):
            self.housekeeping.close()
        self.local.close()
        self.access.close()
        if "refusals" in vars(self):
            self.refusals.close()
        self.recorder.close()
        if "limits" in vars(self):
            self.limits.close()
        self.index.close()
        self.catalog.close()


class Stages:
    """Passes durations of stages on to whoever measures them; nobody does until an edge is there."""

    def __init__(self) -> None:
        self.tell: Callable[[str, float], None] | None = None

    def observe(self, stage: str, seconds: float) -> None:
        if self.tell is not None:
            self.tell(stage, seconds)


def build(settings: Settings) -> Service:
    """Everything of the embedded profile, mended after a crash, with the default collection in place.

    Raises SettingError, ModelMissing, StorageFull, StorageUnavailable.
    """
    if settings.recognizer != "local":
        raise SettingError("RECOGNIZER=rekognition is not built yet; use local.", field="recognizer")
    pack = packs.find(settings.models_dir, settings.pack)
    catalog = SqlCatalog.open(settings.catalog)
    try:
        master = MasterKey.of(settings)
        recorder = Recorder(catalog, master.derive(AUDIT), required=settings.audit_required)
        recorder.begin()
        access = AuditedAccess(recorder, catalog, master, loopback=is_loopback(settings.host), usage=catalog)
        access.seed(settings.admin_key)
        engine = Engine(pack, settings)
        index = FollowingIndex(catalog, engine.pack.dimension)
        images = open_images(settings.images)
        stages = Stages()
        local = LocalRecognizer(
            Parts(
                engine=engine,
                catalog=catalog,
                index=index,
                images=images,
                gate=Gate(settings.workers, settings.queue, settings.wait_seconds),
                settings=settings,
                observe=stages.observe,
            )
        )
        local.start()
    except BaseException:
        catalog.close()
        raise
    audited = Audited(local, recorder, Receipts(master.derive(RECEIPTS)))
    return Service(settings, audited, local, recorder, access, catalog, index, images, stages)


def _app(service: Service) -> FastAPI:
    # Imported here: commands that work on the data folder need no edge, and FastAPI costs half a second.
    from starlette.middleware import Middleware

    from kenspeckle.api import audit, cors, keys
    from kenspeckle.api.app import create_app
    from kenspeckle.api.auth import Authenticator, LocalOnly
    from kenspeckle.api.metrics import Metrics
    from kenspeckle.wire import protocol

    settings, recognizer, access = service.settings, service.recognizer, service.access
    pack, gate = service.local.parts.engine.pack, service.local.parts.gate
    metrics = Metrics()
    service.stages.tell = metrics.observe
    app = create_app(
        recognizer=recognizer,
        settings=settings,
        gate=gate,
        authenticate=Authenticator(access),
        limits=service.limits,
        metrics=metrics,
        face_models={pack.name: pack.version},
        refusals=service.refusals,
        admin_routers=(keys.router(access), audit.router(service.recorder)),
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
            pack=pack.name,
            face_model=pack.version,
            limits=service.limits,
        )
    )
    service.housekeeping.start()
    return app
