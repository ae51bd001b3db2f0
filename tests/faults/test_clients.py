"""Clients that break HTTP: lengths that lie, half requests, dripping bytes, huge heads, two messages in one."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from kenspeckle.cli.launch import Launched
from tests.faults.conftest import resident_mib
from tests.faults.portraits import Portraits

HEAD = b"POST /v1/detect HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Wire:
    """A plain socket to the server."""

    def __init__(self, server: Launched) -> None:
        parts = urlsplit(server.url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=20)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        # A server that has answered already may have closed.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def end(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def is_answered(self) -> bool:
        """Whether something came back, if only the end of the connection; without waiting, and without taking it."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.socket.settimeout(20)
        return True

    def statuses(self, enough: int = 1) -> list[int]:
        """Status codes of what comes until the server closes, or until there are enough."""
        received = b""
        while True:
            found = [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
            if len(found) >= enough and b"\r\n\r\n" in received:
                return found
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return found
            received += data


@pytest.fixture
def wire(server: Launched, client: httpx.Client) -> Iterator[Wire]:
    with Wire(server) as wire:
        yield wire


def test_a_body_longer_than_declared(wire: Wire, portraits: Portraits) -> None:
    photograph = portraits[0]
    wire.send(
        HEAD + b"Content-Length: %d\r\n\r\n" % len(photograph) + photograph + b"and more that nobody declared\r\n\r\n"
    )
    # What follows is read as another request and is none. The server says so, perhaps before it answers the first.
    assert wire.statuses(2) in ([200, 400], [200], [400])


def test_a_body_shorter_than_declared_and_then_closed(
    server: Launched, client: httpx.Client, portraits: Portraits
) -> None:
    before = client.get("/v1/info").json()
    for _ in range(20):
        with Wire(server) as wire:
            wire.send(
                b"PUT /v1/index/half.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999\r\n\r\n" + portraits[1]
            )
    assert client.get("/v1/info").json()["counts"] == before["counts"]
    assert client.post("/v1/detect", content=portraits[0]).status_code == 200


def test_a_client_that_half_closes(wire: Wire, portraits: Portraits) -> None:
    wire.send(HEAD + b"Content-Length: 999999\r\n\r\n" + portraits[0])
    wire.end()
    assert wire.statuses() in ([], [400])


def test_clients_that_stop_or_drip_are_cut_and_hold_nobody_up(
    server: Launched, client: httpx.Client, portraits: Portraits
) -> None:
    begun = time.monotonic()
    stopped, dripping = [], [Wire(server) for _ in range(8)]
    for path in (b"PUT /v1/index/slow.jpg", b"PUT /v1/search", b"POST /v1/detect", b"POST /v1/keys"):
        wire = Wire(server)
        wire.send(path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999\r\n\r\n" + portraits[0][:5000])
        stopped.append(wire)
    for wire in dripping:
        wire.send(HEAD + b"Content-Length: 500000\r\n\r\n" + portraits[0][:100])
    while not all(wire.is_answered() for wire in (*stopped, *dripping)) and time.monotonic() - begun < 25:
        asked = time.monotonic()
        assert client.post("/v1/detect", content=portraits[0]).status_code == 200
        assert time.monotonic() - asked < 5
        for wire in dripping:
            wire.send(b"\xff" * 10)
        time.sleep(0.4)
    assert time.monotonic() - begun > 5
    assert [wire.statuses() for wire in stopped] == [[408]] * len(stopped)
    assert all(wire.is_answered() for wire in dripping)
    for wire in (*stopped, *dripping):
        wire.socket.close()


def test_idle_and_half_said_heads_do_not_keep_others_out(
    server: Launched, client: httpx.Client, portraits: Portraits
) -> None:
    idle = [Wire(server) for _ in range(300)]
    for number, wire in enumerate(idle):
        if number % 2:
            wire.send(HEAD)
    assert client.post("/v1/detect", content=portraits[0]).status_code == 200
    for wire in idle:
        wire.socket.close()


HOSTILE = {
    "no length and no body": HEAD + b"\r\n",
    "a length that is no number": HEAD + b"Content-Length: many\r\n\r\n",
    "a negative length": HEAD + b"Content-Length: -5\r\n\r\n",
    "an astronomic length": HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a length of 2**64": HEAD + b"Content-Length: 18446744073709551616\r\n\r\n",
    "a length over the limit": HEAD + b"Content-Length: 999999999\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "broken chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "an unknown transfer encoding": HEAD + b"Transfer-Encoding: rot13\r\n\r\nhello",
    "a compressed body": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "a huge header": HEAD + b"X-Long: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "many headers": HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
    "a huge path": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a NUL in the path": b"PUT /v1/index/a%00b.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
    "a path upwards": b"GET /v1/images/..%2f..%2fkenspeckle.db HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a path of no UTF-8": b"PUT /v1/index/%ff%fe.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
    "a query of no UTF-8": b"GET /v1/info?%ff=%fe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a NUL in a header": HEAD + b"X-A: a\x00b\r\n\r\n",
    "a header of no ASCII": HEAD + b"X-Api-Key: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    "no host": b"GET /v1/info HTTP/1.1\r\n\r\n",
    "another host": b"GET /v1/info HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "an unknown method": b"BREW /v1/index/a.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "another version": b"GET /v1/info HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an upgrade to WebSocket": b"GET /v1/info HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: "
    b"websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "a form without a boundary": b"POST /v1/compare HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: multipart/form-data\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_messages_that_break_the_rules(wire: Wire, what: str) -> None:
    wire.send(HOSTILE[what])
    wire.end()
    statuses = wire.statuses()
    assert all(400 <= status < 500 for status in statuses)
    assert len(statuses) <= 1


def test_smuggled_requests_are_not_answered(wire: Wire) -> None:
    inner = b"GET /v1/info HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    wire.send(HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n" % (5 + len(inner)) + inner)
    assert 200 not in wire.statuses(2)


def test_an_endless_body_is_cut_at_the_limit(server: Launched, wire: Wire) -> None:
    before = resident_mib(server.process.pid)
    wire.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"\xff" * 0x10000 + b"\r\n"
    for _ in range(1000):  # 62 MiB, where 15 are taken
        wire.send(chunk)
    assert wire.statuses() == [413]
    assert resident_mib(server.process.pid) - before < 120


def test_an_answer_that_nobody_reads(server: Launched, client: httpx.Client, portraits: Portraits) -> None:
    client.put("/v1/index/unread.jpg", content=portraits[3]).raise_for_status()
    with Wire(server) as wire:
        ask = b"GET /v1/images/unread.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        for _ in range(200):
            wire.send(ask)
        assert client.post("/v1/detect", content=portraits[0]).status_code == 200
