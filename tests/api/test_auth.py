"""The header x-api-key, the guard of the open server, and `/v1/keys`, over real HTTP messages."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from tests.unit.memory_keys import MemoryKeys

from kenspeckle.api import keys as keys_
from kenspeckle.api.auth import Authenticator, LocalOnly, foreign
from kenspeckle.catalog.master import MasterKey
from kenspeckle.domain import Key, Principal
from kenspeckle.errors import KenspeckleError, StorageUnavailable, Unauthenticated
from kenspeckle.usecases.access import Access

LOCAL = [(b"host", b"127.0.0.1:8080")]


@pytest.fixture
def stored() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def access(stored: MemoryKeys, tmp_path: Path) -> Iterator[Access]:
    access = Access(stored, MasterKey(tmp_path / "master.key"))
    yield access
    access.close()


def _headers(*pairs: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.lower().encode(), value.encode("latin-1")) for name, value in pairs])


# -- x-api-key ---------------------------------------------------------------------------------------------------------


def test_a_key_in_the_header(access: Access) -> None:
    created = access.create("desk")
    check = Authenticator(access).authenticate
    assert check(_headers(("x-api-key", created.api_key)), "203.0.113.9") == Principal(created.key)
    assert check(_headers(("X-Api-Key", created.api_key)), "203.0.113.9").key == created.key


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "A key is needed"),
        ([("x-api-key", "")], "A key is needed"),
        ([("x-api-key", "ksp_" + "0" * 43)], "unknown"),
        ([("x-api-key", "a"), ("x-api-key", "b")], "sent 2 times"),
        ([("x-api-key", "x" * 100_000)], "unknown"),
        ([("x-api-key", "schl\xfcssel")], "unknown"),
        ([("authorization", "Bearer ksp_0")], "Authorization is not read"),
        ([("x-apikey", "a")], "A key is needed"),
    ],
)
def test_no_or_a_wrong_key(access: Access, pairs: list[tuple[str, str]], message: str) -> None:
    access.create("desk")
    with pytest.raises(Unauthenticated, match=message):
        Authenticator(access).authenticate(_headers(*pairs), "127.0.0.1")


def test_the_same_key_twice_is_refused_too(access: Access) -> None:
    key = access.create("desk").api_key
    with pytest.raises(Unauthenticated, match="2 times"):
        Authenticator(access).authenticate(_headers(("x-api-key", key), ("x-api-key", key)), "127.0.0.1")


def test_an_open_server_answers_its_own_machine_only(access: Access) -> None:
    check = Authenticator(access).authenticate
    for peer in ("127.0.0.1", "::1", None):
        assert check(_headers(), peer) == Principal(None)
    for peer in ("192.168.1.7", "::ffff:192.168.1.7", "fe80::1", "testclient"):
        with pytest.raises(Unauthenticated, match="its own machine only"):
            check(_headers(), peer)


def test_the_event_loop_reads_the_catalog_in_a_thread_only(access: Access, stored: MemoryKeys) -> None:
    created = access.create("desk")
    readers: list[str] = []
    read = stored.key_by_digest

    def watched(digest: str) -> Key | None:
        readers.append(threading.current_thread().name)
        return read(digest)

    stored.key_by_digest = watched  # type: ignore[method-assign]  # the watched object, not its class
    raw = [(b"x-api-key", created.api_key.encode())]
    request = Request({"type": "http", "headers": raw, "client": ("127.0.0.1", 5)})

    async def twice() -> None:
        for _ in range(2):
            assert (await Authenticator(access)(request)).key == created.key

    asyncio.run(twice())
    assert len(readers) == 1
    assert readers[0] != threading.main_thread().name


# -- the guard ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost:8080", "LocalHost", "[::1]:8080", "[::1]", "127.9.9.9:1"]
)
def test_local_names_pass(host: str) -> None:
    assert foreign([(b"host", host.encode())], "http", "PUT") is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example#127.0.0.1",
        "127.0.0.1@evil.example",
        "user@127.0.0.1",
        "192.168.1.7",
        "0.0.0.0",
        "[::]",
        "::1",
        "[::1",
        "127.0.0.1:",
        "127.0.0.1:99999999",
        "127.0.0.1:8080:8080",
        "127.0.0.1 ",
        "2130706433",
        "localhost\x00",
        "l\xf6calhost",
    ],
)
def test_any_other_host_header_is_foreign(host: str) -> None:
    assert foreign([(b"host", host.encode("latin-1"))], "http", "GET") is not None


def test_one_host_header_has_to_be_there() -> None:
    assert foreign([], "http", "GET") is not None
    assert foreign([*LOCAL, *LOCAL], "http", "GET") is not None


@pytest.mark.parametrize("name", ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"])
def test_what_came_through_a_proxy_is_foreign(name: str) -> None:
    assert foreign([*LOCAL, (name.encode(), b"127.0.0.1")], "http", "GET") is not None


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        ("http://127.0.0.1:8080", True),
        ("HTTP://127.0.0.1:8080", True),
        ("https://127.0.0.1:8080", False),
        ("http://127.0.0.1:3000", False),
        ("http://127.0.0.1", False),
        ("http://localhost:8080", False),
        ("https://evil.example", False),
        ("http://127.0.0.1:8080.evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_the_servers_own_pages_may_send(origin: str, passes: bool) -> None:
    assert (foreign([*LOCAL, (b"origin", origin.encode())], "http", "PUT") is None) == passes


@pytest.mark.parametrize(
    ("site", "mode", "dest", "method", "passes"),
    [
        ("same-origin", "cors", "empty", "PUT", True),
        ("none", "navigate", "document", "GET", True),
        ("cross-site", "navigate", "document", "GET", True),
        ("cross-site", "navigate", "iframe", "GET", False),
        ("cross-site", "navigate", "document", "POST", False),
        ("cross-site", "no-cors", "image", "GET", False),
        ("cross-site", "cors", "empty", "GET", False),
        ("same-site", "no-cors", "script", "GET", False),
        ("surprise", "cors", "empty", "GET", False),
    ],
)
def test_pages_of_other_sites(site: str, mode: str, dest: str, method: str, passes: bool) -> None:
    headers = [
        *LOCAL,
        (b"sec-fetch-site", site.encode()),
        (b"sec-fetch-mode", mode.encode()),
        (b"sec-fetch-dest", dest.encode()),
    ]
    assert (foreign(headers, "http", method) is None) == passes


# -- routes ------------------------------------------------------------------------------------------------------------


def _app(access: Access) -> FastAPI:
    app = FastAPI()
    app.include_router(keys_.router(access))

    @app.exception_handler(KenspeckleError)
    async def failed(request: Request, error: KenspeckleError) -> JSONResponse:
        return JSONResponse({"code": error.code, "field": error.field, "detail": error.message}, 422)

    app.add_middleware(LocalOnly, access=access)
    return app


@pytest.fixture
def client(access: Access) -> Iterator[TestClient]:
    with TestClient(_app(access), base_url="http://127.0.0.1:8080") as client:
        yield client


def test_the_guard_covers_every_path_until_there_is_a_key(client: TestClient, access: Access) -> None:
    evil = {"host": "evil.example"}
    for path in ("/v1/keys", "/openapi.json", "/docs", "/nothing"):
        refused = client.get(path, headers=evil)
        assert refused.status_code == 403
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["code"] == "forbidden"
        assert "keys create" in refused.json()["detail"]
    wire = client.post("/", headers=evil, content=b"{}")
    assert wire.status_code == 400
    assert wire.json()["__type"] == "AccessDeniedException"
    assert client.get("/v1/keys").status_code == 200
    access.create("desk")
    assert client.get("/v1/keys", headers=evil).status_code == 200


def test_the_guard_stays_up_while_the_catalog_is_away(
    client: TestClient, stored: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> tuple[()]:
        raise StorageUnavailable("The catalog does not answer.")

    monkeypatch.setattr(stored, "keys", away)
    assert client.get("/v1/keys", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/v1/keys").json()["code"] == "storage_unavailable"


def test_keys_over_http(client: TestClient, access: Access) -> None:
    answer = client.post("/v1/keys", json={"name": "desk", "scopes": ["search", "read"], "collections": ["a"]})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert set(made) == {"id", "name", "scopes", "collections", "api_key"}
    assert (made["name"], made["scopes"], made["collections"]) == ("desk", ["search", "read"], ["a"])
    assert access.authenticate(made["api_key"]).key == access.show(made["id"])

    shown = client.get(f"/v1/keys/{made['id']}").json()
    assert shown["state"] == "active"
    assert client.get("/v1/keys").json() == {"keys": [shown]}
    assert made["api_key"] not in client.get("/v1/keys").text

    rotated = client.post(f"/v1/keys/{made['id']}/rotate")
    assert rotated.status_code == 201
    assert rotated.headers["cache-control"] == "no-store"
    assert rotated.json()["api_key"] != made["api_key"]
    assert client.get(f"/v1/keys/{made['id']}").json()["state"] == "revoked"
    assert client.delete(f"/v1/keys/{rotated.json()['id']}").json()["state"] == "revoked"


def test_a_pair_over_http(client: TestClient, access: Access) -> None:
    made = client.post("/v1/keys", json={"name": "sdk", "aws": True, "expires": "30d"}).json()
    found = access.aws_secret(made["access_key_id"])
    assert found is not None
    assert found[1] == made["secret_access_key"]
    assert made["id"] == made["access_key_id"]
    assert client.get(f"/v1/keys/{made['id']}").json()["expires_at"] is not None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "desk", "scopes": []},
        {"name": "desk", "scopes": ["root"]},
        {"name": "desk", "collections": ["../etc"]},
        {"name": "desk", "expires": "yesterday"},
        {"name": "desk", "expires": "2001-01-01"},
        {"name": "desk", "secret": "mine"},
        {"name": 5},
        [],
    ],
)
def test_a_bad_new_key(client: TestClient, stored: MemoryKeys, body: object) -> None:
    assert client.post("/v1/keys", json=body).status_code == 422
    assert not stored.rows


@pytest.mark.parametrize("key_id", ["key-none", "x" * 5000, "%00", "%C3%BC"])
def test_an_unknown_key(client: TestClient, key_id: str) -> None:
    answers = [
        client.get(f"/v1/keys/{key_id}"),
        client.delete(f"/v1/keys/{key_id}"),
        client.post(f"/v1/keys/{key_id}/rotate"),
    ]
    assert all(isinstance(answer, httpx.Response) and answer.json()["code"] == "key_not_found" for answer in answers)
