"""The managed profile put together without anything of the embedded one: what a function on AWS Lambda imports.

    from kenspeckle import settings
    from kenspeckle.compose import managed

    service = managed.gateway(settings.load())         # once, at the cold start; nothing is asked of AWS yet
    service.app                                        # ASGI: the REST API, behind API Gateway
    service.recognizer.handle(IndexFaces(collection_id=..., image=...))             # for what lands in a bucket
    service.housekeep()                                # hourly, by a schedule: retention, what was left half done

Settings: RECOGNIZER=rekognition, DYNAMODB_TABLE, IMAGES_URL=s3://bucket/prefix, COLLECTION, and MASTER_KEY where
receipts of erasure are to be signed. API Gateway checks keys and plans, so the application trusts whoever hands it a
request: put `api.gateway_auth.principal(key_id)` into the ASGI scope under `api.gateway_auth.PRINCIPAL`; without it
every request is 401. The audit trail goes to the log (`aws.log_trail`). `IndexFaces` may be asked for any number of
times, at once too, for the same photograph: it is indexed once. What it raises with `retry_after` set is worth another
try, the rest is not.

A server (`kenspeckle serve`) with the same recognizer has keys, plans, audit trail and the wire edge besides:
`kenspeckle.compose.embedded.build`. docs/managed.md has the whole story.
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
from kenspeckle.aws.context import Context, Cutter, ignore
from kenspeckle.aws.log_trail import LogTrail
from kenspeckle.aws.recognizer import ManagedRecognizer
from kenspeckle.aws.table import Table
from kenspeckle.domain.audit import PURPOSE as AUDIT
from kenspeckle.errors import SettingError
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
        """The REST edge, made when it is first asked for: routes of keys and of the audit trail are not among them."""
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
        """What a server does by itself every hour, for a schedule to call: faces that are too old, and what requests
        have left that ended half-way."""
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
        seal, receipts = _signed(settings)
    recorder = Recorder(LogTrail(), seal)
    recorder.begin()
    return Gateway(settings, Audited(managed, recorder, receipts), managed)


def recognizer(settings: Settings, *, observe: Callable[[str, float], None] = ignore) -> ManagedRecognizer:
    """The recognizer itself; nothing is asked of AWS yet. `observe(stage, seconds)` is told how long each stage took.
    Raises SettingError."""
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
        observe=observe,
    )
    return ManagedRecognizer(context)


def _cutter(settings: Settings) -> Callable[[], Cutter]:
    @cache
    def made() -> Cutter:
        # Imported with the first face that is cut: a function starts quicker by what Pillow takes.
        from kenspeckle.vision.cutter import Cutter

        return Cutter(settings)

    return made


def _signed(settings: Settings) -> tuple[bytes, Receipts]:
    """What audit rows are sealed with, and what signs receipts."""
    from kenspeckle.encryption.master_key import MasterKey
    from kenspeckle.usecases.audit.receipts import PURPOSE, Receipts

    master = MasterKey.of(settings)
    return master.derive(AUDIT), Receipts(master.derive(PURPOSE))
