"""Our server on a free port of 127.0.0.1 over an application that tells what it got, for tests of HTTP itself."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from kenspeckle.serving.flow import Bounds
from kenspeckle.serving.server import Config, Server, config
from kenspeckle.serving.tls import Certificate
from kenspeckle.settings import Settings

QUICK = Bounds(head_seconds=0.4, idle_seconds=0.8, unread_seconds=0.5, send_seconds=0.3, anonymous_rate=1e9)
LARGE = 4_000_000


@dataclass
class Echo:
    """A running server and what its application was asked."""

    config: Config
    server: Server
    port: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)
    paths: dict[int, list[str]] = field(default_factory=dict)
    """What came on the connection from a port."""

    def connect(self, timeout: float = 5.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def exchange(self, *pieces: bytes | float, timeout: float = 5.0) -> bytes:
        """Sends pieces (numbers are pauses), and gives all that comes until the server closes."""
        with self.connect(timeout) as connection:
            for piece in pieces:
                if isinstance(piece, float):
                    time.sleep(piece)
                    continue
                try:
                    connection.sendall(piece)
                except (BrokenPipeError, ConnectionResetError):
                    break
            return received(connection)

    def until(self, holds: Callable[[], bool], seconds: float = 5.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it never came to hold"
            time.sleep(0.01)


def received(connection: socket.socket) -> bytes:
    """What comes until the server closes. Raises TimeoutError where it does not."""
    got = b""
    try:
        while data := connection.recv(65536):
            got += data
    except ConnectionResetError:
        pass
    return got


@contextmanager
def echoing(
    bounds: Bounds = QUICK, tls: Certificate | None = None, body_seconds: float = 0.5, **settings: Any
) -> Iterator[Echo]:
    """The server, until the block ends. `/large` answers LARGE bytes, `/refuse` 401 without reading the body, anything
    else what it was: method, path, length and digest of the body, for whose next part it waits `body_seconds`."""
    seen: list[tuple[str, str]] = []
    paths: dict[int, list[str]] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append((scope["method"], scope["path"]))
        paths.setdefault(scope["client"][1], []).append(scope["path"])
        if scope["path"] == "/refuse":
            await _answer(send, 401, b"no")
            return
        body = hashlib.sha256()
        size, more = 0, True
        while more:
            try:
                message = await asyncio.wait_for(receive(), body_seconds)
            except TimeoutError:
                await _answer(send, 408, b"slow", close=True)
                return
            if message["type"] == "http.disconnect":
                return
            body.update(message["body"])
            size, more = size + len(message["body"]), message["more_body"]
        if scope["path"] == "/large":
            await _answer(send, 200, bytes(LARGE))
            return
        names = [name.decode("latin-1") for name, _ in scope["headers"]]
        told = {"method": scope["method"], "path": scope["path"], "size": size, "sha256": body.hexdigest()}
        await _answer(send, 200, orjson.dumps({**told, "headers": names}))

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    chosen = config(app, replace(Settings(), drain_seconds=2.0, **settings), tls, bounds=bounds)
    server = Server(chosen)
    echo = Echo(chosen, server, port, seen, paths)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    echo.until(lambda: server.started)
    try:
        yield echo
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the server did not end"


def trusting(tls: Certificate) -> ssl.SSLContext:
    """A context of a client that asks for no name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _answer(send: Any, status: int, body: bytes, close: bool = False) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
