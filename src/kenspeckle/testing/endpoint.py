"""A real service in a thread of the test process: every route, Amazon's protocol, a real database in a folder."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from kenspeckle import settings as settings_
from kenspeckle.client.sync import Client
from kenspeckle.compose.embedded import build
from kenspeckle.compose.engines import PackEngines
from kenspeckle.compose.service import Service
from kenspeckle.domain import operations as ops
from kenspeckle.serving import server as server_
from kenspeckle.settings import Settings
from kenspeckle.testing.stub import PACK, StubEngine

REGION = "us-east-1"
PATIENCE = 30.0
"""Seconds until a service that has not come up is an error."""


class Endpoint:
    """A running service. Anyone on this machine may call it: it has no keys."""

    def __init__(self, url: str, service: Service, stub: StubEngine | None) -> None:
        self.url = url
        self._service = service
        self._stub = stub
        self._numbers = itertools.count(1)

    @property
    def aws(self) -> dict[str, str]:
        """Parameters of `boto3.client("rekognition", ...)`. The pair is made up: this service takes any."""
        return {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": "testing",
            "aws_secret_access_key": "testing",
        }

    @property
    def collection(self) -> str:
        """The default collection."""
        return self._service.settings.collection

    def client(self, **how: Any) -> Client:
        """A client of it; `how` are parameters of `kenspeckle.Client`. Close it."""
        return Client(self.url, **how)

    def shows(self, photograph: bytes, *people: str) -> bytes:
        """Tell who is in a picture, largest face first; nobody where none is named. Returns the picture.

        Raises TypeError where the service has real networks, which see for themselves."""
        if self._stub is None:
            raise TypeError("This service has real networks: it is not told who is in a picture.")
        self._stub.told[hashlib.sha256(photograph).digest()] = people
        return photograph

    def photograph(self, *people: str) -> bytes:
        """A picture (PNG) of these people, another one at each call."""
        file, note = io.BytesIO(), PngImagePlugin.PngInfo()
        note.add_text("Comment", f"{next(self._numbers)}: {', '.join(people)}")
        Image.new("RGB", (640, 480), "grey").save(file, "PNG", pnginfo=note)
        return self.shows(file.getvalue(), *people)

    def reset(self) -> None:
        """Delete all collections, and make the default one anew; pictures that it was told of are forgotten."""
        ask = self._service.recognizer.handle
        for one in ask(ops.ListCollections(limit=1000)).items:
            ask(ops.DeleteCollection(collection_id=one.collection_id))
        ask(ops.CreateCollection(collection_id=self.collection))
        if self._stub is not None:
            self._stub.told.clear()


@contextmanager
def start(folder: Path, *, weights: bool = False, **settings: Any) -> Iterator[Endpoint]:
    """A service on a free port of loopback with its data in `folder`, stopped at the end of the block.

    It has the real networks with `weights`, else a stub. `settings` are further settings, by their names in small
    letters; variables and files of this machine are not read. Raises ModelMissing where weights are not there."""
    chosen = settings_.load(
        {"data_dir": folder, "host": "127.0.0.1", "log_level": "ERROR", **settings},
        environ={"KENSPECKLE_CONFIG": os.devnull},
    )
    stub = None if weights else StubEngine(chosen.max_image_bytes, chosen.max_image_pixels)
    service = build(chosen, engines=None if stub is None else _only(stub))
    try:
        if not isinstance(service, Service):
            raise TypeError("RECOGNIZER=rekognition has no endpoint for tests.")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            with _serving(service, chosen, listener):
                yield Endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}", service, stub)
    finally:
        service.close()


@contextmanager
def _serving(service: Service, settings: Settings, listener: socket.socket) -> Iterator[None]:
    up = threading.Event()

    class Announcing(server_.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            up.set()

    server = Announcing(server_.config(service.serve(), settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="kenspeckle", daemon=True)
    thread.start()
    try:
        if not up.wait(PATIENCE) or not server.started:
            raise RuntimeError("The service did not start; its log says why.")
        yield
    finally:
        server.should_exit = True
        thread.join()


def _only(stub: StubEngine) -> PackEngines:
    def none(name: str) -> StubEngine:
        raise KeyError(name)

    return PackEngines(stub, lambda: {PACK.name: PACK}, none, lambda name: None)
