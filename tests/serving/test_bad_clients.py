"""Clients that break off, drip, send too much or too long: what they are told, and that nothing is stored of them."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartParser

from kenspeckle.serving import bodies
from kenspeckle.serving.flow import Bounds
from tests.api.conftest import LIMIT, Server, drained, running
from tests.api.fake import photograph


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.005)


def test_a_photograph_too_large_is_refused_by_its_declared_length(server: Server) -> None:
    head = f"PUT /v1/search HTTP/1.1\r\nhost: x\r\ncontent-type: image/jpeg\r\ncontent-length: {LIMIT + 1}\r\n\r\n"
    received = server.send(head.encode())
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"KENSPECKLE_MAX_IMAGE_BYTES" in received
    assert server.recognizer.calls == []


def test_a_client_that_asks_first_is_told_before_it_sends(server: Server) -> None:
    head = "PUT /v1/search HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: image/jpeg\r\n"
    received = server.send(f"{head}content-length: {LIMIT + 1}\r\n\r\n".encode())
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in received
    body = photograph("a")
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert drained(connection).startswith(b"HTTP/1.1 200 ")


def test_chunks_are_as_good_as_a_length(http: httpx.Client) -> None:
    whole = photograph("a", 50_000)
    answer = http.put("/v1/search", content=(whole[start : start + 999] for start in range(0, len(whole), 999)))
    assert answer.status_code == 200


def test_a_body_longer_than_declared_stores_nothing(server: Server) -> None:
    body = photograph("a")
    head = f"PUT /v1/index/a.jpg HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    received = server.send(head + body + b"and more that nobody declared\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"application/problem+json" in received
    assert b"Content-Length declared" in received
    assert server.recognizer.calls == []


def test_what_follows_a_request_under_way_does_not_cost_it_its_answer(server: Server) -> None:
    body = photograph("a")
    head = f"PUT /v1/index/a.jpg HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    server.recognizer.hold = threading.Event()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(head + body)
        _until(lambda: bool(server.recognizer.calls))
        connection.sendall(b"and more that nobody declared\r\n\r\n")
        server.recognizer.hold.set()
        received = drained(connection)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.count(b"HTTP/1.1 ") == 1


def test_a_client_that_stops_half_way_changes_nothing(server: Server) -> None:
    for head in (b"content-length: 5000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n64\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"PUT /v1/index/a.jpg HTTP/1.1\r\nhost: x\r\n" + head + photograph("a"))
            connection.shutdown(socket.SHUT_WR)
            assert drained(connection) == b""
    _until(lambda: server.gate.admitted == 0)
    assert server.recognizer.calls == []
    numbers = server.client.get("/metrics").text
    assert 'kenspeckle_requests_total{method="PUT",route="/v1/index/{filename}",status="499"}' in numbers


def test_a_client_that_drips_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.2)
    received = server.send(b"PUT /v1/search HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n\xff\xd8")
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in received
    assert b'"code":"request_timeout"' in received
    assert b"too slowly: 2 bytes" in received
    _until(lambda: server.gate.admitted == 0)


def test_bodies_that_come_slowly_hold_no_place(server: Server) -> None:
    head = b"PUT /v1/search HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n\xff\xd8"
    with ExitStack() as stack:
        for _ in range(2 * (server.gate.workers + server.gate.queue)):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            slow.sendall(head)
        assert server.client.put("/v1/search", content=photograph("a")).status_code == 200
        assert server.gate.admitted == 0


def test_a_head_that_does_not_come() -> None:
    with running(bounds=Bounds(head_seconds=0.2)) as server:
        for begun in (b"", b"PUT /v1/search HTTP/1.1\r\nhost: x\r\nx-a: "):
            received = server.send(begun)
            assert received.startswith(b"HTTP/1.1 408 ")
            assert b"new connection" in received


@pytest.mark.parametrize("step", [1000, 150_000])
def test_a_head_without_end(server: Server, step: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ")
        _sent(connection, b"a" * step, 300_000 // step)
        received = drained(connection)
    # Where the server closed while bytes were on their way, the system may drop the answer.
    assert received == b"" or received.startswith(b"HTTP/1.1 431 ")
    assert server.client.get("/healthz").status_code == 200


def test_heads_and_bodies_that_come_in_one_piece(server: Server) -> None:
    body = photograph("a", 100_000)
    one = f"PUT /v1/search HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    received = server.send(one * 3)
    assert received.count(b"HTTP/1.1 200 ") == 3


def test_a_refused_body_is_let_pass_to_a_point() -> None:
    head = b"PUT /v1/search HTTP/1.1\r\nhost: x\r\ncontent-type: image/jpeg\r\ncontent-length: 100000000\r\n\r\n"
    with (
        running(bounds=Bounds(unread_bytes=1_000_000)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection,
    ):
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
        assert _sent(connection, bytes(1_000_000), 100) < 100


def _sent(connection: socket.socket, piece: bytes, times: int) -> int:
    """How many pieces the server took before it closed the connection."""
    for done in range(times):
        try:
            connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return done
    return times


def test_a_large_form_is_taken_apart_beside_the_event_loop(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without file names that takes a second for 38 MiB, in which nobody else would be answered."""
    threads: list[bool] = []
    really = MultiPartParser.parse

    async def noted(parser: MultiPartParser) -> FormData:
        threads.append(threading.current_thread().name.startswith("AnyIO"))
        return await really(parser)

    monkeypatch.setattr(MultiPartParser, "parse", noted)
    monkeypatch.setattr(bodies, "LARGE_FORM", 50_000)
    text = base64.b64encode(photograph("a", 60_000))
    part = b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    kind = {"content-type": "multipart/form-data; boundary=x"}
    for size in (len(text), 400):
        form = part % (b"source", text[:size]) + part % (b"target", text[:size]) + b"--x--\r\n"
        assert server.client.post("/v1/compare", content=form, headers=kind).status_code == 200
    assert threads == [True, False]
    broken = b"--x\r\nnonsense" + text
    assert server.client.post("/v1/compare", content=broken, headers=kind).status_code == 422


def test_fields_of_a_forms_parts_are_bounded(server: Server) -> None:
    part = (
        b'--x\r\ncontent-disposition: form-data; name="source"\r\n' + b"a: b\r\n" * 20_000 + b"\r\nhello\r\n--x--\r\n"
    )
    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = server.client.post("/v1/compare", content=part, headers=kind)
    assert answer.status_code == 422
    long = part.replace(b"a: b\r\n" * 20_000, b"a: " + b"b" * 100_000 + b"\r\n")
    assert server.client.post("/v1/compare", content=long, headers=kind).status_code == 422
