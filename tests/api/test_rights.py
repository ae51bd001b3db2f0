"""Who may call what: every route, with every scope, with a key for another collection, and with none."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from kenspeckle.api.body_schemas import FaceIds
from kenspeckle.api.edge import answer
from kenspeckle.api.guard import guard_routes
from kenspeckle.api.route import ADMIN, HERE, route
from kenspeckle.api.routes import GROUPS, entries
from kenspeckle.domain import Of, Principal, Scope
from kenspeckle.serving import bodies
from tests.api.conftest import Server, key, running
from tests.api.fake import photograph

FACE = "00000000-0000-0000-0000-000000000000"
TABLE = entries()
RIGHTS = {name: entry.right for name, entry in TABLE.items()}
CASES = [(name, method) for name, entry in TABLE.items() for method in entry.methods]
ASKED = [one for one in CASES if RIGHTS[one[0]] is not None]


def _status(server: Server, name: str, method: str, collection: str = "kenspeckle") -> int:
    path = TABLE[name].path.replace(":path", "")
    by_query = "{collection_id}" not in path and name in (
        *("index", "index_unnamed", "search", "image", "image_by_id", "delete_image", "thumbnail", "start_video"),
        "search_appearance",
    )
    path = path.format(
        filename="a.jpg",
        key="a.jpg",
        collection_id=collection,
        face_id=FACE,
        user_id="someone",
        job_id="job-1",
        person_id="person-1",
        group_id="group-1",
        pair_id="person-1.person-2",
        image_id=FACE,
        receipt_id="receipt-1",
    )
    if name == "delete_identity":
        path += "?external_image_id=nobody"
    if by_query:
        path += f"?collection={collection}"
    body = photograph("a") if method in ("PUT", "POST") else None
    return server.client.request(method, path, content=body).status_code


def test_few_routes_are_open() -> None:
    assert {name for name, right in RIGHTS.items() if right is None} == {"healthz", "readyz", "openapi", "docs"}


def test_a_name_stands_for_one_route() -> None:
    class Other:
        @route("GET", "/v1/other", tag="faces", right=ADMIN, codes=HERE)
        async def search(self, request: Request) -> Response:
            raise NotImplementedError

    with pytest.raises(ValueError, match="search"):
        entries((*GROUPS, Other))


@pytest.mark.parametrize(("name", "method"), CASES)
def test_without_a_key_only_the_open_routes_answer(server: Server, name: str, method: str) -> None:
    server.who[0] = None
    status = _status(server, name, method)
    assert status == (401 if RIGHTS[name] is not None else 200)
    assert [call for call in server.recognizer.calls if call[0] != "ready"] == []


@pytest.mark.parametrize(("name", "method"), ASKED)
@pytest.mark.parametrize("scope", list(Scope))
def test_each_route_takes_its_own_scope_and_no_other(server: Server, name: str, method: str, scope: Scope) -> None:
    right = RIGHTS[name]
    assert right is not None
    server.who[0] = Principal(key(scope))
    allowed = right.scope is None or scope in (right.scope, Scope.ADMIN)
    assert (_status(server, name, method) != 403) == allowed


@pytest.mark.parametrize(("name", "method"), ASKED)
def test_a_key_of_one_collection_reaches_no_other(server: Server, name: str, method: str) -> None:
    right = RIGHTS[name]
    assert right is not None
    server.recognizer.records["mine"], server.recognizer.people["mine"] = {}, {}
    server.who[0] = Principal(key(*Scope, collections=("mine",)))
    assert (_status(server, name, method) == 403) == (right.of is not Of.ANYTHING)
    if right.of is Of.COLLECTION:
        assert _status(server, name, method, "mine") != 403


def test_the_default_collection_is_checked_where_none_is_named(server: Server) -> None:
    server.who[0] = Principal(key(*Scope, collections=("mine",)))
    answer = server.client.put("/v1/search", content=photograph("a"))
    assert (answer.status_code, answer.json()["field"]) == (403, "collection")
    assert "kenspeckle" in answer.json()["detail"]


def test_a_list_shows_only_what_is_granted(server: Server) -> None:
    for name in ("mine", "other"):
        server.recognizer.records[name], server.recognizer.people[name] = {}, {}
    server.who[0] = Principal(key(Scope.READ, collections=("mine",)))
    answer = server.client.get("/v1/collections").json()
    assert answer["CollectionIds"] == ["mine"]
    assert [one["CollectionId"] for one in answer["Collections"]] == ["mine"]
    assert len(answer["FaceModelVersions"]) == 1


def test_a_list_tells_nothing_of_what_is_not_granted(server: Server) -> None:
    for number in range(20):
        for name in (f"a-{number}", f"mine-{number}"):
            server.recognizer.records[name], server.recognizer.people[name] = {}, {}
    server.who[0] = Principal(key(Scope.READ, collections=("mine-3", "mine-7", "gone")))
    first = server.client.get("/v1/collections?limit=1").json()
    assert first["CollectionIds"] == ["mine-3"], "no page is empty for what lies between"
    second = server.client.get("/v1/collections", params={"limit": 1, "cursor": first["NextToken"]}).json()
    assert (second["CollectionIds"], second.get("NextToken")) == (["mine-7"], None)
    assert server.client.get("/v1/info").json()["counts"] == {"collections": 2}
    server.who[0] = Principal(key(Scope.READ))
    assert server.client.get("/v1/info").json()["counts"]["collections"] > 40


def test_who_asks_comes_before_what_is_asked(server: Server) -> None:
    server.who[0] = None
    assert server.client.put("/v1/search?threshold=abc&odd=1", content=b"").status_code == 401
    server.who[0] = Principal(key(Scope.READ))
    assert server.client.put("/v1/search?threshold=abc", content=b"").status_code == 403


def test_a_route_without_an_entry_is_not_built(server: Server) -> None:
    async def unheard() -> None: ...

    app = FastAPI()
    app.router.route_class = guard_routes(server.app.state.edge)
    with pytest.raises(KeyError, match="unheard"):
        app.add_api_route("/unheard", unheard)


def test_every_route_of_the_application_is_guarded_or_named_open(server: Server) -> None:
    for one in server.app.router.routes:
        assert isinstance(one, APIRoute)
        assert type(one).__name__ == "Guarded"


def test_routes_of_administrators_are_behind_the_scope_admin() -> None:
    class More:
        @route("POST", "/v1/more", tag="faces", right=ADMIN)
        async def more(self, request: Request) -> Response:
            """More."""
            return answer((await bodies.json(request, FaceIds)).FaceIds)

    with running(more=[More()]) as server:
        for who, status in [
            (None, 401),
            (Principal(key(Scope.READ, Scope.INDEX)), 403),
            (Principal(key(Scope.ADMIN, collections=("mine",))), 403),
            (Principal(key(Scope.ADMIN)), 200),
        ]:
            server.who[0] = who
            assert server.client.post("/v1/more", json={"FaceIds": ["a"]}).status_code == status
        refused = server.client.post("/v1/more", content=b"[")
        assert (refused.status_code, refused.json()["field"]) == (422, "body")
        refused = server.client.post("/v1/more", content=b"x" * 2_000_000)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_value")
        server.who[0] = None
        unread = b"POST /v1/more HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"
        assert server.send(unread).startswith(b"HTTP/1.1 401 ")
