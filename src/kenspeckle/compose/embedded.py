"""The composition root: `build(settings)` creates all parts of a service and connects them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kenspeckle.aws.topics import SnsTopics
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.compose import agreement, pack_choice
from kenspeckle.compose.data_folder import locked_anchors_of, recorder_of
from kenspeckle.compose.engines import PackEngines, open_engines
from kenspeckle.compose.guard import Guard
from kenspeckle.compose.mirrors import keeper_of
from kenspeckle.compose.runners import Runners
from kenspeckle.compose.service import ManagedService, Service
from kenspeckle.compose.webhooks import endpoints_of
from kenspeckle.domain import Collection, Job
from kenspeckle.domain.operations import DescribeCollection
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import KenspeckleError, SettingError
from kenspeckle.images.store import open_images
from kenspeckle.images.video_places import open_videos
from kenspeckle.index.saved_codes import FOLDER, SAVED_FROM, SavedCodes
from kenspeckle.index.store import open_index, open_mirrored
from kenspeckle.ports import Index, Stages
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.audited_keys import AuditedAccess
from kenspeckle.usecases.access.loopback import is_loopback
from kenspeckle.usecases.audit.kept_receipts import KeptReceipts
from kenspeckle.usecases.audit.receipts import PURPOSE as RECEIPTS
from kenspeckle.usecases.audit.receipts import Receipts
from kenspeckle.usecases.jobs.queue import JobQueue, make_recorder
from kenspeckle.usecases.jobs.runner import JobRunner
from kenspeckle.usecases.mirrors.keeper import Keeper
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.context import Context, VideoParts
from kenspeckle.usecases.recognition.housekeeping import Housekeeping
from kenspeckle.usecases.recognition.local import LocalRecognizer
from kenspeckle.usecases.recognition.scrubber import Scrubber
from kenspeckle.usecases.webhooks.events import Announcer
from kenspeckle.vision.video import ChildDecoder

if TYPE_CHECKING:
    from kenspeckle.images.client_buckets import ClientBuckets


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _ManagedHousekeeping:
    """Housekeeping of the managed profile, which has no faces in the catalog."""

    catalog: SqlCatalog
    settings: Settings


def build(settings: Settings, *, engines: PackEngines | None = None, at_once: bool = True) -> Service | ManagedService:
    """The service of the profile that `settings.recognizer` names, recovered after a crash, with the default
    collection. Its networks are loaded `at_once`, or with the first photograph. `engines` are used instead of those of
    the model packs, by a service for tests.

    Raises SettingError, ModelMissing, RecognizerUnavailable, StorageFull, StorageUnavailable.
    """
    return (
        _make_managed(settings) if settings.recognizer == "rekognition" else _make_embedded(settings, engines, at_once)
    )


def _make_embedded(settings: Settings, engines: PackEngines | None, at_once: bool) -> Service:
    with _open_guard(settings) as guard:
        settings = guard.settings
        if engines is None:
            settings = pack_choice.keep_pack(settings, guard.catalog, tell=log.info)
            engines = open_engines(settings, at_once=at_once)
        guard.runners.hold(engines)
        agreement.use_calibrations(settings, engines, guard.catalog)
        keeper = keeper_of(settings, guard.catalog)
        index = guard.runners.hold(_index(guard, engines, keeper, at_once))
        context = _context(guard, settings, engines, index, keeper)
        local = LocalRecognizer(context)
        guard.runners.start(local)
        jobs = JobRunner(
            guard.catalog,
            local.long_work,
            most=settings.jobs,
            now=context.now,
            give_way=guard.gate.give_way,
            record=_make_teller(make_recorder(guard.recorder), local.videos.end),
        )
        context.jobs.nudge = jobs.nudge
        guard.runners.hold(jobs)
        recognizer = guard.around(local, context.receipts)
        if local.index_work is not None:
            local.index_work.index = recognizer.handle
    return Service(
        guard=guard,
        recognizer=recognizer,
        face_models=engines.versions,
        housekeeping=Housekeeping(
            recognizer,
            context,
            local.work_off,
            announcer=guard.announcer,
            anchors=locked_anchors_of(settings, guard.recorder.key),
            now=context.now,
        ),
        local=local,
        engines=engines,
        index=index,
        images=context.images,
        jobs=jobs,
    )


def _context(guard: Guard, settings: Settings, engines: PackEngines, index: Index, keeper: Keeper | None) -> Context:
    """What all use cases share."""
    from kenspeckle.images.client_buckets import ClientBuckets  # late: botocore

    catalog, now, scrubber = guard.catalog, guard.catalog.now, Scrubber(index.drop_outdated)
    buckets = ClientBuckets.parse(settings.s3_buckets, others=settings.open_buckets)
    return Context(
        engines=engines,
        catalog=catalog,
        index=index,
        images=open_images(settings.images),
        gate=guard.gate,
        settings=settings,
        jobs=JobQueue(catalog, now=now),
        now=now,
        videos=_video_parts(settings, catalog, buckets),
        manifests=catalog,
        buckets=buckets,
        staging=catalog,
        people=catalog,
        mirrors=catalog,
        keeper=keeper,
        stages=guard.stages,
        scrubber=scrubber,
        announcer=guard.announcer,
        receipts=KeptReceipts(
            catalog, guard.receipts, guard.announcer, nudge=scrubber.wake.set, now=now, mirrors=catalog
        ),
    )


def _video_parts(settings: Settings, catalog: SqlCatalog, buckets: ClientBuckets) -> VideoParts:
    return VideoParts(
        decoder=ChildDecoder(settings),
        results=catalog,
        staged=open_videos(settings.images, settings.data_dir, shared=agreement.is_cluster(settings)),
        buckets=buckets,
        topics=SnsTopics(settings.sns_topics),
    )


def _index(guard: Guard, engines: PackEngines, keeper: Keeper | None, at_once: bool) -> Index:
    def dimension(collection: Collection) -> int:
        return engines.pack_of(collection).dimension

    # Where other machines may have the catalog, a deletion there could not remove the files of this one.
    saved = _open_saved_codes(guard, keep=keeper is None and not agreement.is_cluster(guard.settings))
    if keeper is None:
        return open_index(guard.catalog, dimension, at_once=at_once, saved=saved)
    return open_mirrored(guard.catalog, guard.catalog, keeper.store, keeper.bounds, dimension)


def _open_saved_codes(guard: Guard, *, keep: bool) -> SavedCodes | None:
    """Without `keep`, what was saved before is removed, and receipts wait for nothing of it."""
    saved = SavedCodes(guard.settings.data_dir / FOLDER, guard.catalog, guard.catalog, SAVED_FROM)
    try:
        if keep:
            saved.sweep()
        else:
            saved.clear()
    except KenspeckleError as error:
        log.warning("old files of codes could not be removed: %s", error.message)
    return saved if keep else None


def _make_teller(*told: Callable[[Job], None]) -> Callable[[Job], None]:
    def tell(job: Job) -> None:
        for one in told:
            one(job)

    return tell


def _make_managed(settings: Settings) -> ManagedService:
    # Imported here: a local recognizer needs none of it.
    from kenspeckle.compose import managed

    if settings.encryption:
        raise SettingError(
            "KENSPECKLE_ENCRYPTION=on is for RECOGNIZER=local. Faces lie with Amazon here: encrypt table and bucket "
            "there.",
            field="encryption",
        )
    with _open_guard(settings) as guard:
        settings = guard.settings
        amazon = managed.recognizer(settings, guard.stages)
        amazon.ensure_default_collection()
        model = amazon.handle(DescribeCollection(collection_id=settings.collection)).pack
        recognizer = guard.around(amazon)
    return ManagedService(
        guard=guard,
        recognizer=recognizer,
        face_models={model: model},
        housekeeping=Housekeeping(
            recognizer,
            _ManagedHousekeeping(guard.catalog, settings),
            amazon.reconcile,
            announcer=guard.announcer,
            anchors=locked_anchors_of(settings, guard.recorder.key),
            now=guard.catalog.now,
        ),
        managed=amazon,
    )


@contextmanager
def _open_guard(settings: Settings) -> Iterator[Guard]:
    """The guard of a recognizer that is made in the block, with the settings that hold; closed where that fails."""
    master, runners = MasterKey.of(settings), Runners()
    try:
        catalog = runners.hold(SqlCatalog.of(settings, master))
        settings = agreement.follow_settings(settings, catalog)
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
            stages=Stages(),
            webhooks=endpoints_of(settings, recorder, catalog, master, now=catalog.now),
            announcer=Announcer(catalog, now=catalog.now),
            runners=runners,
        )
    except BaseException:
        runners.close()
        raise
