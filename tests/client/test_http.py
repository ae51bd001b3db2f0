"""The client of the REST API: shapes there and back, and what becomes of bad answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kenspeckle import errors
from kenspeckle.client.errors import CommandFailed, ServerUnreachable
from kenspeckle.client.http import Remote
from kenspeckle.client.retries import Retries
from kenspeckle.domain import (
    Associated,
    Box,
    Comparison,
    Deleted,
    Face,
    FaceDetail,
    FaceMatch,
    FaceRecord,
    FaceSearch,
    GroupRef,
    ImageSearch,
    Indexed,
    Landmark,
    Pose,
    Quality,
    Reason,
    UnindexedFace,
    UnsuccessfulFace,
    User,
    UserMatch,
    UserSearch,
)
from kenspeckle.domain import operations as ops
from kenspeckle.shapes import dump, load
from kenspeckle.shapes.dump import searched

DETAIL = FaceDetail(Box(0.1, 0.2, 0.3, 0.4), 98.5, (Landmark("nose", 0.2, 0.4),), Pose(1, -2, 3), Quality(70, 80))
BARE = FaceDetail(DETAIL.box, DETAIL.confidence, (), Pose(0, 0, 0), Quality(0, 0))
FACE = Face("f1", "i1", "c", "ada.jpg", DETAIL.box, 98.5, "1", 0.0, "ada")
LEFT_OUT = UnindexedFace(DETAIL, (Reason.EXTREME_POSE, Reason.SMALL_BOUNDING_BOX))


def test_every_answer_survives_the_way_over_the_wire() -> None:
    indexed = Indexed("i1", (FaceRecord(FACE, DETAIL),), (LEFT_OUT,), "1", True)
    assert load.indexed(dump.index_faces(indexed), "c") == indexed
    search = ImageSearch((FaceSearch(DETAIL, (FaceMatch(FACE, 91.5),)), FaceSearch(DETAIL, ())), (LEFT_OUT,), "1")
    assert load.image_search(searched(search, every=True), "c") == search
    seen = GroupRef("group-1", 4, 1_700_000_000.0, 1_700_000_001.5)
    stranger = ImageSearch((FaceSearch(BARE, (), seen),), (), "1")
    assert load.image_search(searched(stranger, every=False), "c") == stranger
    # On Amazon's wire nothing is added.
    assert "Group" not in dump.largest_search(stranger)
    one = load.image_search(searched(search, every=False), "c")
    assert one == ImageSearch((FaceSearch(BARE, (FaceMatch(FACE, 91.5),)),), (), "1"), "no more is in such an answer"
    comparison = Comparison(BARE, ((DETAIL, 88.0),), (DETAIL,))
    assert load.comparison(dump.compare_faces(comparison)) == comparison
    deleted = Deleted(("f1",), (UnsuccessfulFace("f2", ("FACE_NOT_FOUND",)),))
    assert load.deleted(dump.delete_faces(deleted)) == deleted
    associated = Associated(("f1",), (UnsuccessfulFace("f2", ("LOW_MATCH_CONFIDENCE",), "bob", 12.0),), "ACTIVE")
    assert load.associated(dump.associate_faces(associated)) == associated
    assert load.associated(dump.disassociate_faces(associated)) == associated
    user = User("ada", "c", "ACTIVE", 0.0)
    for detail in (DETAIL, None):
        by_image = UserSearch(detail, (UserMatch(user, 90.0),), (LEFT_OUT,), "1")
        assert load.user_search(dump.search_users_by_image(by_image), "c") == by_image


Script = list[tuple[int, dict[str, str], bytes]]


@pytest.fixture
def scripted() -> Iterator[tuple[str, Script]]:
    """A server that gives the answers of a script, one a request; and its address."""
    script: Script = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = script.pop(0)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", script
    server.shutdown()
    thread.join()
    server.server_close()


def _problem(code: str, detail: str = "Said by the server.") -> bytes:
    return json.dumps({"code": code, "detail": detail, "field": "x", "request_id": "r-1"}).encode()


def test_an_error_of_the_server_is_the_same_error_here(scripted: tuple[str, Script]) -> None:
    url, script = scripted
    for kind in (errors.CollectionNotFound, errors.Unauthenticated, errors.PackMismatch, errors.StorageFull):
        script.append((400, {}, _problem(kind.code)))
        with Remote(url) as remote, pytest.raises(kind, match="Said by the server"):
            remote.handle(ops.DescribeCollection(collection_id="c"))


@pytest.mark.parametrize("key", ["ksp_secret\r", "ksp_secret\n", "ksp_секрет", "ksp_secret\x00"])
def test_a_key_that_can_not_be_sent_is_not_shown(scripted: tuple[str, Script], key: str) -> None:
    """As a file with the line ends of another system gives it: what refuses the header would print it."""
    url, _ = scripted
    with pytest.raises(CommandFailed) as refused, Remote(url, key) as remote:
        remote.handle(ops.DescribeCollection(collection_id="c"))
    assert "line ends" in refused.value.hint
    assert key[4:8] not in refused.value.message + refused.value.hint


def test_a_password_in_the_address_is_not_shown() -> None:
    with pytest.raises(ServerUnreachable) as gone, Remote("http://ada:secret@127.0.0.1:9/x/") as remote:
        remote.handle(ops.DescribeCollection(collection_id="c"))
    assert "http://127.0.0.1:9/x." in gone.value.message


def test_a_busy_server_is_asked_again(scripted: tuple[str, Script]) -> None:
    url, script = scripted
    page = json.dumps({"Collections": [], "NextToken": None}).encode()
    script += [(503, {"retry-after": "0.1"}, _problem("overloaded")), (429, {"retry-after": "0"}, b"")]
    script += [(503, {"retry-after": "nan"}, b""), (200, {}, page)]
    with Remote(url) as remote:
        assert remote.handle(ops.ListCollections()).items == ()
    assert script == []


def test_patience_ends(scripted: tuple[str, Script]) -> None:
    url, script = scripted
    script += [(503, {"retry-after": "0"}, _problem("overloaded"))] * 2
    with Remote(url, retries=Retries(attempts=2)) as remote, pytest.raises(errors.Overloaded):
        remote.handle(ops.ListCollections())


def test_nobody_waits_for_tomorrows_quota(scripted: tuple[str, Script]) -> None:
    url, script = scripted
    script += [(429, {"retry-after": "43200"}, _problem("rate_limited"))]
    with Remote(url) as remote, pytest.raises(errors.RateLimited):
        remote.handle(ops.ListCollections())


def test_something_else_at_that_address_is_said_to_be_that(scripted: tuple[str, Script]) -> None:
    url, script = scripted
    script += [
        (502, {}, b"<h1>Bad gateway</h1>"),
        (200, {}, b"<h1>Hello</h1>"),
        (404, {}, b""),
        (500, {}, _problem("internal_error")),
    ]
    with Remote(url) as remote:
        with pytest.raises(CommandFailed, match="502"):
            remote.handle(ops.ListCollections())
        with pytest.raises(CommandFailed, match="no JSON"):
            remote.handle(ops.ListCollections())
        with pytest.raises(CommandFailed) as failed:
            remote.handle(ops.ListCollections())
    assert "r-1" in failed.value.hint


def test_nobody_there(unused_port: int) -> None:
    with (
        Remote(f"http://127.0.0.1:{unused_port}") as remote,
        pytest.raises(ServerUnreachable, match="No server answers"),
    ):
        remote.handle(ops.ListCollections())


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(CommandFailed, match="no address"):
        Remote(url)


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_be_another_path_is_never_sent(name: str) -> None:
    with Remote("http://127.0.0.1:9") as remote, pytest.raises(errors.InvalidValue):
        remote.handle(ops.DescribeCollection(collection_id=name))
