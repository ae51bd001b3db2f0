"""How the application is served: uvicorn with our bounds on connections, and a shutdown that says so first."""

from __future__ import annotations

import math
import time
from types import FrameType

import uvicorn
from fastapi import FastAPI

from kenspeckle.serving.http_protocol import Connection
from kenspeckle.serving.proxies import trusted
from kenspeckle.serving.tls import LOOK_SECONDS, Certificate
from kenspeckle.settings import Settings

KEEP_ALIVE_SECONDS = 75
"""Idle connections stay open longer than the 60 s of usual load balancers, so that these close them, not we."""


def config(app: FastAPI, settings: Settings, tls: Certificate | None = None) -> Config:
    """Configuration of a server for an application that `create_app` made. Logs are ours: see `logs.configure`.

    Raises SettingError for a list of proxies that can't be used."""
    proxies = trusted(settings.trusted_proxies)
    made = Config(
        app,
        loop="uvloop",
        http=Connection,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        ssl_context_factory=(lambda *_: tls.context) if tls is not None else None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )
    made.certificate = tls
    return made


class Config(uvicorn.Config):
    """uvicorn's configuration, and the certificate that its context belongs to."""

    certificate: Certificate | None = None


class Server(uvicorn.Server):
    """Tells the application to take nothing new as soon as a signal asks the server to stop, and sees when its
    certificate is renewed."""

    _looked = 0.0

    async def on_tick(self, counter: int) -> bool:
        now = time.monotonic()
        found = self.config.certificate if isinstance(self.config, Config) else None
        if found is not None and now - self._looked >= LOOK_SECONDS:
            self._looked = now
            found.refresh()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.drain()
        super().handle_exit(sig, frame)
