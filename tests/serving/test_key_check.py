"""Hosts that send many wrong keys: what they cost, and that a right key behind the same address does not wait."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from kenspeckle.api.app import create_app
from kenspeckle.api.auth import Authenticator
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import StorageUnavailable
from kenspeckle.rekognition.protocol import refuse_unknown_pair
from kenspeckle.serving import connections
from kenspeckle.serving import server as server_
from kenspeckle.serving.key_check import KeyCheck
from kenspeckle.serving.metrics import Metrics
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.keys import Access
from kenspeckle.usecases.audit.refused_requests import Refusals
from kenspeckle.usecases.recognition.admission import Gate
from tests.api.conftest import drained
from tests.api.fake import FakeRecognizer
from tests.fakes.memory_keys import MemoryKeys

WRONG = b"X-Api-Key: ksp_" + b"0" * 43 + b"\r\n"
SIGNED = (
    b"Authorization: AWS4-HMAC-SHA256 Credential=KSPA0000000000000000/20260101/us-east-1/rekognition/aws4_request, "
    b"SignedHeaders=host, Signature=" + b"0" * 64 + b"\r\n"
)


@dataclass
class Noted:
    """Stands where `Refusals` would write to the audit trail, and counts."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, route: str, code: str, **_: str) -> None:
        self.counts[route, code] += 1


class Counting:
    """ASGI middleware that counts what reaches the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.asked.append(scope["path"])
        await self.app(scope, receive, send)


@dataclass
class Guarded:
    """A server that needs keys."""

    port: int
    access: Access
    keys: MemoryKeys
    noted: Noted
    reached: list[str]
    config: server_.Config

    def ask(self, head: bytes, *fields: bytes, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers, body."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(head + b"Host: a\r\n" + b"".join(fields) + b"Connection: close\r\n\r\n" + body)
            got = b""
            while data := connection.recv(65536):
                got += data
        start, _, rest = got.partition(b"\r\n\r\n")
        line, *lines = start.decode().split("\r\n")
        return int(line.split()[1]), dict(one.split(": ", 1) for one in lines), rest

    def wrong(self) -> tuple[int, dict[str, str], bytes]:
        return self.ask(b"GET /v1/collections HTTP/1.1\r\n", WRONG)

    def flood(self) -> None:
        """From now on this host is one that sends many wrong keys; its requests without a key need not wait."""
        assert self.wrong()[0] == 401
        self.reached.clear()
        self.noted.counts.clear()

    def make_wait(self) -> None:
        """Requests without a right key wait for seconds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10):
            end = time.monotonic() + 5
            while not self.config.connections and time.monotonic() < end:
                time.sleep(0.01)
            for _ in range(50):
                self.config.connections.entries()[0].delay(10.0)


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    """One wrong key is too many for minutes."""
    monkeypatch.setattr(connections, "WRONG_RATE", 0.01)
    keys, noted, metrics = MemoryKeys(), Noted(), Metrics()
    access = Access(keys, MasterKey(tmp_path / "master.key"), loopback=False)
    refusals = cast(Refusals, noted)
    app: FastAPI = create_app(
        recognizer=FakeRecognizer(),
        settings=Settings(),
        gate=Gate(1, 1, 1.0),
        authenticate=Authenticator(access),
        metrics=metrics,
        refusals=refusals,
    )
    app.state.key_check = KeyCheck(access, metrics, refusals, refuse_unknown_pair)
    config = server_.config(app, Settings(drain_seconds=2.0))
    counting = Counting(app)
    config.app = counting
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = server_.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        end = time.monotonic() + 10
        while not server.started and time.monotonic() < end:
            time.sleep(0.01)
        yield Guarded(listener.getsockname()[1], access, keys, noted, counting.asked, config)
        server.should_exit = True
        thread.join(10)
        access.close()


def alike(one: tuple[int, dict[str, str], bytes]) -> Any:
    """An answer without what differs from request to request."""
    status, headers, body = one
    said = json.loads(body) if body else None
    request_id = headers.pop("x-request-id")
    headers.pop("date", None)
    for name in ("request_id", "Logref"):
        if said is not None and name in said:
            assert said.pop(name) == request_id
    headers.pop("content-length")
    return status, headers, said


def test_many_wrong_keys_reach_the_application_no_more_and_are_answered_as_before(guarded: Guarded) -> None:
    before = alike(guarded.wrong())
    assert guarded.reached == ["/v1/collections"]
    guarded.reached.clear()
    guarded.noted.counts.clear()
    assert alike(guarded.wrong()) == before
    status, headers, body = guarded.ask(b"HEAD /v1/collections HTTP/1.1\r\n", WRONG, b"X-Request-Id: mine\r\n")
    assert (status, headers["x-request-id"], body) == (401, "mine", b"")
    assert guarded.ask(b"GET /api/v1/recognition/faces HTTP/1.1\r\n", WRONG)[2] == (
        b'{"message":"This key is unknown. Check that all of it is sent in the header x-api-key.","code":0}'
    )
    assert guarded.reached == []
    assert guarded.noted.counts == {("GET unmatched", "unauthenticated"): 2, ("HEAD unmatched", "unauthenticated"): 1}


def test_an_unknown_pair_is_refused_in_amazons_words(guarded: Guarded) -> None:
    guarded.flood()
    status, headers, body = guarded.ask(
        b"POST / HTTP/1.1\r\n",
        SIGNED,
        b"Content-Length: 5\r\nX-Amz-Target: RekognitionService.DetectFaces\r\n",
        body=b"{",
    )
    said = json.loads(body)
    assert (status, said["__type"], said["Code"]) == (400, *["UnrecognizedClientException"] * 2)
    assert said["Logref"] == headers["x-amzn-requestid"] == headers["x-request-id"]
    presigned = b"POST /?X-Amz-Credential=KSPA0000000000000000%2F20260101&X-Amz-Signature=0 HTTP/1.1\r\n"
    assert json.loads(guarded.ask(presigned)[2])["Code"] == "UnrecognizedClientException"
    assert guarded.reached == []
    assert guarded.noted.counts == {("POST unmatched", "UnrecognizedClientException"): 2}


def test_a_right_key_behind_the_same_address_does_not_wait(guarded: Guarded) -> None:
    """Not even one that is made later, in another process: what was not found is looked up again."""
    made = guarded.access.create("desk")
    guarded.flood()
    guarded.make_wait()
    with socket.create_connection(("127.0.0.1", guarded.port)) as waiting:
        waiting.sendall(b"GET /v1/collections HTTP/1.1\r\nHost: a\r\n" + WRONG + b"\r\n")
        assert guarded.ask(b"GET /v1/collections HTTP/1.1\r\n", b"X-Api-Key: %b\r\n" % made.api_key.encode())[0] == 200
        later = guarded.access.create("later", aws=True)
        key = b"X-Api-Key: %b\r\n" % later.api_key.encode()
        assert guarded.ask(b"GET /v1/collections HTTP/1.1\r\n", key)[0] == 200
        assert drained(waiting) == b""
    assert guarded.reached == ["/v1/collections"] * 2


def test_a_connection_on_which_a_key_was_proved_is_asked_no_more(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = guarded.access.create("desk")
    guarded.flood()
    asked: list[str] = []
    check = cast(KeyCheck, guarded.config.key_check)
    ask = check.ask

    def noting(scope: Scope, then: Any) -> None:
        asked.append(scope["path"])
        ask(scope, then)

    monkeypatch.setattr(check, "ask", noting)
    head = b"GET /v1/collections HTTP/1.1\r\nHost: a\r\nX-Api-Key: %b\r\n\r\n" % made.api_key.encode()
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=10) as kept:
        for _ in range(3):
            kept.sendall(head)
            assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert len(asked) == 1
    assert len(guarded.reached) == 3


def test_a_key_that_is_not_needed_keeps_nobody_from_what_is_open(guarded: Guarded) -> None:
    guarded.flood()
    assert guarded.ask(b"GET /healthz HTTP/1.1\r\n", WRONG)[0] == 200


def test_a_header_that_proves_nothing_waits_as_none_does(guarded: Guarded) -> None:
    guarded.flood()
    guarded.make_wait()
    with socket.create_connection(("127.0.0.1", guarded.port)) as waiting:
        waiting.sendall(b"GET /v1/collections HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n\r\n")
        assert drained(waiting) == b""
    assert guarded.reached == []


def test_a_revoked_key_is_told_so(guarded: Guarded) -> None:
    made = guarded.access.create("desk")
    guarded.access.revoke(made.key.key_id)
    guarded.flood()
    status, _, body = guarded.ask(b"GET /v1/collections HTTP/1.1\r\n", b"X-Api-Key: %b\r\n" % made.api_key.encode())
    assert status == 401
    assert "'desk' was revoked" in json.loads(body)["detail"]
    assert guarded.reached == []


def test_where_the_catalog_does_not_answer_the_application_says_so(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded.flood()

    def away(digest: str) -> None:
        raise StorageUnavailable("the catalog is away")

    monkeypatch.setattr(guarded.keys, "key_by_digest", away)
    assert guarded.wrong()[0] == 503


def test_wrong_keys_that_come_together_are_looked_up_together(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two looks at the catalog for a hundred requests: the first, and that for all who came meanwhile."""
    guarded.flood()
    threads: list[list[str]] = []
    why = guarded.config.key_check._why_all  # type: ignore[union-attr]  # the server has one
    waits = threading.Event()

    def slow(batch: Any) -> Any:
        threads.append([one.text for one in batch])
        waits.wait(10)
        return why(batch)

    monkeypatch.setattr(guarded.config.key_check, "_why_all", slow)
    with contextlib.ExitStack() as stack:
        for number in range(100):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", guarded.port)))
            one.sendall(b"GET /v1/collections HTTP/1.1\r\nHost: a\r\nX-Api-Key: ksp_%d\r\n\r\n" % number)
        end = time.monotonic() + 10
        check = cast(KeyCheck, guarded.config.key_check)
        while len(check._asked) < 99 and time.monotonic() < end:
            time.sleep(0.01)
        waits.set()
        while sum(guarded.noted.counts.values()) < 100 and time.monotonic() < end:
            time.sleep(0.01)
    assert len(threads) <= 2
    assert sum(len(one) for one in threads) == 100
