"""The header x-api-key, the guard of the open server, and `/v1/keys`, over real HTTP messages."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request

from kenspeckle.api import keys as keys_
from kenspeckle.api.app import create_app
from kenspeckle.api.auth import Authenticator
from kenspeckle.domain import Key, Principal
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.errors import StorageUnavailable, Unauthenticated
from kenspeckle.serving.local_only import LocalOnly
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.keys import Access
from kenspeckle.usecases.access.open_server import foreign
from kenspeckle.usecases.recognition.admission import Gate
from tests.api.fake import FakeRecognizer
from tests.fakes.memory_keys import MemoryKeys

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


class Asgi:
    """Sends requests to the real application, as a client of this machine, without a socket."""

    def __init__(self, access: Access) -> None:
        self._app = create_app(
            recognizer=FakeRecognizer(),
            settings=Settings(),
            gate=Gate(1, 1, 1.0),
            authenticate=Authenticator(access),
            more=[keys_.Keys(access)],
            middleware=[Middleware(LocalOnly, access=access)],
        )

    def __call__(self, method: str, path: str, *, peer: str = "127.0.0.1", **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, client=(peer, 5))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())


@pytest.fixture
def send(access: Access) -> Asgi:
    return Asgi(access)


def test_the_guard_covers_every_path_until_there_is_a_key(send: Asgi, access: Access) -> None:
    evil = {"host": "evil.example"}
    for path in ("/v1/keys", "/openapi.json", "/docs", "/healthz", "/v1/collections", "/nothing"):
        refused = send("GET", path, headers=evil)
        assert refused.status_code == 403
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["code"] == "forbidden"
        assert refused.json()["request_id"] == refused.headers["x-request-id"] != ""
        assert "keys create" in refused.json()["detail"]
    wire = send("POST", "/", headers=evil, content=b"{}")
    assert wire.status_code == 400
    assert wire.json()["__type"] == "AccessDeniedException"
    assert wire.headers["x-amzn-requestid"] == wire.headers["x-request-id"]
    assert send("GET", "/v1/keys").status_code == 200
    made = access.create("desk", ["admin"])
    assert send("GET", "/v1/keys", headers=evil | {"x-api-key": made.api_key}).status_code == 200
    assert send("GET", "/v1/keys").status_code == 401


def test_the_guard_knows_who_is_near(send: Asgi) -> None:
    assert send("GET", "/v1/info", peer="::1").status_code == 200
    assert send("GET", "/v1/info", peer="192.168.1.7").status_code == 403
    assert send("POST", "/", peer="192.168.1.7", content=b"{}").json()["__type"] == "AccessDeniedException"


def test_the_guard_stays_up_while_the_catalog_is_away(
    send: Asgi, stored: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> tuple[()]:
        raise StorageUnavailable("The catalog does not answer.")

    monkeypatch.setattr(stored, "keys", away)
    assert send("GET", "/v1/keys", headers={"host": "evil.example"}).status_code == 403
    assert send("GET", "/v1/keys").json()["code"] == "storage_unavailable"


def test_keys_over_http(send: Asgi, access: Access) -> None:
    answer = send("POST", "/v1/keys", json={"name": "desk", "scopes": ["search", "read"], "collections": ["a"]})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert set(made) == {"id", "name", "scopes", "collections", "api_key"}
    assert (made["name"], made["scopes"], made["collections"]) == ("desk", ["search", "read"], ["a"])
    assert access.authenticate(made["api_key"]).key == access.show(made["id"])

    admin = {"x-api-key": access.create("admin", ["admin"]).api_key}
    shown = send("GET", f"/v1/keys/{made['id']}", headers=admin)
    assert shown.json()["state"] == "active"
    listed = send("GET", "/v1/keys", headers=admin)
    assert listed.json()["keys"][0] == shown.json()
    assert len(listed.json()["keys"]) == 2
    assert made["api_key"] not in listed.text

    rotated = send("POST", f"/v1/keys/{made['id']}/rotate", headers=admin)
    assert rotated.status_code == 201
    assert rotated.json()["api_key"] != made["api_key"]
    assert send("GET", f"/v1/keys/{made['id']}", headers=admin).json()["state"] == "revoked"
    assert send("POST", f"/v1/keys/{made['id']}/rotate", headers=admin).status_code == 409
    assert send("DELETE", f"/v1/keys/{rotated.json()['id']}", headers=admin).json()["state"] == "revoked"


KEY_ROUTES = (
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("GET", "/v1/keys/key-1"),
    ("DELETE", "/v1/keys/key-1"),
    ("POST", "/v1/keys/key-1/rotate"),
)


@pytest.mark.parametrize(("method", "path"), KEY_ROUTES)
def test_only_an_admin_of_everything_hands_out_keys(send: Asgi, access: Access, method: str, path: str) -> None:
    every_other = access.create("clerk", ["index", "search", "read", "delete"])
    of_one = access.create("admin of a", ["admin"], ["a"])
    expired = access.create("gone", ["admin"], expires_at=1.0)
    for created, status in ((every_other, 403), (of_one, 403), (expired, 401)):
        # The body is broken: who has no right is told that, before anything of the body is looked at.
        answer = send(method, path, headers={"x-api-key": created.api_key}, content=b"{broken")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
    assert send(method, path, content=b"{broken").status_code == 401
    assert len(access.list()) == 3


def test_a_key_reaches_its_collections_only(send: Asgi, access: Access) -> None:
    of_one = {"x-api-key": access.create("of a", ["read"], ["a"]).api_key}
    refused = send("GET", "/v1/collections/b/faces", headers=of_one)
    assert refused.status_code == 403
    assert "not granted the collection 'b'" in refused.json()["detail"]
    assert send("GET", "/v1/collections/a/faces", headers=of_one).status_code != 403
    refused = send("DELETE", "/v1/collections/a/faces/0b2f6f0e-6f0b-4a0e-8f6e-2b7d0d1f3c55", headers=of_one)
    assert refused.status_code == 403
    assert "no scope 'delete'" in refused.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-api-key", "")],
        [("x-api-key", "ksp_" + "0" * 43)],
        [("x-api-key", "x" * 20_000)],
        [("x-api-key", "schl\xfcssel".encode("latin-1"))],
        [("x-api-key", "a"), ("x-api-key", "b")],
        [("authorization", "Bearer ksp_0")],
    ],
)
def test_bad_keys_over_http(send: Asgi, access: Access, headers: list[tuple[str, str | bytes]]) -> None:
    access.create("desk")
    answer = send("GET", "/v1/info", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"
    assert answer.headers["www-authenticate"]


def test_a_pair_over_http(send: Asgi, access: Access) -> None:
    made = send("POST", "/v1/keys", json={"name": "sdk", "aws": True, "expires": "30d"}).json()
    found = access.aws_secret(made["access_key_id"])
    assert found is not None
    assert found[1] == made["secret_access_key"]
    assert made["id"] == made["access_key_id"]
    assert access.show(made["id"]).expires_at is not None


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
def test_a_bad_new_key(send: Asgi, stored: MemoryKeys, body: object) -> None:
    answer = send("POST", "/v1/keys", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_value"
    assert not stored.rows


@pytest.mark.parametrize("key_id", ["key-none", "x" * 5000, "%00", "%C3%BC"])
def test_an_unknown_key(send: Asgi, key_id: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        answer = send(method, f"/v1/keys/{key_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "key_not_found")


def test_the_routes_are_documented(send: Asgi) -> None:
    document = send("GET", "/openapi.json").json()
    for method, path in KEY_ROUTES:
        operation = document["paths"][path.replace("key-1", "{key_id}")][method.lower()]
        assert operation["security"] == [{"key": []}]
        assert {"401", "403"} <= operation["responses"].keys()
        assert operation["description"]
