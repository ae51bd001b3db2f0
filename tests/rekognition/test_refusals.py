"""What is no request of an offered operation: unknown targets, broken JSON, bodies too large, an overloaded server."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError
from starlette.requests import Request

from kenspeckle.domain import operations as ops
from kenspeckle.rekognition.operations import OPERATIONS
from kenspeckle.rekognition.protocol import Edge
from kenspeckle.rekognition.service import Service
from kenspeckle.serving.threads import Threads
from kenspeckle.usecases.access.credentials import Created
from tests.rekognition.conforming import MODEL
from tests.rekognition.portraits import portrait
from tests.rekognition.served import Served
from tests.rekognition.signing import deliver, request_of, send, sign


@pytest.mark.parametrize("name", sorted(set(MODEL.operations) - set(OPERATIONS)))
def test_operations_that_are_not_offered_are_refused_by_name(open_server: Served, name: str) -> None:
    status, answer, _ = send(request_of(open_server, name, {}))
    assert (status, answer["__type"]) == (400, "AccessDeniedException")
    assert name in answer["Message"]


@pytest.mark.parametrize(
    "target",
    [
        "RekognitionService.Nothing",
        "DynamoDB_20120810.ListTables",
        "ListFaces",
        "",
        "RekognitionService.ListFaces,x",
        "ÿ",
    ],
)
def test_unknown_targets(open_server: Served, target: str) -> None:
    status, answer, _ = deliver(open_server.url, {"X-Amz-Target": target}, b"{}")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_no_target(open_server: Served) -> None:
    assert deliver(open_server.url, {}, b"{}")[1]["__type"] == "UnknownOperationException"


@pytest.mark.parametrize(
    "body",
    [b"{", b"nothing", b'{"CollectionId": "\xff"}', b'{"CollectionId": "\\ud800"}', b"[" * 100_000, b"\0", b"{}{}"],
)
def test_broken_json(open_server: Served, body: bytes) -> None:
    status, answer, headers = send(request_of(open_server, "CreateCollection", body))
    assert (status, answer["__type"]) == (400, "SerializationException")
    assert headers["content-type"] == "application/x-amz-json-1.1"


def test_an_empty_body_is_an_empty_request(open_server: Served) -> None:
    assert send(request_of(open_server, "ListCollections", b""))[0] == 200
    assert send(request_of(open_server, "ListFaces", b""))[1]["__type"] == "ValidationException"


def test_bodies_are_bounded_and_read_past(open_server: Served) -> None:
    huge = b'{"CollectionId":"' + b"a" * (2 * 1024 * 1024) + b'"}'
    status, answer, headers = send(request_of(open_server, "CreateCollection", huge))
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")
    assert answer["Code"] == answer["__type"]
    assert answer["Logref"] == headers["x-amzn-requestid"]
    image = b'{"Image":{"Bytes":"' + b"a" * (17 * 1024 * 1024) + b'"}}'
    status, answer, _ = send(request_of(open_server, "DetectFaces", image))
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert answer["Message"] == (
        "1 validation error detected: Value at 'image.bytes' failed to satisfy constraint: "
        "Member must have length less than or equal to 5242880"
    )


def test_more_values_than_any_request_has(open_server: Served) -> None:
    for values in (b'"x",', b"[],", b'"ALL",'):
        many = b'{"Image":{},"Attributes":[' + values * 100_000 + b"0]}"
        status, answer, _ = send(request_of(open_server, "DetectFaces", many))
        assert (status, answer["__type"]) == (400, "SerializationException")
        assert "more values" in answer["Message"]


def test_a_client_that_stops_half_way_harms_nobody(open_server: Served) -> None:
    host, _, port = open_server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        target = b"X-Amz-Target: RekognitionService.DetectFaces"
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + target + b"\r\nContent-Length: 100\r\n\r\n{")
    assert send(request_of(open_server, "ListCollections", {}))[0] == 200


def test_a_slow_client_is_cut(open_server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kenspeckle.serving.bodies.GRACE_SECONDS", 0.1)
    where = open_server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(where, timeout=20)
    connection.putrequest("POST", "/")
    connection.putheader("X-Amz-Target", "RekognitionService.ListCollections")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"{")
    answer = connection.getresponse()
    assert answer.status == 408
    assert b"RequestTimeoutException" in answer.read()
    connection.close()


def test_a_full_queue_is_throttling_that_boto3_retries(open_server: Served) -> None:
    gate = open_server.recognizer.context.gate
    client = open_server.client(retries={"total_max_attempts": 3, "mode": "standard"})
    with ThreadPoolExecutor(1) as pool:
        places = [gate.admit() for _ in range(gate.workers + gate.queue)]
        for place in places:
            place.__enter__()
        asked = pool.submit(client.detect_faces, Image={"Bytes": portrait(0.5)})
        while gate.refused == 0:
            pass
        for place in places:
            place.__exit__(None, None, None)
        assert asked.result(20)["ResponseMetadata"]["RetryAttempts"] >= 1


def test_bodies_of_who_has_not_proved_to_hold_the_secret_hold_no_place(locked_server: Served, admin: Created) -> None:
    gate = locked_server.recognizer.context.gate
    host, _, port = locked_server.url.removeprefix("http://").partition(":")
    asked = request_of(locked_server, "DetectFaces", {"Image": {"Bytes": "aaaa"}})
    head = sign(asked, admin).headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with ExitStack() as stack:
        for _ in range(2 * (gate.workers + gate.queue)):
            slow = stack.enter_context(socket.create_connection((host, int(port))))
            slow.sendall(f"POST / HTTP/1.1\r\nHost: {host}:{port}\r\n{lines}Content-Length: 99999\r\n\r\n".encode())
        client = locked_server.client(admin)
        assert client.detect_faces(Image={"Bytes": portrait(0.5)})["FaceDetails"]
        assert gate.admitted == 0


def test_what_nobody_foresaw_is_logged_and_not_told(
    open_server: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a secret of the house")

    monkeypatch.setitem(open_server.recognizer.handlers, ops.ListCollections, broken)
    with caplog.at_level(logging.ERROR), pytest.raises(ClientError, match="InternalServerError") as error:
        open_server.client().list_collections()
    assert "secret" not in str(error.value)
    assert "a secret of the house" in caplog.text


def test_parameters_stay_what_they_are(open_server: Served, fresh: Callable[[], str]) -> None:
    client, name = open_server.client(), fresh()
    with pytest.raises(ClientError, match="ValidationException"):
        client.create_collection(CollectionId=name, Tags={"aws:reserved": "x"})
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_collection(CollectionId=name)


def test_an_open_server_answers_its_own_machine_only(open_server: Served) -> None:
    edge = Edge(
        Service(open_server.recognizer, open_server.buckets, "us-east-1", "1", {"drawn": "1"}),
        open_server.access,
        open_server.recognizer.context.gate,
        Threads(1).call,
    )

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"{}"}

    def asked_from(host: str) -> int:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": [(b"x-amz-target", b"RekognitionService.ListCollections")],
            "client": (host, 50000),
        }
        return asyncio.run(edge.answer(Request(scope, receive))).status_code

    assert asked_from("127.0.0.1") == 200
    assert asked_from("192.0.2.7") == 400
