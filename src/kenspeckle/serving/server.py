"""Runs the application: uvicorn with limits on connections, and a shutdown that is announced first."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from types import FrameType
from typing import cast

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from kenspeckle.memory import Trimmer
from kenspeckle.serving import descriptors
from kenspeckle.serving.connections import Connections
from kenspeckle.serving.flow import Bounds
from kenspeckle.serving.http_protocol import Connection
from kenspeckle.serving.key_check import KeyCheck
from kenspeckle.serving.listener import BACKLOG, TlsListener
from kenspeckle.serving.proxies import Proxies
from kenspeckle.serving.tls import LOOK_SECONDS, Certificate
from kenspeckle.settings import Settings


def config(app: ASGIApp, settings: Settings, tls: Certificate | None = None, bounds: Bounds | None = None) -> Config:
    """Configuration of a server for an application of `create_app`. Logging is configured by `logs.configure`.

    Raises SettingError for a list of proxies that can't be used."""
    proxies = Proxies(settings.trusted_proxies)
    made = Config(
        app,
        loop="uvloop",
        http=Connection,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(proxies.listed),
        forwarded_allow_ips=proxies.listed,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )
    made.certificate = tls
    made.bounds = bounds or Bounds()
    made.key_check = app.state.key_check if isinstance(app, FastAPI) and hasattr(app.state, "key_check") else None
    made.connections = Connections(descriptors.affordable(settings.connections), settings.connections_per_host, proxies)
    return made


class Config(uvicorn.Config):
    """uvicorn's configuration, and that of our protocol."""

    certificate: Certificate | None = None
    bounds: Bounds
    key_check: KeyCheck | None = None
    connections: Connections


class Server(uvicorn.Server):
    """Counts its connections, tells the application to accept no new requests as soon as a signal stops the server, and
    notices when its certificate is renewed."""

    _looked = 0.0
    _trimmer: Trimmer

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """`sockets` are bound, and not listening yet."""
        await super().startup(sockets=[])
        self.started = False  # It does not listen yet.
        self._trimmer = Trimmer()
        configuration = cast(Config, self.config)
        tls = configuration.certificate
        made: list[asyncio.base_events.Server | TlsListener] = []
        for one in sockets or ():
            if tls is not None:
                made.append(TlsListener(one, self._connection, configuration.connections, tls.context))
            else:
                made.append(await asyncio.get_running_loop().create_server(self._connection, sock=one, backlog=BACKLOG))
        # uvicorn uses no more of a server than a TlsListener has.
        self.servers = cast(list[asyncio.base_events.Server], made)
        self.started = True

    def _connection(self) -> Connection:
        return Connection(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def on_tick(self, counter: int) -> bool:
        now = time.monotonic()
        found = self.config.certificate if isinstance(self.config, Config) else None
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            if found is not None:
                found.refresh()
            if isinstance(self.config, Config) and descriptors.are_used_up(len(self.config.connections)):
                self.config.connections.make_room()
        if self._trimmer.is_due:
            asyncio.get_running_loop().run_in_executor(None, self._trimmer.trim)
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.drain()
        super().handle_exit(sig, frame)
