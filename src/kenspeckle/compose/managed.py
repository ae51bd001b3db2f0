"""Composition of the managed profile without any part of the embedded one, for functions on AWS Lambda.

    from kenspeckle import settings
    from kenspeckle.compose import managed

    service = managed.gateway(settings.load())         # once, at the cold start; no call to AWS yet
    service.app                                        # ASGI: the REST API, behind API Gateway
    service.recognizer.handle(IndexFaces(collection_id=..., image=...))             # for objects put into a bucket
    service.housekeep()                                # hourly, by a schedule: retention, interrupted requests

Settings: RECOGNIZER=rekognition, DYNAMODB_TABLE, IMAGES_URL=s3://bucket/prefix, COLLECTION, and MASTER_KEY where
receipts of erasure are to be signed. API Gateway checks keys and plans, so the application trusts whoever hands it a
request: put `api.gateway_auth.principal(key_id)` into the ASGI scope under `api.gateway_auth.PRINCIPAL`; without it
every request is 401. The audit trail goes to the log (`aws.log_trail`). `IndexFaces` may be asked for any number of
times, at once too, for the same photograph: it is indexed once. Errors with `retry_after` may be retried, others not.

A server (`kenspeckle serve`) with the same recognizer has keys, plans, audit trail and Amazon's protocol besides:
`kenspeckle.compose.embedded.build`. See docs/managed.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from kenspeckle.aws.bucket import Bucket
from kenspeckle.aws.clients import Amazon
from kenspeckle.aws.context import Context, Cutter
from kenspeckle.aws.log_trail import LogTrail
from kenspeckle.aws.recognizer import ManagedRecognizer
from kenspeckle.aws.table import Table
from kenspeckle.domain.audit import PURPOSE as AUDIT
from kenspeckle.errors import SettingError
from kenspeckle.ports import Stages
from kenspeckle.settings import Settings
from kenspeckle.usecases.audit import actor
from kenspeckle.usecases.audit.recognizer import Audited
from kenspeckle.usecases.audit.recorder import Recorder
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.retention import Retention

if TYPE_CHECKING:
    from fastapi import FastAPI

    from kenspeckle.usecases.audit.receipts import Receipts


@dataclass(frozen=True)
class Gateway:
    """A service behind API Gateway. `recognizer` records what it does, `managed` is the same unrecorded."""

    settings: Settings
    recognizer: Audited
    managed: ManagedRecognizer

    @cached_property
    def app(self) -> FastAPI:
        """The REST edge, made at its first use, without the routes of keys and of the audit trail."""
        from kenspeckle.api import gateway_auth
        from kenspeckle.api.app import create_app
        from kenspeckle.serving import cors

        settings = self.settings
        return create_app(
            recognizer=self.recognizer,
            settings=settings,
            gate=Gate(settings.workers, settings.queue, settings.wait_seconds),
            authenticate=gateway_auth.authenticate,
            middleware=tuple(cors.middleware(settings.cors_origins)),
        )

    def housekeep(self) -> None:
        """A server's hourly housekeeping, to be called by a schedule: erases faces beyond retention and cleans up after
        interrupted requests."""
        copy_context().run(self._housekeep)

    def _housekeep(self) -> None:
        actor.acting(actor.Actor(actor.SERVICE))
        try:
            Retention(self.recognizer).round()
        finally:
            self.managed.reconcile()


def gateway(settings: Settings) -> Gateway:
    """The service behind API Gateway. Raises SettingError."""
    managed = recognizer(settings)
    seal, receipts = secrets.token_bytes(32), None
    if settings.master_key:
        seal, receipts = _make_signer(settings)
    recorder = Recorder(LogTrail(), seal)
    recorder.begin()
    return Gateway(settings, Audited(managed, recorder, receipts), managed)


def recognizer(settings: Settings, stages: Stages | None = None) -> ManagedRecognizer:
    """The recognizer itself; no call to AWS yet. `stages` get the duration of each stage. Raises SettingError."""
    if not settings.dynamodb_table:
        raise SettingError(
            "With RECOGNIZER=rekognition faces are listed in a table: set KENSPECKLE_DYNAMODB_TABLE.",
            field="dynamodb_table",
        )
    amazon = Amazon(settings.aws_region)
    context = Context(
        amazon=amazon,
        table=Table(amazon, settings.dynamodb_table),
        bucket=Bucket(amazon, settings.images_url),
        settings=settings,
        cutter=_cutter(settings),
        stages=stages or Stages(),
    )
    return ManagedRecognizer(context)


def _cutter(settings: Settings) -> Callable[[], Cutter]:
    @cache
    def make_cutter() -> Cutter:
        # Imported with the first face that is cut, so that a function starts without Pillow.
        from kenspeckle.vision.cutter import Cutter

        return Cutter(settings)

    return make_cutter


def _make_signer(settings: Settings) -> tuple[bytes, Receipts]:
    """The key that seals audit rows, and the signer of receipts."""
    from kenspeckle.encryption.master_key import MasterKey
    from kenspeckle.usecases.audit.receipts import PURPOSE, Receipts

    master = MasterKey.of(settings)
    return master.derive(AUDIT), Receipts(master.derive(PURPOSE))
