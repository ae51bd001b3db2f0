"""The transport on real sockets: a name with an address that answers nothing."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from kenspeckle.webhook_transport import http
from kenspeckle.webhook_transport.allowlist import Reach
from kenspeckle.webhook_transport.http import Transport


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """127.0.0.1 answers on it; 127.0.0.2 answers nothing, for its queue of connections is full and Linux drops more."""
    if sys.platform != "linux":
        pytest.skip("only Linux has all of 127.0.0.0/8, and drops what a full queue has no room for")
    with HTTPServer(("127.0.0.1", 0), _Receiver) as server, socket.socket() as full:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        full.bind(("127.0.0.2", server.server_port))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", server.server_port))
        yield server.server_port
        for one in waiting:
            one.close()
        server.shutdown()


def test_an_address_that_answers_nothing_leaves_time_for_the_next(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ADDRESS_SECONDS", 0.3)

    def both(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)

    async def sent() -> Any:
        one = Transport(Reach.parse("127.0.0.0/8"), 5.0, "test")
        try:
            return await one.send(f"http://two.example.org:{port}/", {}, b"{}")
        finally:
            await one.close()

    found = asyncio.run(sent())
    assert (found.status, found.error) == (204, "")
    assert found.seconds >= 0.3, "the first address was not tried"
