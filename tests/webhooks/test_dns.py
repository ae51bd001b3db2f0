"""A name server that hangs holds up neither a message beyond its time, nor a test of an endpoint, nor closing.

The system's look-up is replaced here: which name server it asks is the machine's own configuration, which no test may
change, and glibc takes neither another server nor another port from a process.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from kenspeckle.domain import DeliveryState, Sent
from kenspeckle.usecases.webhooks import dispatcher as courier_
from kenspeckle.webhook_transport import http as carrier_
from kenspeckle.webhook_transport.allowlist import Reach
from kenspeckle.webhook_transport.http import Transport
from tests.webhooks.conftest import Post, Receiver, until

NAME = "hang.example.org"
HELD = 8.0
"""Seconds that a look-up hangs, longer than everything here may take together."""


@dataclass
class NameServer:
    """Says nothing of `NAME` until it is let go, and then that it leads to 127.0.0.1; `asked` counts."""

    asked: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    server, real = NameServer(), socket.getaddrinfo

    def slow(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host != NAME:
            return real(host, port, *more, **named)
        server.asked += 1
        server.let_go.wait(HELD)
        return real("127.0.0.1", port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield server
    server.let_go.set()


async def carried(url: str, seconds: float) -> Sent:
    transport = Transport(Reach.parse(f"127.0.0.1,{NAME}"), seconds, "test")
    try:
        return await transport.send(url, {}, b"{}")
    finally:
        await transport.close()


def test_a_message_says_in_time_that_its_name_was_not_found(names: NameServer) -> None:
    begun = time.monotonic()
    sent = asyncio.run(carried(f"https://{NAME}/x", 0.6))
    assert time.monotonic() - begun < 2.0
    assert (sent.status, sent.error) == (None, f"Not sent: the name '{NAME}' was not resolved in time.")
    assert sent.seconds < 0.6


def test_an_endpoint_is_tried_out_in_its_time(post: Post, names: NameServer) -> None:
    hook, _ = post.endpoints.create(f"https://{NAME}/x")
    begun = time.monotonic()
    delivery = asyncio.run(post.endpoints.test(hook.webhook_id))
    assert time.monotonic() - begun < 2.0
    assert delivery.state is DeliveryState.FAILED
    assert "was not resolved in time" in delivery.error


def test_the_courier_closes_in_its_time_and_others_get_their_messages(
    post: Post, receiver: Receiver, names: NameServer
) -> None:
    post.endpoints.create(f"https://{NAME}/x")
    post.endpoints.create(receiver.url("/ok"))
    dispatcher = post.dispatcher(seconds=30.0)
    post.index()
    until(lambda: names.asked and receiver.of("/ok"))
    begun = time.monotonic()
    dispatcher.close()
    assert time.monotonic() - begun < courier_.GRACE_SECONDS + 2.0


def test_messages_wait_for_one_look_up_of_their_name_and_later_ones_begin_another(
    receiver: Receiver, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_, "NAME_SHARE", 0.1)
    url = f"http://{NAME}:{receiver.server.server_port}/ok"

    async def sent() -> list[Sent]:
        transport = Transport(Reach.parse(NAME), 5.0, "test")
        try:
            late = await asyncio.gather(*(transport.send(url, {}, b"{}") for _ in range(5)))
            waiting = asyncio.create_task(transport.send(url, {}, b"{}"))
            await asyncio.sleep(0.1)
            assert names.asked == 1
            names.let_go.set()
            return [
                *late,
                await waiting,
                *[await transport.send(url, {"connection": "close"}, b"{}") for _ in range(2)],
            ]
        finally:
            await transport.close()

    found = asyncio.run(sent())
    assert [one.status for one in found] == [None] * 5 + [204] * 3
    assert len(receiver.of("/ok")) == 3
    assert names.asked == 2, "the look-up that was under way, and one for the connection that was closed"
