"""Everything wrong that a client can send, each with its status, its code and a message that says what to do."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.api.conftest import LIMIT, Server, drained
from tests.api.fake import photograph

from kenspeckle.api import bodies
from kenspeckle.api import connection as connection_
from kenspeckle.errors import DamagedImage, ImageTooLarge, PackMismatch, StorageFull

UUID = "00000000-0000-0000-0000-000000000000"


def _refused(answer: httpx.Response, status: int, code: str, *says: str, field: str | None = None) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"], problem["status"]) == (status, code, status), answer.text
    for words in says:
        assert words in problem["detail"]
    assert problem.get("field") == field
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    return problem


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.005)


@pytest.mark.parametrize("path", ["/v1/index/a.jpg", "/v1/search"])
def test_an_empty_body(http: httpx.Client, path: str) -> None:
    _refused(http.put(path, content=b""), 415, "unsupported_image", "empty", "--data-binary", field="body")


@pytest.mark.parametrize("body", [b"hello, world", b"<html></html>", b'{"image": 1}', b"\x00\x01\x02", b"aGVsbG8="])
def test_what_is_no_image(http: httpx.Client, body: bytes) -> None:
    _refused(http.put("/v1/index/a.jpg", content=body), 415, "unsupported_image", "JPEG", field="image")


def test_a_form_where_the_photograph_itself_is_wanted(http: httpx.Client) -> None:
    answer = http.post("/v1/search", files={"file": photograph("a")})
    _refused(answer, 415, "unsupported_image", "--data-binary", field="body")


def test_a_compressed_body(http: httpx.Client) -> None:
    answer = http.post("/v1/search", content=photograph("a"), headers={"content-encoding": "gzip"})
    _refused(answer, 415, "unsupported_image", "as it is", field="body")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DamagedImage("The image ends early; send it again.", field="image"), 422),
        (ImageTooLarge("20000 x 20000 pixels are more than 50000000.", field="image"), 413),
        (PackMismatch("Another pack; index into a new collection.", field="collection"), 409),
        (StorageFull("The disk is full; nothing was stored."), 507),
    ],
)
def test_what_the_core_refuses(server: Server, error: Any, status: int) -> None:
    server.recognizer.fail = error
    answer = server.client.put("/v1/index/a.jpg", content=photograph("a"))
    _refused(answer, status, error.code, error.message, field=error.field)


def test_a_photograph_without_a_face(http: httpx.Client) -> None:
    _refused(http.put("/v1/search", content=photograph("")), 422, "no_face", "no faces", field="image")


@pytest.mark.parametrize(
    "name",
    [
        "n" * 400,
        "..%2Fx.jpg",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "a%00b.jpg",
        "a%ffb.jpg",
        "a%20b.jpg",
        "a/b.jpg",
        "%C3%A9.jpg",
        "",
    ],
)
def test_names_that_break_the_rule(server: Server, name: str) -> None:
    answer = server.client.put(f"/v1/index/{name}", content=photograph("a"))
    _refused(answer, 422, "invalid_value", "1 to 255 letters", "Rename it", field="filename")
    assert len(answer.json()["detail"]) < 300
    assert server.recognizer.calls == []
    _refused(server.client.get(f"/v1/images/{name}"), 422, "invalid_value", "1 to 255", field="filename")


@pytest.mark.parametrize("name", [b"../../etc/passwd", b"a\xffb.jpg"])
def test_names_that_no_client_library_would_send(server: Server, name: bytes) -> None:
    received = server.send(b"PUT /v1/index/" + name + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na")
    assert received.split(b" ")[1] in (b"422", b"400"), received
    assert server.recognizer.calls == []


@pytest.mark.parametrize(
    ("text", "status", "code", "says"),
    [
        ("/9j/RkFDRS*hYg==", 422, "invalid_value", "position 10"),
        ("data:image/jpeg;base64,/9j/\u00e9", 422, "invalid_value", "position 4"),
        ("data:image/jpeg,/9j/RkFDRQ==", 422, "invalid_value", "data:image/jpeg;base64"),
        ("data:", 422, "invalid_value", "data:image/jpeg;base64"),
        ("/9j/RkFDRSBhY", 422, "invalid_value", "cut short"),
        ("/9j/=RkF", 422, "invalid_value", "position 4"),
        ("", 415, "unsupported_image", "empty"),
    ],
)
def test_broken_base64(http: httpx.Client, text: str, status: int, code: str, says: str) -> None:
    answer = http.put("/v1/search", content=text.encode(), headers={"content-type": "text/plain"})
    _refused(answer, status, code, says, field="body")


def test_base64_of_something_else(http: httpx.Client) -> None:
    answer = http.put("/v1/search", content=base64.b64encode(b"no image at all"))
    _refused(answer, 415, "unsupported_image", "no image", field="image")


@pytest.mark.parametrize("value", ["101", "-0.1", "abc", "nan", "inf", "-inf", "", "80%25", "1e400"])
def test_thresholds(server: Server, value: str) -> None:
    answer = server.client.put(f"/v1/search?threshold={value}", content=photograph("a"))
    _refused(answer, 422, "invalid_value", "threshold must be a number from 0 to 100", field="threshold")
    assert server.recognizer.calls == []


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("max_faces=0", "max_faces", "from 1 to 4096"),
        ("max_faces=4097", "max_faces", "from 1 to 4096"),
        ("max_faces=1.5", "max_faces", "whole number"),
        ("all_faces=perhaps", "all_faces", "true or false"),
        ("quality=best", "quality", "NONE, AUTO"),
        ("treshold=80", "treshold", "known here: all_faces, collection, max_faces, quality, threshold"),
        ("threshold=80&threshold=90", "threshold", "more than once"),
        ("collection=a%20b", "collection", "1 to 255"),
        ("collection=", "collection", "1 to 255"),
        ("collection=a&collection=b", "collection", "more than once"),
    ],
)
def test_parameters(http: httpx.Client, query: str, field: str, says: str) -> None:
    _refused(http.put(f"/v1/search?{query}", content=photograph("a")), 422, "invalid_value", says, field=field)


def test_a_route_without_parameters_says_so(http: httpx.Client) -> None:
    _refused(http.get("/v1/info?verbose=1"), 422, "invalid_value", "takes none", field="verbose")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/search?collection=nowhere"),
        ("PUT", "/v1/index/a.jpg?collection=nowhere"),
        ("GET", "/v1/collections/nowhere"),
        ("DELETE", "/v1/collections/nowhere"),
        ("GET", "/v1/collections/nowhere/faces"),
        ("GET", "/v1/collections/nowhere/users"),
        ("PUT", "/v1/collections/nowhere/users/someone"),
        ("GET", "/v1/images/a.jpg?collection=nowhere"),
    ],
)
def test_an_unknown_collection(http: httpx.Client, method: str, path: str) -> None:
    body = photograph("a") if method == "PUT" else None
    answer = http.request(method, path, content=body)
    _refused(answer, 404, "collection_not_found", "nowhere", field="collection")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/v1/collections/kenspeckle/faces/{UUID}", "face_not_found"),
        ("/v1/collections/kenspeckle/users/nobody", "user_not_found"),
        ("/v1/images/nothing.jpg", "image_not_found"),
        (f"/v1/faces/{UUID}/thumbnail", "face_not_found"),
        ("/v1/nothing", "not_found"),
        ("/", "not_found"),
        ("/v1/collections/", "not_found"),
    ],
)
def test_what_is_not_there(http: httpx.Client, path: str, code: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_method_that_the_route_does_not_know(http: httpx.Client) -> None:
    answer = http.patch("/v1/search")
    _refused(answer, 405, "method_not_allowed", "POST, PUT")
    assert answer.headers["allow"] == "POST, PUT"


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        (b"{", "body", "no JSON"),
        (b"[]", "body", "JSON object"),
        (b"", "FaceIds", "missing"),
        (b'{"FaceIds": []}', "FaceIds", "breaks a rule"),
        (b'{"FaceIds": "x"}', "FaceIds", "breaks a rule"),
        (b'{"FaceIds": ["x"], "Force": true}', "Force", "not known"),
        (b'{"FaceIds": ["not-a-uuid"]}', "face_id", "UUID"),
        (b"[" * 100_000, "body", "no JSON"),
        (b'"' + b"x" * (bodies.JSON_BYTES + 1) + b'"', "body", "larger than"),
        (b"\xff\xfe", "body", "no JSON"),
    ],
)
def test_bodies_of_json(http: httpx.Client, body: bytes, field: str, says: str) -> None:
    answer = http.post("/v1/collections/kenspeckle/faces/delete", content=body)
    _refused(answer, 422, "invalid_value", says, field=field)


def test_a_collection_that_exists(http: httpx.Client) -> None:
    answer = http.post("/v1/collections", json={"CollectionId": "kenspeckle"})
    _refused(answer, 409, "already_exists", "already exists", field="collection")


@pytest.mark.parametrize("name", ["a b", "x" * 256, "a:b"])
def test_collections_by_a_name_that_breaks_the_rule(http: httpx.Client, name: str) -> None:
    _refused(
        http.post("/v1/collections", json={"CollectionId": name}), 422, "invalid_value", "1 to 255", field="collection"
    )
    _refused(http.put(f"/v1/collections/{name}"), 422, "invalid_value", "1 to 255", field="collection")


def test_metadata_beyond_two_kilobytes(http: httpx.Client) -> None:
    answer = http.put("/v1/index/a.jpg", content=photograph("a"), headers={"x-amz-meta-note": "x" * 2100})
    _refused(answer, 422, "invalid_value", "2048 bytes", field="metadata")


@pytest.mark.parametrize(
    ("files", "field", "says"),
    [
        ({"source": b"x"}, "target", "exactly one part"),
        ({"source": b"x", "target": b"y", "other": b"z"}, "body", "source"),
        ([("source", b"x"), ("source", b"y")], "source", "it has 2"),
        ({"source": b"", "target": b"y"}, "source", "empty"),
    ],
)
def test_forms(http: httpx.Client, files: Any, field: str, says: str) -> None:
    answer = http.post("/v1/compare", files=files)
    assert (answer.status_code, answer.json()["field"]) in ((422, field), (415, field)), answer.text
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/jpeg", photograph("a")),
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b"--x\r\ncontent-disposition: form-data\r\n\r\na\r\n--x--\r\n"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x\r\n"),
        ("multipart/form-data; boundary=x; charset=\xff", b"--x--\r\n"),
    ],
)
def test_what_is_no_form(server: Server, content_type: str, body: bytes) -> None:
    head = (
        f"POST /v1/compare HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\ncontent-type: {content_type}\r\n\r\n"
    )
    received = server.send(head.encode("latin-1") + body)
    assert received.startswith(b"HTTP/1.1 422 "), received
    assert b"source" in received


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


def test_a_photograph_too_large_is_refused_after_its_bytes_are_counted(http: httpx.Client) -> None:
    pieces = (b"\xff" * 50_000 for _ in range(100))
    answer = http.put("/v1/search", content=pieces, headers={"content-type": "image/jpeg"})
    _refused(answer, 413, "image_too_large", f"{LIMIT} bytes", field="body")


def test_a_photograph_at_the_limit_is_taken_and_one_byte_more_is_not(http: httpx.Client) -> None:
    most = photograph("a")
    most += b"\x00" * (LIMIT - len(most))
    for form in (bytes, base64.b64encode, base64.encodebytes):
        assert http.put("/v1/search", content=form(most)).status_code == 200
        _refused(http.put("/v1/search", content=form(most + b"x")), 413, "image_too_large", field="body")
    assert http.post("/v1/compare", files={"source": most, "target": most}).status_code == 200
    answer = http.post("/v1/compare", files={"source": most, "target": most + b"x"})
    _refused(answer, 413, "image_too_large", field="target")


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


def test_a_head_that_does_not_come(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_, "HEAD_SECONDS", 0.2)
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


def test_a_refused_body_is_let_pass_to_a_point(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_, "UNREAD_BYTES", 1_000_000)
    head = b"PUT /v1/search HTTP/1.1\r\nhost: x\r\ncontent-type: image/jpeg\r\ncontent-length: 100000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
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
