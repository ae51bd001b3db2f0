"""Composition of webhooks: management of endpoints, and the dispatcher of a running service."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from kenspeckle.settings import Settings
from kenspeckle.usecases.webhooks.endpoints import Endpoints
from kenspeckle.usecases.webhooks.retry import parse
from kenspeckle.webhook_transport.allowlist import Reach

if TYPE_CHECKING:
    from kenspeckle.ports import Sealer, Webhooks
    from kenspeckle.usecases.audit.recorder import Recorder
    from kenspeckle.usecases.webhooks.dispatcher import Dispatcher
    from kenspeckle.webhook_transport.http import Transport


def endpoints_of(
    settings: Settings,
    recorder: Recorder,
    store: Webhooks,
    sealer: Sealer,
    now: Callable[[], float] = time.time,
) -> Endpoints:
    """Raises SettingError for WEBHOOK_HOSTS or WEBHOOK_RETRIES."""
    parse(settings.webhook_retries)
    reach = Reach.parse(settings.webhook_hosts)
    return Endpoints(recorder, store, sealer, reach.check_url, _transport(settings), now=now)


def dispatcher_of(settings: Settings, endpoints: Endpoints, now: Callable[[], float] = time.time) -> Dispatcher:
    """The dispatcher, not started yet."""
    from kenspeckle.usecases.webhooks.dispatcher import Dispatcher

    return Dispatcher(
        endpoints,
        _transport(settings),
        pauses=parse(settings.webhook_retries),
        seconds=settings.webhook_seconds,
        days=settings.webhook_log_days,
        now=now,
    )


def _transport(settings: Settings) -> Callable[[], Transport]:
    reach = Reach.parse(settings.webhook_hosts)

    def make() -> Transport:
        # Imported here: commands that send nothing need no HTTP client.
        from kenspeckle import __version__
        from kenspeckle.webhook_transport.http import Transport

        return Transport(reach, settings.webhook_seconds, f"kenspeckle/{__version__}")

    return make
