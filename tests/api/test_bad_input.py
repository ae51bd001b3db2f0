"""Everything wrong that a client can send, each with its status, its code and a message that says what to do."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import httpx
import pytest

from kenspeckle.errors import DamagedImage, ImageTooLarge, PackMismatch, StorageFull
from kenspeckle.serving import bodies
from tests.api.conftest import LIMIT, Server
from tests.api.fake import photograph

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


def test_metadata_that_no_header_can_carry_keeps_no_photograph_back(server: Server, http: httpx.Client) -> None:
    http.put("/v1/index/a.jpg", content=photograph("a"), headers={"x-amz-meta-note": "plain"})
    image, data = server.recognizer.images["kenspeckle", "a.jpg"]
    odd = {"note": "plain", "日本": "x", "a b": "x", "a\r\nset-cookie": "x", "value": "日本\r\nset-cookie: x"}
    server.recognizer.images["kenspeckle", "a.jpg"] = (replace(image, metadata=odd), data)  # of an earlier import
    answer = http.get("/v1/images/a.jpg")
    assert answer.status_code == 200
    found = {name: value for name, value in answer.headers.items() if name.startswith("x-amz-meta-")}
    assert found == {"x-amz-meta-note": "plain", "x-amz-meta-value": "????set-cookie: x"}
    assert "set-cookie" not in answer.headers


def test_metadata_beyond_two_kilobytes(http: httpx.Client) -> None:
    answer = http.put("/v1/index/a.jpg", content=photograph("a"), headers={"x-amz-meta-note": "x" * 2100})
    _refused(answer, 422, "invalid_value", "2048 bytes", field="metadata")


@pytest.mark.parametrize(
    ("files", "field", "says"),
    [
        ({"source": b"x"}, "target", "exactly one part"),
        ({"source": b"x", "target": b"y", "other": b"z"}, "body", "source"),
        ({"source": b"x", "other": b"z"}, "body", "has the part 'other'"),
        ([("source", b"x"), ("source", b"y")], "source", "it has 2"),
        ({"source": b"", "target": b"y"}, "source", "empty"),
    ],
)
def test_forms(http: httpx.Client, files: Any, field: str, says: str) -> None:
    answer = http.post("/v1/compare", files=files)
    assert (answer.status_code, answer.json()["field"]) in ((422, field), (415, field)), answer.text
    assert says in answer.json()["detail"]


_PART = b'--x\r\ncontent-disposition: form-data; name="source"\r\n\r\n+2AA-\r\n'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/jpeg", photograph("a")),
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b"--x\r\ncontent-disposition: form-data\r\n\r\na\r\n--x--\r\n"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x\r\n"),
        ("multipart/form-data; boundary=x; charset=\xff", b"--x--\r\n"),
        ("multipart/form-data; boundary=x; charset=undefined", _PART),
        ("multipart/form-data; boundary=x; charset=idna", _PART.replace(b"source", b"s" * 99)),
        ("multipart/form-data; boundary=x; charset=utf-7", _PART + _PART.replace(b"source", b"target") + b"--x--\r\n"),
    ],
)
def test_what_is_no_form(server: Server, content_type: str, body: bytes) -> None:
    head = (
        f"POST /v1/compare HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\ncontent-type: {content_type}\r\n\r\n"
    )
    received = server.send(head.encode("latin-1") + body)
    assert received.startswith(b"HTTP/1.1 422 "), received
    assert b"source" in received


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
