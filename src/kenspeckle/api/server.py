"""How the application is served: uvicorn with our bounds on connections, and a shutdown that says so first."""

from __future__ import annotations

import math
from types import FrameType

import uvicorn
from fastapi import FastAPI

from kenspeckle.api.connection import Connection
from kenspeckle.settings import Settings

KEEP_ALIVE_SECONDS = 75
"""Idle connections stay open longer than the 60 s of usual load balancers, so that these close them, not we."""


def config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Configuration of a server for an application that `create_app` made. Logs are ours: see `logs.configure`."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=Connection,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )


class Server(uvicorn.Server):
    """Tells the application to take nothing new as soon as a signal asks the server to stop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.drain()
        super().handle_exit(sig, frame)
