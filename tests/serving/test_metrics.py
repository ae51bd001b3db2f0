"""What operators rely on: ids, headers, numbers, logs, refusal under load, a shutdown that finishes what it took."""

from __future__ import annotations

import asyncio
import io
import json
import re
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from kenspeckle.domain import Principal, Scope
from kenspeckle.errors import ModelMissing, Overloaded, StorageUnavailable
from kenspeckle.serving import logs, threads
from kenspeckle.serving.server import Server, config
from kenspeckle.settings import Settings
from kenspeckle.usecases.recognition.admission import Gate
from tests.api.conftest import Server as Running
from tests.api.conftest import key, running
from tests.api.fake import photograph


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.005)


def _number(server: Running, line: str) -> float:
    found = re.search(rf"^{re.escape(line)} (\S+)$", server.client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize("sent", ["a", "A.b_c-1", "x" * 128])
def test_a_clients_request_id_is_kept(http: httpx.Client, sent: str) -> None:
    assert http.get("/healthz", headers={"x-request-id": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "é".encode(), b"a\xff", "a;b"])
def test_an_odd_request_id_is_replaced(http: httpx.Client, sent: str | bytes) -> None:
    given = http.get("/healthz", headers=[(b"x-request-id", sent.encode() if isinstance(sent, str) else sent)])
    assert re.fullmatch(r"[0-9a-f-]{36}", given.headers["x-request-id"])


@pytest.mark.parametrize("path", ["/healthz", "/v1/info", "/nowhere", "/v1/collections/nowhere", "/metrics"])
def test_every_answer_has_safe_headers_and_its_own_id(http: httpx.Client, path: str) -> None:
    one, two = http.get(path), http.get(path)
    assert one.headers["x-request-id"] != two.headers["x-request-id"]
    assert one.headers["cache-control"] == "no-store"
    assert one.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in one.headers["content-security-policy"]
    assert len(one.headers.get_list("x-request-id")) == 1


def test_requests_are_counted_by_route_and_never_by_name(server: Running) -> None:
    line = 'kenspeckle_requests_total{method="PUT",route="/v1/index/{filename}",status="200"}'
    before = _number(server, line)
    for name in ("one.jpg", "two.jpg"):
        server.client.put(f"/v1/index/{name}", content=photograph("a"))
    server.client.get("/nowhere/at/all")
    server.client.request("BREW", "/healthz")
    assert _number(server, line) == before + 2
    text = server.client.get("/metrics").text
    assert "one.jpg" not in text
    assert "nowhere" not in text
    assert 'route="unmatched",status="404"' in text
    assert 'kenspeckle_request_seconds_bucket{le="0.5",route="/v1/index/{filename}"}' in text


def test_faces_stages_and_the_gate_are_counted(server: Running) -> None:
    indexed = _number(server, "kenspeckle_faces_indexed_total")
    searched = _number(server, "kenspeckle_faces_searched_total")
    server.client.put("/v1/index/both.jpg", content=photograph("a & b"))
    server.client.put("/v1/search?all_faces=true", content=photograph("a & b"))
    server.client.put("/v1/search", content=photograph("a & b"))
    assert _number(server, "kenspeckle_faces_indexed_total") == indexed + 2
    assert _number(server, "kenspeckle_faces_searched_total") == searched + 3
    server.app.state.edge.metrics.observe("detect", 0.004)
    assert _number(server, 'kenspeckle_stage_seconds_count{stage="detect"}') == 1
    assert _number(server, "kenspeckle_workers") == 2
    assert _number(server, "kenspeckle_queue_limit") == 4
    assert _number(server, "kenspeckle_requests_in_flight") == 1


def test_readiness_tells_what_is_missing(server: Running) -> None:
    for error in (ModelMissing("Run: kenspeckle models pull"), StorageUnavailable("The catalog does not answer.")):
        server.recognizer.fail = error
        answer = server.client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, error.code)
        assert server.client.get("/healthz").status_code == 200


@pytest.fixture
def log_lines(server: Running) -> Callable[[], list[dict[str, Any]]]:
    stream = io.StringIO()
    logs.configure("INFO", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def _of_request(lines: Callable[[], list[dict[str, Any]]], request_id: str, count: int) -> list[dict[str, Any]]:
    """The lines of a request; the last is written after the answer has gone out."""

    def found() -> list[dict[str, Any]]:
        return [line for line in lines() if line["request_id"] == request_id]

    _until(lambda: len(found()) == count)
    return found()


def test_one_line_a_request(server: Running, log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    server.who[0] = Principal(key(Scope.INDEX))
    answer = server.client.put("/v1/index/secret-name.jpg?quality=LOW", content=photograph("a"))
    (line,) = _of_request(log_lines, answer.headers["x-request-id"], 1)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["route"] == "/v1/index/{filename}"
    assert (line["method"], line["status"], line["key"]) == ("PUT", 200, "key-1")
    assert isinstance(line["ms"], float)
    assert line["level"] == "INFO"
    assert "time" in line
    assert "secret-name" not in json.dumps(line)


def test_what_the_core_logs_carries_the_request_id(
    server: Running, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    server.recognizer.fail = RuntimeError("odd")
    server.client.put("/v1/search", content=photograph("a"), headers={"x-request-id": "mine"})
    surprise, access = _of_request(log_lines, "mine", 2)
    assert (surprise["request_id"], surprise["level"], surprise["logger"]) == ("mine", "ERROR", "kenspeckle.errors")
    assert "RuntimeError: odd" in str(surprise["exc_info"])
    assert (access["request_id"], access["status"]) == ("mine", 500)


def test_more_than_the_queue_holds_is_refused_at_once_and_the_rest_is_answered() -> None:
    with running(gate=Gate(1, 1, 5.0)) as server:
        server.recognizer.hold = threading.Event()
        answers: list[int] = []

        def search() -> None:
            with httpx.Client(base_url=server.url, timeout=10) as client:
                answers.append(client.put("/v1/search", content=photograph("a")).status_code)

        waiting = [threading.Thread(target=search) for _ in range(2)]
        for one in waiting:
            one.start()
        _until(lambda: server.gate.admitted == 2)
        begun = time.monotonic()
        refused = server.client.put("/v1/search", content=photograph("a", 100_000))
        assert time.monotonic() - begun < 1
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        # What needs no photograph is answered meanwhile.
        assert server.client.get("/v1/collections").status_code == 200
        assert _number(server, "kenspeckle_gate_refusals_total") == 1
        assert _number(server, "kenspeckle_queue_depth") == 2
        server.recognizer.hold.set()
        for one in waiting:
            one.join(10)
        assert answers == [200, 200]
        assert server.gate.admitted == 0
        assert server.client.put("/v1/search", content=photograph("a")).status_code == 200


def test_a_shutdown_finishes_what_was_taken_and_takes_nothing_new() -> None:
    with running() as server:
        server.recognizer.hold = threading.Event()
        answers: list[int] = []
        taken = threading.Thread(
            target=lambda: answers.append(httpx.put(f"{server.url}/v1/search", content=photograph("a")).status_code)
        )
        taken.start()
        _until(lambda: server.gate.admitted == 1)
        server.app.state.drain()
        for path in ("/readyz", "/v1/info", "/nowhere"):
            answer = server.client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "shutting_down")
            assert answer.headers["retry-after"] == "1"
        assert server.client.put("/v1/search", content=photograph("a")).json()["code"] == "shutting_down"
        wire = server.client.post("/", content=b"{}")
        assert (wire.status_code, wire.json()["__type"]) == (500, "ThrottlingException")
        assert (wire.headers["retry-after"], wire.headers["x-amzn-requestid"]) == ("1", wire.headers["x-request-id"])
        assert server.client.get("/healthz").status_code == 200
        assert server.client.get("/metrics").status_code == 200
        server.recognizer.hold.set()
        taken.join(10)
        assert answers == [200]


def test_routes_of_other_edges_are_inside_the_envelope() -> None:
    async def other(request: Request) -> PlainTextResponse:
        if request.url.query:
            raise RuntimeError("odd")
        return PlainTextResponse("other", headers={"cache-control": "max-age=60"})

    with running(extra_routes=[Route("/", other, methods=["POST"])]) as server:
        answer = server.client.post("/")
        assert answer.text == "other"
        assert answer.headers["cache-control"] == "max-age=60"
        assert answer.headers["x-request-id"]
        assert server.client.post("/?x").json()["code"] == "internal_error"
        assert server.client.get("/").json()["code"] == "method_not_allowed"
        assert _number(server, 'kenspeckle_requests_total{method="POST",route="/",status="200"}') == 1


def test_a_signal_drains_first() -> None:
    with running() as server:
        stopping = Server(config(server.app, Settings()))
        stopping.handle_exit(signal.SIGTERM, None)
        assert stopping.should_exit
        assert server.client.get("/readyz").json()["code"] == "shutting_down"


def test_head_is_answered_wherever_get_is(server: Running) -> None:
    http = server.client
    gets = {route.path for route in server.app.routes if isinstance(route, Route) and "GET" in (route.methods or ())}
    assert {"/healthz", "/readyz", "/v1/info", "/v1/collections", "/v1/images/{key:path}"} <= gets
    for path in sorted(gets):
        filled = re.sub(r"\{[^}]+\}", "0a1b2c3d-0000-4000-8000-000000000000", path)
        got, head = http.get(filled), http.head(filled)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-type"] == got.headers["content-type"]
        if path not in ("/metrics", "/v1/info"):  # Whose numbers go on.
            assert abs(int(head.headers["content-length"]) - len(got.content)) < 40, path
    assert http.head("/v1/search").status_code == 405
    line = 'kenspeckle_requests_total{method="HEAD",route="/v1/info",status="200"}'
    assert _number(server, line) >= 1


def test_calls_that_find_no_thread_are_refused_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "WAITING", 2)
    pool, hold = threads.Threads(1), threading.Event()

    async def ask() -> list[object]:
        calls = [asyncio.create_task(pool.call(hold.wait, 5)) for _ in range(1 + threads.SMALL_CALLS + 2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await pool.call(hold.wait)
        hold.set()
        return await asyncio.gather(*calls)

    assert set(asyncio.run(ask())) == {True}
    assert asyncio.run(pool.call(int, "7")) == 7
    pool.close()
