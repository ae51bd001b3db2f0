"""The table from errors to answers: complete, and silent about what nobody foresaw."""

from __future__ import annotations

import httpx
import pytest

from kenspeckle.api import openapi
from kenspeckle.errors import KenspeckleError, ModelMissing, Overloaded, RateLimited, SettingError, Unauthenticated
from kenspeckle.serving import problems
from tests.api.conftest import Server
from tests.api.fake import every_error, photograph


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_a_title_and_reaches_the_client(server: Server, kind: type[KenspeckleError]) -> None:
    assert kind in problems.STATUSES
    assert kind.code in problems.TITLES
    server.recognizer.fail = kind("What to do.", field="image")
    answer = server.client.put("/v1/search", content=photograph("a"))
    assert answer.status_code == problems.STATUSES[kind]
    assert answer.headers["content-type"] == "application/problem+json"
    if kind is SettingError:
        assert answer.json()["code"] == "internal_error"
        return
    problem = answer.json()
    assert problem == {
        "type": f"/docs#{kind.code}",
        "title": problems.TITLES[kind.code],
        "status": answer.status_code,
        "code": kind.code,
        "detail": "What to do.",
        "field": "image",
        "request_id": answer.headers["x-request-id"],
    }


def test_codes_are_told_apart() -> None:
    assert problems.REMEDIES.keys() == problems.TITLES.keys()
    codes = [kind.code for kind in every_error()]
    assert len(set(codes)) == len(codes)
    assert {openapi.status_of(code) for code in problems.TITLES} <= set(problems.STATUSES.values()) | {
        400,
        405,
        408,
        431,
    }


def test_an_error_class_that_the_table_lacks_takes_its_ancestors_status() -> None:
    class Odd(ModelMissing):
        pass

    class Unheard(KenspeckleError):
        pass

    assert problems.of_error(Odd("x")).status == 503
    assert problems.of_error(Unheard("x")).status == 500


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (Overloaded("x", retry_after=2.2), "retry-after", "3"),
        (Overloaded("x"), "retry-after", "1"),
        (RateLimited("x", retry_after=0.0), "retry-after", "1"),
        (Unauthenticated("x"), "www-authenticate", 'ApiKey realm="kenspeckle"'),
    ],
)
def test_headers_that_belong_to_a_status(server: Server, error: KenspeckleError, header: str, value: str) -> None:
    server.recognizer.fail = error
    assert server.client.put("/v1/search", content=photograph("a")).headers[header] == value


@pytest.mark.parametrize("error", [RuntimeError("secret: /srv/photos"), MemoryError(), KeyError("secret")])
def test_a_surprise_is_logged_and_not_told(server: Server, caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    server.recognizer.fail = error
    answer = server.client.put("/v1/search", content=photograph("a"), headers={"x-request-id": "my-id.1"})
    assert answer.status_code == 500
    assert answer.json() == {
        "type": "/docs#internal_error",
        "title": "An unexpected error",
        "status": 500,
        "code": "internal_error",
        "detail": problems.INTERNAL,
        "request_id": "my-id.1",
    }
    logged = [record for record in caplog.records if record.name == "kenspeckle.errors"]
    assert [vars(record)["request_id"] for record in logged] == ["my-id.1"]
    assert logged[0].exc_info is not None
    server.recognizer.fail = None
    assert server.client.put("/v1/search", content=photograph("a")).status_code == 200


def test_text_that_json_cannot_carry(http: httpx.Client) -> None:
    for body in (b'{"CollectionId": "\\ud800"}', b'{"CollectionId": "\xed\xa0\x80"}', b'{"\\ud800": 1}'):
        answer = http.post("/v1/collections", content=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_value")
    assert http.get("/v1/collections/%ED%A0%80").status_code == 422
    assert http.put("/v1/search?%ED%A0%80=1", content=b"").status_code == 422
