"""How much memory bodies and answers may take: of one client, of one without proof of a key, and of all."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kenspeckle.errors import Overloaded
from kenspeckle.serving.budget import Budget
from kenspeckle.serving.envelope import Envelope
from kenspeckle.serving.flow import Bounds
from tests.api.conftest import Server, running
from tests.api.fake import photograph


def test_what_one_client_holds_keeps_others_in() -> None:
    budget = Budget(most=100, known=60, unknown=30)
    first, second, other = budget.share("192.0.2.1"), budget.share("192.0.2.1"), budget.share("192.0.2.2")
    first.take(20)
    with pytest.raises(Overloaded):
        second.take(20)
    second.known = True
    second.take(20)
    other.take(30)
    assert budget.held == 70
    first.give_back()
    first.give_back()
    assert budget.held == 50


def test_a_clients_only_request_may_be_larger() -> None:
    budget = Budget(most=100, known=10, unknown=10)
    share, other = budget.share("192.0.2.1"), budget.share("192.0.2.2")
    for _ in range(20):
        share.take(10)
    with pytest.raises(Overloaded):
        other.take(1)
    share.give_back()
    other.take(1)


def test_shares_are_exact_under_threads() -> None:
    budget = Budget(most=10**9, known=10**9, unknown=10**9)

    def work() -> None:
        for _ in range(500):
            share = budget.share("192.0.2.1")
            share.take(3)
            share.give_back()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert budget.held == 0


def envelope(server: Server) -> Envelope:
    found: Any = server.app.middleware_stack
    while not isinstance(found, Envelope):
        found = found.app
    return found


def test_bodies_beyond_the_budget_are_refused_and_given_back() -> None:
    with running() as server:
        server.client.get("/healthz")
        bodies = envelope(server).bodies
        bodies.known = 150_000
        head = b"PUT /v1/search HTTP/1.1\r\nhost: x\r\ncontent-length: 150000\r\n\r\n"
        with ExitStack() as stack:
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            slow.sendall(head + bytes(100_000))
            until(lambda: bodies.held == 100_000)
            answer = server.client.put("/v1/search", content=photograph("a", 100_000))
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
            assert server.client.put("/v1/search", content=photograph("a", 40_000)).status_code == 200
        until(lambda: bodies.held == 0)


def test_answers_that_nobody_reads_take_what_the_budget_has() -> None:
    size = 16_000_000

    async def large(_: Request) -> Response:
        return Response(bytes(size))

    bounds = Bounds(send_seconds=1.5)
    with running(extra_routes=[Route("/large", large)], bounds=bounds) as server:
        assert len(server.client.get("/large").content) == size
        answers = envelope(server).answers
        answers.known = answers.unknown = 2 * size
        with ExitStack() as stack:
            for _ in range(2):
                unread = stack.enter_context(socket.socket())
                unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                unread.connect(("127.0.0.1", server.port))
                unread.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
            until(lambda: answers.held == 2 * size)
            refused = server.client.get("/large")
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert server.client.head("/large").headers["content-length"] == str(size)
            assert server.client.get("/healthz").status_code == 200
            until(lambda: answers.held == 0)
        assert len(server.client.get("/large").content) == size


def until(holds: Any) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)
