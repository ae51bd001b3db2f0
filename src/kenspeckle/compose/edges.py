"""All edges of a service as one ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from kenspeckle.compose.guard import Guard
from kenspeckle.ports import StagedVideos
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.audited_keys import AuditedAccess
from kenspeckle.usecases.audit.recognizer import Audited
from kenspeckle.usecases.audit.refused_requests import Refusals

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.routing import BaseRoute

    from kenspeckle.api.edge import Edge
    from kenspeckle.images.client_buckets import ClientBuckets
    from kenspeckle.serving.metrics import Metrics
    from kenspeckle.usecases.access.rate_limits import Limits

log = logging.getLogger(__name__)


def application(
    guard: Guard,
    recognizer: Audited,
    face_models: Mapping[str, str],
    staged: StagedVideos | None,
    limits: Limits,
    refusals: Refusals,
) -> FastAPI:
    """REST, Amazon's protocol, CompreFace's and the console, over one recognizer; `face_models` and `staged` as the
    service has them. Raises SettingError."""
    from kenspeckle.rekognition import protocol  # late, as what `_rest` imports
    from kenspeckle.serving.key_check import KeyCheck

    app = _rest(guard, recognizer, face_models, staged, limits, refusals)
    edge = app.state.edge
    app.state.key_check = KeyCheck(guard.access, edge.metrics, refusals, protocol.refuse_unknown_pair)
    # Routes are tried in turn, a hundred of them. Amazon's has a path of its own, so it can be the first.
    app.router.routes[:0] = _amazon(guard, edge)
    app.router.routes.extend(_compreface(edge))
    return app


def _rest(
    guard: Guard,
    recognizer: Audited,
    face_models: Mapping[str, str],
    staged: StagedVideos | None,
    limits: Limits,
    refusals: Refusals,
) -> FastAPI:
    """The REST edge with the console, as the application that the other edges join."""
    # Imported here: commands that work on the data folder need no edge, and FastAPI costs half a second.
    from starlette.middleware import Middleware

    from kenspeckle.api import audit, keys, webhooks
    from kenspeckle.api.app import create_app
    from kenspeckle.api.auth import Authenticator
    from kenspeckle.compose.instance import writable
    from kenspeckle.models import samples
    from kenspeckle.serving import console, cors
    from kenspeckle.serving.local_only import LocalOnly

    settings, access = guard.settings, guard.access
    return create_app(
        recognizer=recognizer,
        settings=settings,
        gate=guard.gate,
        authenticate=Authenticator(access),
        limits=limits,
        metrics=_metrics(guard),
        face_models=face_models,
        writable=writable(settings).check,
        staged=staged,
        refusals=refusals,
        extra_routes=console.routes(samples.portraits(settings.models_dir)),
        more=(keys.Keys(access), audit.Audit(guard.recorder), webhooks.Webhooks(guard.webhooks)),
        middleware=(*cors.middleware(settings.cors_origins), Middleware(LocalOnly, access=access)),
    )


def _metrics(guard: Guard) -> Metrics:
    """With the numbers of the instance, and the durations of stages."""
    from kenspeckle.compose.instance import sources
    from kenspeckle.serving.metrics import Metrics

    metrics = Metrics()
    metrics.tell_instance(sources(guard.settings, guard.catalog, guard.settings.pack))
    guard.stages.tell = metrics.observe
    return metrics


def _amazon(guard: Guard, edge: Edge) -> Sequence[BaseRoute]:
    """The route of Amazon's protocol, with the parts that the REST edge has. Raises SettingError."""
    from kenspeckle.rekognition import protocol

    return protocol.routes(
        edge.recognizer,
        guard.access,
        _places(guard.settings, guard.access),
        guard.settings,
        gate=guard.gate,
        call=edge.threads.call,
        face_models=edge.face_models,
        limits=edge.limits,
        clock=guard.catalog.estimate_now,
    )


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
