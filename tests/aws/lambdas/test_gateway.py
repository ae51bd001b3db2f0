"""The REST edge behind API Gateway's payloads, over a recognizer without eyes: what goes in, what comes out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kenspeckle.api.app import create_app
from kenspeckle.api.gateway_auth import authenticate
from kenspeckle.compose import managed
from kenspeckle.domain import operations as ops
from kenspeckle.lambdas import gateway
from kenspeckle.lambdas.gateway import Gateway
from kenspeckle.settings import Settings
from kenspeckle.usecases.recognition.admission import Gate
from tests.api.fake import FakeRecognizer, photograph
from tests.aws.lambdas import shapes

PHOTOGRAPH = photograph("keanu") + bytes(range(256)) * 3


def _app(recognizer: FakeRecognizer) -> Any:
    gate = Gate(2, 4, 1.0)
    return create_app(recognizer=recognizer, settings=Settings(), gate=gate, authenticate=authenticate)


@pytest.fixture(scope="module")
def recognizer() -> FakeRecognizer:
    return FakeRecognizer()


@pytest.fixture(scope="module")
def front(recognizer: FakeRecognizer) -> Gateway:
    return Gateway(_app(recognizer))


Ask = Callable[[Any], dict[str, Any]]


@pytest.fixture(scope="module")
def ask(front: Gateway) -> Ask:
    def asked(event: Any) -> dict[str, Any]:
        # What Lambda does to both on the way.
        return json.loads(json.dumps(front.answer(json.loads(json.dumps(event)), None)))  # type: ignore[no-any-return]

    return asked


def _json(answer: dict[str, Any]) -> Any:
    assert answer["isBase64Encoded"] is False
    return json.loads(answer["body"])


@pytest.mark.parametrize("shape", [shapes.rest, shapes.http])
def test_a_photograph_comes_in_as_it_was_sent(ask: Ask, recognizer: FakeRecognizer, shape: Any) -> None:
    answer = ask(shape("PUT", "/v1/index/keanu-reeves.jpg?max_faces=1", PHOTOGRAPH, {"x-amz-meta-from": "desk"}))
    assert answer["statusCode"] == 200, answer
    assert "FaceRecords" in _json(answer)
    name, arguments = recognizer.calls[-1]
    assert (name, arguments["metadata"], arguments["max_faces"]) == ("index_faces", {"from": "desk"}, 1)
    assert recognizer.images["kenspeckle", "keanu-reeves.jpg"][1] == PHOTOGRAPH


def test_base64_text_comes_in_with_and_without_binary_media_types(ask: Ask, recognizer: FakeRecognizer) -> None:
    text = base64.b64encode(PHOTOGRAPH)
    for name, binary in (("with.jpg", True), ("without.jpg", False)):
        answer = ask(shapes.rest("PUT", f"/v1/index/{name}", text, {"content-type": "text/plain"}, binary=binary))
        assert answer["statusCode"] == 200, answer
        assert recognizer.images["kenspeckle", name][1] == PHOTOGRAPH


def test_the_key_that_api_gateway_checked_is_who_asks(ask: Ask) -> None:
    assert ask(shapes.rest("GET", "/v1/collections"))["statusCode"] == 200
    for event in (shapes.rest("GET", "/v1/info", key_id=None), shapes.http("GET", "/v1/info", subject=None)):
        answer = ask(event)
        assert (answer["statusCode"], _json(answer)["code"]) == (401, "unauthenticated")
    assert ask(shapes.http("GET", "/v1/info"))["statusCode"] == 200


def test_a_key_in_a_header_alone_is_nobody(ask: Ask) -> None:
    assert ask(shapes.rest("GET", "/v1/info", headers={"x-api-key": "guessed"}, key_id=None))["statusCode"] == 401


def test_request_ids_are_api_gateways_unless_the_client_chose_one(ask: Ask) -> None:
    assert ask(shapes.rest("GET", "/v1/info", request_id="from-gateway"))["headers"]["x-request-id"] == "from-gateway"
    chosen = ask(shapes.rest("GET", "/v1/info", headers={"X-Request-Id": "mine"}))
    assert chosen["headers"]["x-request-id"] == "mine"


def test_a_stage_in_the_path_of_an_http_api_is_taken_off(ask: Ask) -> None:
    assert ask(shapes.http("GET", "/v1/info", stage="live"))["statusCode"] == 200
    assert ask(shapes.http("GET", "/v1/info?surplus=1", stage="live"))["statusCode"] == 422


@pytest.mark.parametrize("stage", ["v1", "v", "info"])
def test_a_stage_that_is_called_like_a_part_of_paths_cuts_none(ask: Ask, stage: str) -> None:
    assert ask(shapes.http("GET", "/v1/info", stage=stage))["statusCode"] == 200
    assert ask(shapes.http("GET", "/v1/info", stage=stage, domain="faces.example.org"))["statusCode"] == 200
    unknown = ask(shapes.http("GET", "/info", stage=stage, domain="faces.example.org"))
    assert (unknown["statusCode"], _json(unknown)["code"]) == (404, "not_found")


def test_pictures_go_out_as_base64_and_problems_as_text(ask: Ask, recognizer: FakeRecognizer) -> None:
    stored = _json(ask(shapes.rest("PUT", "/v1/index/shown.jpg", PHOTOGRAPH)))
    face = stored["FaceRecords"][0]["Face"]["FaceId"]
    answer = ask(shapes.rest("GET", f"/v1/faces/{face}/thumbnail"))
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert answer["headers"]["content-type"] == "image/jpeg"
    assert base64.b64decode(answer["body"]) == recognizer.handle(
        ops.GetThumbnail(collection_id="kenspeckle", face_id=face)
    )
    missing = ask(shapes.rest("GET", "/v1/nowhere"))
    assert (missing["statusCode"], missing["headers"]["content-type"]) == (404, "application/problem+json")
    assert _json(missing)["code"] == "not_found"


def test_headers_of_latin_1_reach_the_client() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"x-amz-meta-from", "Zürich".encode("latin-1"))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    assert Gateway(app).answer(shapes.rest("GET", "/"), None)["headers"]["x-amz-meta-from"] == "Zürich"


@pytest.mark.parametrize(("size", "status"), [(4_600_000, 200), (4_800_000, 501)])
def test_an_answer_larger_than_lambda_can_send_is_refused_with_the_reason(size: int, status: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-request-id", b"r-1")]})
        await send({"type": "http.response.body", "body": bytes(size)})

    answer = Gateway(app).answer(shapes.rest("GET", "/v1/images/a.jpg"), None)
    assert answer["statusCode"] == status
    assert len(json.dumps(answer)) < 6 * 1024 * 1024
    if status == 501:
        problem = json.loads(answer["body"])
        assert (problem["code"], problem["request_id"]) == ("not_offered", "r-1")
        assert "6 MB" in problem["detail"]


@pytest.mark.parametrize("event", [None, [], {}, {"Records": []}, {"requestContext": {}}, {"version": "2.0"}])
def test_events_of_others_are_answered_with_a_problem(ask: Ask, event: Any) -> None:
    answer = ask(event)
    assert (answer["statusCode"], _json(answer)["code"]) == (500, "internal_error")


@pytest.mark.parametrize("text", ['"', "\\", "\n", "\0", "é", "😀"])
def test_what_json_makes_longer_is_counted_as_it_is_sent(text: str) -> None:
    """Lambda is handed JSON: 6.2 million quotes are as many characters and twice the bytes."""
    wanted = (text * 6_200_000)[: 6_200_000 // len(text.encode())]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": wanted.encode()})

    answer = Gateway(app).answer(shapes.rest("GET", "/v1/faces"), None)
    assert len(json.dumps(answer)) < 6 * 1024 * 1024
    assert answer["statusCode"] == 501


@pytest.mark.parametrize("text", ['"', "é", "😀"])
def test_text_that_is_short_enough_only_as_base64_goes_so(text: str) -> None:
    """Four megabytes of it would be 8 to 12 with JSON's escapes."""
    wanted = text * (4_000_000 // len(text.encode()))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": wanted.encode()})

    answer = Gateway(app).answer(shapes.rest("GET", "/v1/faces"), None)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(answer["body"]).decode() == wanted
    assert len(json.dumps(answer)) < 6 * 1024 * 1024


def test_problems_point_at_no_page_that_the_gateway_lacks(ask: Ask) -> None:
    for event in (shapes.rest("GET", "/v1/nowhere"), shapes.rest("GET", "/v1/info", key_id=None), None):
        problem = _json(ask(event))
        assert set(problem) == {"type", "title", "status", "code", "detail", "request_id"}
        assert problem["type"] == "about:blank"


def test_an_identity_of_iam_is_who_asks(ask: Ask) -> None:
    arn = "arn:aws:sts::123456789012:assumed-role/desk/ada"
    event = shapes.rest("GET", "/v1/collections", key_id=None, arn=arn)
    assert gateway.check_caller(event) == arn
    assert ask(event)["statusCode"] == 200
    assert gateway.check_caller({"requestContext": {"authorizer": {"iam": {"userArn": arn}}}}) == arn
    assert gateway.check_caller(shapes.rest("GET", "/", headers={"x-amz-user-arn": arn}, key_id=None)) is None


def test_a_page_of_another_site_asks_before_it_has_a_key() -> None:
    """A browser's preflight comes without a key, so without a principal, and is answered by the setting."""
    settings = Settings(dynamodb_table="faces", images_url="s3://b/images", cors_origins="https://app.example.org")
    app = managed.gateway(settings).app
    asked = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "PUT"}
    asked["Access-Control-Request-Headers"] = "x-api-key"
    answer = Gateway(app).answer(shapes.rest("OPTIONS", "/v1/index/a.jpg", headers=asked, key_id=None), None)
    assert answer["statusCode"] == 200
    assert answer["headers"]["access-control-allow-origin"] == "https://app.example.org"
    assert answer["headers"]["access-control-allow-headers"] == "x-api-key"
    foreign = asked | {"Origin": "https://evil.example.org"}
    answer = Gateway(app).answer(shapes.rest("OPTIONS", "/v1/index/a.jpg", headers=foreign, key_id=None), None)
    assert "access-control-allow-origin" not in answer["headers"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99999) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)
PLACES: list[tuple[str, ...]] = [(name,) for name in shapes.rest("GET", "/")]
PLACES += [("requestContext", name) for name in shapes.rest("GET", "/")["requestContext"]]
PLACES += [("headers", name) for name in ("Host", "X-Forwarded-Port", "X-Forwarded-Proto", "x-api-key")]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), JSON)
def test_no_event_makes_the_function_fail(place: tuple[str, ...], value: Any) -> None:
    event = shapes.rest("PUT", "/v1/index/a.jpg", PHOTOGRAPH)
    inside = event
    for name in place[:-1]:
        inside = inside[name]
    inside[place[-1]] = value
    if place[0] == "headers":
        event["multiValueHeaders"] = None
    answer = _FRONT.answer(event, None)
    assert 200 <= answer["statusCode"] < 600
    json.dumps(answer)


_FRONT = Gateway(_app(FakeRecognizer()))


def test_who_was_checked_is_never_taken_from_a_strange_shape() -> None:
    for event in (None, 7, {}, {"requestContext": 3}, {"requestContext": {"identity": 3, "authorizer": []}}):
        assert gateway.check_caller(event) is None
    assert gateway.check_caller({"requestContext": {"authorizer": {"jwt": {"claims": {"sub": "ada"}}}}}) == "ada"
