"""What one connection may cost: heads, bodies, trailers, pipelining, offers of other protocols, unread answers."""

from __future__ import annotations

import gc
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from kenspeckle.serving.http_protocol import Connection
from tests.serving.echo import LARGE, QUICK, Echo, echoing, received

GET = b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
INNER = b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def _echo() -> Iterator[Echo]:
    with echoing() as echo:
        yield echo


@pytest.fixture
def echo(_echo: Echo) -> Iterator[Echo]:
    _echo.seen.clear()
    yield _echo
    _echo.until(lambda: not _echo.config.connections)


def statuses(data: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]


def answers(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(one) for one in re.findall(rb"\{[^{}]*\}", data)]


@pytest.mark.parametrize("pause", [0.0, 0.05])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_an_offer_of_another_protocol_costs_no_body(echo: Echo, framing: str, pause: float) -> None:
    length = b"Content-Length: %d\r\n" % len(INNER)
    head = (
        b"POST /one HTTP/1.1\r\nHost: a\r\n"
        + H2C
        + (length if framing == "length" else b"Transfer-Encoding: chunked\r\n")
    )
    body = INNER if framing == "length" else b"%x\r\n%b\r\n0\r\nX-Trailer: y\r\n\r\n" % (len(INNER), INNER)
    got = echo.exchange(head + b"\r\n", pause, body + GET.replace(b"/one", b"/two"))
    assert [(one["path"], one["size"]) for one in answers(got)] == [("/one", len(INNER)), ("/two", 0)]
    assert ("GET", "/inner") not in echo.seen


def test_an_offer_without_a_body_is_ignored_too(echo: Echo) -> None:
    assert statuses(echo.exchange(GET[:-2] + H2C + b"\r\n" + GET)) == [200, 200]


def test_a_proxy_is_asked_for_in_vain(echo: Echo) -> None:
    assert statuses(echo.exchange(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n" + INNER)) == [400]
    assert echo.seen == []


def test_trailers_are_bounded_and_become_no_headers(echo: Echo) -> None:
    (one,) = answers(echo.exchange(CHUNKED + b"5\r\nhello\r\n0\r\nX-Api-Key: y\r\n\r\n"))
    assert one["size"] == 5
    assert "x-api-key" not in one["headers"]
    few = b"X-A: y\r\n" * QUICK.trailer_fields
    assert statuses(echo.exchange(CHUNKED + b"0\r\n" + few + b"\r\n")) == [200]
    assert statuses(echo.exchange(CHUNKED + b"0\r\n" + few + b"X-A: y\r\n\r\n")) == [431]
    for endless in (b"X-A: y\r\n" * 10_000, b"X-A: " + b"y" * 100_000):
        assert statuses(echo.exchange(CHUNKED + b"0\r\n", *[endless] * 5)) in ([431], [])


def test_what_is_broken_further_on_is_not_even_begun(echo: Echo) -> None:
    """It came with its head: the application would work on it for nothing."""
    many = b"X-A: y\r\n" * (QUICK.trailer_fields + 1)
    assert statuses(echo.exchange(CHUNKED + b"0\r\n" + many + b"\r\n")) == [431]
    assert statuses(echo.exchange(CHUNKED + b"nonsense\r\n")) == [400]
    assert echo.seen == []
    # A whole request before it is answered all the same.
    assert statuses(echo.exchange(GET + b"nonsense\r\n\r\n")) == [200]


def test_what_is_broken_behind_an_answer_gets_no_second_one(echo: Echo) -> None:
    with echo.connect() as connection:
        connection.sendall(CHUNKED.replace(b"/one", b"/refuse"))
        assert statuses(connection.recv(4096)) == [401]
        connection.sendall(b"0\r\n" + b"X-A: y\r\n" * 100)
        assert received(connection) == b""


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_request_names_one_host(echo: Echo, version: bytes) -> None:
    """RFC 9112, 3.2."""
    line = b"GET /one HTTP/" + version + b"\r\n"
    assert statuses(echo.exchange(line + b"\r\n")) == ([400] if version == b"1.1" else [200])
    assert statuses(echo.exchange(line + b"Host: a\r\nHost: b\r\n\r\n")) == [400]
    assert statuses(echo.exchange(line + b"Host:\r\n\r\n")) == [200]
    assert ("GET", "/two") not in echo.seen


def test_requests_that_close_their_connection_count_too() -> None:
    with echoing(replace(QUICK, anonymous_rate=0.01)) as echo:
        assert statuses(echo.exchange(GET[:-2] + b"Connection: close\r\n\r\n")) == [200]
        with echo.connect():
            echo.until(lambda: bool(echo.config.connections))
            assert echo.config.connections.entries()[0].delay() > 0


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (b"", [408]),
        (b"GET / HT", [408]),
        (GET + b"GET / HT", [200, 408]),
        (GET, [200]),
        (GET + b"\r\n", [200]),
        (CHUNKED + b"0\r\nX-Half: tr", [408]),
        (CHUNKED.replace(b"/one", b"/refuse") + b"0\r\nX-Half: tr", [401]),
        (b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nx", [401]),
        (b"POST /refuse HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 99\r\n\r\nx", [401]),
    ],
)
def test_whatever_does_not_go_on_is_ended(echo: Echo, what: bytes, told: list[int]) -> None:
    begun = time.monotonic()
    assert statuses(echo.exchange(what)) == told
    assert time.monotonic() - begun < 2


def test_dripping_does_not_put_off_the_end(echo: Echo) -> None:
    begun = time.monotonic()
    drip: list[bytes | float] = [b"x: y\r\n", 0.1]
    assert statuses(echo.exchange(GET, b"GET / HTTP/1.1\r\n", *drip * 20)) in ([200, 408], [200])
    refused = b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n"
    assert statuses(echo.exchange(refused, *drip * 20)) == [401]
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("path", [b"/large", b"/one"])
def test_answers_that_nobody_reads_are_dropped(echo: Echo, path: bytes) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.5)
        connection.connect(("127.0.0.1", echo.port))
        try:
            for _ in range(400 if path == b"/one" else 1):
                connection.sendall(GET.replace(b"/one", path) * 16)
        except OSError:
            pass
        echo.until(lambda: not echo.config.connections)


def test_the_system_takes_little_of_an_answer_that_nobody_reads() -> None:
    with echoing(replace(QUICK, send_seconds=30.0)) as echo, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", echo.port))
        connection.sendall(GET.replace(b"/one", b"/large"))
        echo.until(lambda: bool(echo.seen))
        (entry,) = echo.config.connections.entries()
        transport = getattr(entry.close, "__self__")  # noqa: B009  # its type knows no transport
        # The buffer (doubled by Linux) and what the client's own takes.
        echo.until(lambda: LARGE - 600_000 < transport.get_write_buffer_size() < LARGE)


def test_an_answer_that_is_read_slowly_arrives(echo: Echo) -> None:
    with echo.connect() as connection:
        connection.sendall(GET.replace(b"/one", b"/large"))
        begun, got = time.monotonic(), 0
        while got < LARGE:
            data = connection.recv(100_000)
            assert data, f"cut after {got} bytes"
            got += len(data)
            time.sleep(0.02)
        assert time.monotonic() - begun > 2 * QUICK.send_seconds


def test_a_refused_body_passes_so_that_its_answer_arrives() -> None:
    with echoing(replace(QUICK, unread_seconds=5.0, unread_bytes=3_000_000)) as echo:
        for close in (b"", b"Connection: close\r\n"):
            head = b"POST /refuse HTTP/1.1\r\nHost: a\r\n" + close + b"Content-Length: %d\r\n\r\n"
            with echo.connect() as connection:
                connection.sendall(head % 2_000_000)
                connection.sendall(bytes(2_000_000))
                assert statuses(received(connection)) == [401]
            with echo.connect() as connection:
                connection.sendall(head % 90_000_000)
                with pytest.raises((BrokenPipeError, ConnectionResetError)):
                    connection.sendall(bytes(90_000_000))


def test_what_is_answered_last_is_waited_for_at_the_end() -> None:
    with echoing() as echo, echo.connect() as connection:
        connection.sendall(GET.replace(b"/one", b"/large"))
        echo.until(lambda: bool(echo.seen))
        idle = echo.connect()
        echo.server.should_exit = True
        data = received(connection)
        assert len(data) > LARGE
        idle.close()


def test_a_connection_that_has_ended_is_freed_at_once(echo: Echo) -> None:
    """Not when the garbage collector runs: until then a flood of connections would take tens of megabytes."""
    ways: list[bytes] = [
        b"",
        b"GET / HT",
        GET + b"GET / HT",
        GET * 3,
        GET.replace(b"/one", b"/large"),
        CHUNKED + b"5\r\nhel",
        CHUNKED.replace(b"/one", b"/refuse") + b"0\r\nX-Half: tr",
        GET[:-2] + H2C + b"\r\n",
        b"nonsense\r\n\r\n",
        CHUNKED + b"0\r\n" + b"X-A: y\r\n" * 300,
    ]
    echo.until(lambda: not echo.config.connections)
    gc.collect()
    gc.disable()
    try:
        for way in ways:
            held = [echo.connect() for _ in range(3)]
            for one in held:
                one.sendall(way)
            echo.until(lambda: len(echo.config.connections) > 0)
            for one in held:
                one.close()
        echo.until(lambda: not echo.config.connections)
        echo.until(lambda: not left(Connection, RequestResponseCycle))
    finally:
        gc.enable()


def left(*kinds: type) -> list[str]:
    return [type(one).__name__ for one in gc.get_objects() if isinstance(one, kinds)]


def test_a_flood_without_a_key_waits_and_who_names_a_key_does_not() -> None:
    """They may share an address."""
    with echoing(replace(QUICK, anonymous_rate=1.0, longest_pause=60.0)) as echo, echo.connect() as waiting:
        echo.until(lambda: bool(echo.config.connections))
        for _ in range(10):
            echo.config.connections.entries()[0].delay(1.0)
        waiting.sendall(GET.replace(b"/one", b"/waiting"))
        for proof in (b"X-Api-Key: ksp_x\r\n", b"Authorization: AWS4-HMAC-SHA256 x\r\n"):
            with echo.connect() as named:
                named.sendall(GET[:-2] + proof + b"\r\n")
                assert statuses(named.recv(65536)) == [200]
        with echo.connect() as signed:
            signed.sendall(GET.replace(b"/one", b"/?X-Amz-Signature=0"))
            assert statuses(signed.recv(65536)) == [200]
        assert ("GET", "/waiting") not in echo.seen


def test_bytes_that_are_dropped_count_as_requests() -> None:
    """So a host that goes on sending after its answers is read slowly."""
    bounds = replace(
        QUICK, anonymous_rate=10.0, longest_pause=60.0, unread_seconds=60.0, unread_bytes=1 << 40, dropped_bytes=1024
    )
    with echoing(bounds) as echo, echo.connect() as connection:
        connection.sendall(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
        assert statuses(connection.recv(4096)) == [401]
        connection.settimeout(1.0)
        # What the system's buffers take: of the receiver's, which would grow to many megabytes, a few hundred KiB.
        assert poured(connection, 1 << 30) < 8 << 20
        (entry,) = echo.config.connections.entries()
        accepted = getattr(entry.close, "__self__").get_extra_info("socket")  # noqa: B009  # its type knows no transport
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * bounds.receive_buffer


def test_what_is_no_request_passes_for_a_megabyte_only() -> None:
    with echoing(replace(QUICK, unread_seconds=60.0)) as echo, echo.connect() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert poured(connection, 1 << 30) < QUICK.broken_bytes + (32 << 20)


def poured(connection: socket.socket, most: int) -> int:
    """How many bytes the server took until it closed the connection, or read no further."""
    sent = 0
    try:
        while sent < most:
            sent += connection.send(bytes(65536))
    except (BrokenPipeError, ConnectionResetError, TimeoutError):
        pass
    return sent


def test_chunks_of_a_byte_are_bounded(echo: Echo) -> None:
    """Each costs the server more than a kilobyte in a large chunk does: a million of them would hold up everybody for
    seconds."""
    lines = b"4c\r\n" + b"A" * 76 + b"\r\n"
    (one,) = answers(echo.exchange(CHUNKED + lines * 25_000 + b"0\r\n\r\n", timeout=30.0))
    assert one["size"] == 76 * 25_000
    assert statuses(echo.exchange(CHUNKED + b"1\r\nx\r\n" * 30_000 + b"0\r\n\r\n", timeout=30.0)) in ([400], [])


def test_chunks_of_a_byte_after_their_answer_count_as_larger_ones() -> None:
    with echoing(replace(QUICK, unread_seconds=60.0, unread_bytes=1 << 20)) as echo, echo.connect() as connection:
        connection.sendall(CHUNKED.replace(b"/one", b"/refuse"))
        assert statuses(connection.recv(4096)) == [401]
        connection.sendall(b"1\r\nx\r\n" * 2000)  # As much as 2,000 KiB.
        connection.settimeout(5.0)
        assert received(connection) == b""
