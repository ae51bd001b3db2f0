"""A real server (uvicorn, a free port) over a recognizer without eyes, for tests of HTTP itself."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from kenspeckle.api.app import create_app
from kenspeckle.domain import Key, Principal, Scope
from kenspeckle.errors import Unauthenticated
from kenspeckle.serving import server as server_
from kenspeckle.serving.flow import Bounds
from kenspeckle.settings import Settings
from kenspeckle.usecases.recognition.admission import Gate
from tests.api.fake import FakeRecognizer

LIMIT = 200_000


def key(*scopes: Scope, collections: tuple[str, ...] = ()) -> Key:
    """A key for tests."""
    return Key("key-1", "test", "api", frozenset(scopes), frozenset(collections), 1.7e9)


@dataclass
class Server:
    """A running server and what is behind it. `principal` is who every request is from; None: refuse."""

    app: FastAPI
    recognizer: FakeRecognizer
    gate: Gate
    client: httpx.Client
    port: int
    who: list[Principal | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, data: bytes, timeout: float = 5.0) -> bytes:
        """Raw bytes in, whatever comes back out until the server closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(data)
            return drained(connection)


def drained(connection: socket.socket) -> bytes:
    """What the server sends until it closes or falls silent."""
    connection.settimeout(0.25)
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except (TimeoutError, ConnectionResetError):
        pass
    return received


@contextmanager
def running(
    settings: Settings | None = None, gate: Gate | None = None, bounds: Bounds | None = None, **more: Any
) -> Iterator[Server]:
    """Serve a fresh application until the block ends."""
    settings = settings or replace(Settings(), max_image_bytes=LIMIT)
    gate = gate or Gate(2, 4, 1.0)
    recognizer = FakeRecognizer()
    who: list[Principal | None] = [Principal()]

    def authenticate(request: Request) -> Principal:
        if who[0] is None:
            raise Unauthenticated("A key is needed in the header x-api-key.")
        return who[0]

    app = create_app(recognizer=recognizer, settings=settings, gate=gate, authenticate=authenticate, **more)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = server_.Server(server_.config(app, replace(settings, drain_seconds=5.0), bounds=bounds))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        for _ in range(200):
            if server.started:
                break
            threading.Event().wait(0.02)
        try:
            yield Server(app, recognizer, gate, client, port, who)
        finally:
            server.should_exit = True
            thread.join(10)
            listener.close()


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def server(_server: Server) -> Server:
    """One process for all tests of a file, forgetful between them."""
    vars(_server.recognizer).update(vars(FakeRecognizer()))
    _server.who[0] = Principal()
    _server.client.cookies.clear()
    return _server


@pytest.fixture
def http(server: Server) -> httpx.Client:
    return server.client
