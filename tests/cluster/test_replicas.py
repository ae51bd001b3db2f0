"""Two real services over one PostgreSQL and one bucket: what one does the other knows, and what is left when one of
them, or the database, is killed, or one is cut off the database or the bucket."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from kenspeckle import settings
from kenspeckle.cli.launch import Launched, launch
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.data_folder import open_instance
from kenspeckle.compose.shared_settings import remove_calibration, set_calibration
from kenspeckle.domain import Calibration
from kenspeckle.models import registry
from tests.cluster.links import Link
from tests.cluster.parts import BUCKET, DATABASE, parts
from tests.postgres import Server, needed

MASTER = {"master_key": "ab" * 32}
ADMIN = {"x-api-key": "a" * 40}
NAMES = ("a", "b")
SAMPLES = settings.load(environ={}).models_dir / "samples"


class Cluster:
    """The database, a bucket and two replicas, each with a data folder of its own and links to both."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        needed()
        self.database = Server()
        stack.callback(self.database.close)
        self.database.execute("CREATE DATABASE kenspeckle")
        self.url = self.database.url("kenspeckle")
        self.parts = stack.enter_context(parts(milvus=False))
        self.parts.connect(NAMES, [self.database.socket])
        self.settings = {
            "KENSPECKLE_MASTER_KEY": MASTER["master_key"],
            "KENSPECKLE_ADMIN_KEY": ADMIN["x-api-key"],
        }
        self.folder = folder
        self.servers = [stack.enter_context(self.launched(name)) for name in NAMES]
        self.clients = [
            stack.enter_context(httpx.Client(base_url=one.url, timeout=60, headers=ADMIN)) for one in self.servers
        ]

    def launched(self, name: str, **changed: str) -> AbstractContextManager[Launched]:
        own = self.parts.settings_of(name if name in NAMES else "a", "kenspeckle")
        return launch(self.folder / name, settings={**self.settings, **own, **changed}, patience=120)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(tmp_path_factory.mktemp("cluster"), stack)


def until(holds: Callable[[], bool]) -> None:
    """Wait for it; a machine under load may take its time."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return list(answer.json()["matchedFaces"])


def index(client: httpx.Client, file: str, name: str) -> str:
    answer = client.put(f"/v1/index/{name}", content=(SAMPLES / file).read_bytes())
    assert answer.status_code == 200, answer.text
    return str(answer.json()["FaceRecords"][0]["Face"]["FaceId"])


def search(client: httpx.Client, file: str) -> httpx.Response:
    return client.put("/v1/search", content=(SAMPLES / file).read_bytes())


def test_what_one_has_indexed_the_other_finds_and_what_it_has_deleted_no_more(cluster: Cluster) -> None:
    a, b = cluster.clients
    assert names(search(b, "grace_hopper.jpg")) == []
    index(a, "grace_hopper.jpg", "grace-hopper.jpg")
    assert names(search(b, "grace_hopper.jpg")) == ["Grace hopper"]
    assert b.get("/v1/images/grace-hopper.jpg").content == (SAMPLES / "grace_hopper.jpg").read_bytes()
    other = index(b, "astronaut.png", "eileen-collins.png")
    assert names(search(a, "astronaut.png")) == ["Eileen collins"]
    assert a.delete(f"/v1/collections/kenspeckle/faces/{other}").is_success
    assert names(search(b, "astronaut.png")) == []


def test_a_key_that_one_has_revoked_the_other_refuses(cluster: Cluster) -> None:
    a, b = cluster.clients
    made = a.post("/v1/keys", json={"name": "desk", "scopes": ["search"]}).json()
    own = {"x-api-key": made["api_key"]}
    assert b.get("/v1/info", headers=own).status_code in (200, 403)
    assert a.delete(f"/v1/keys/{made['id']}").is_success
    until(lambda: b.get("/v1/info", headers=own).status_code == 401)


def test_a_replica_of_another_master_key_encryption_or_pack_is_refused(cluster: Cluster) -> None:
    for changed, said in (
        ({"KENSPECKLE_MASTER_KEY": "cd" * 32}, "another master key"),
        ({"KENSPECKLE_ENCRYPTION": "on"}, "KENSPECKLE_ENCRYPTION"),
        ({"KENSPECKLE_PACK": "centerface-dlib"}, "PACK: another service on this catalog"),
        ({"KENSPECKLE_FACE_MATCH_THRESHOLD": "90"}, "FACE_MATCH_THRESHOLD: .*given 90.0, .* have 80.0.*catalog set"),
    ):
        with pytest.raises(CommandFailed, match=said) as refused, cluster.launched("c", **changed):
            pass
        assert "kenspeckle@" not in refused.value.message
    assert all(client.get("/readyz").status_code == 200 for client in cluster.clients)


def test_what_similarity_means_is_changed_for_all_while_they_run(cluster: Cluster) -> None:
    a, b = cluster.clients
    index(a, "grace_hopper.jpg", "grace-hopper.jpg")
    smaller = picture("grace_hopper.jpg")
    assert names(search_with(b, smaller)) == ["Grace hopper"]
    own = settings.load({"data_dir": cluster.folder / "a", "catalog_url": cluster.url, **MASTER}, environ={})
    # Two photographs are never as near as this.
    strict = Calibration((0.0, 1e-9, 2e-9), (100.0, 50.0, 0.0), "measured", "5 people")
    with open_instance(own) as instance:
        set_calibration(instance, registry.SFACE.info, strict)
    for client in (a, b):
        until(lambda client=client: names(search_with(client, smaller)) == [])  # type: ignore[misc]  # bound at once
        told = client.get("/v1/info").json()["pack"]["calibration"]
        assert told == {"kind": "measured", "sample": "5 people"}
    with cluster.launched("c") as late, httpx.Client(base_url=late.url, timeout=60, headers=ADMIN) as client:
        assert names(search_with(client, smaller)) == []
    remove_calibration(own, "sface")
    for client in (a, b):
        until(lambda client=client: names(search_with(client, smaller)) == ["Grace hopper"])  # type: ignore[misc]
    rows = a.get("/v1/audit", params={"limit": 200}).json()["rows"]
    assert {"SetCalibration", "RemoveCalibration"} <= {one["operation"] for one in rows}


def picture(file: str) -> bytes:
    """That of a sample, at two thirds of its size."""
    with Image.open(SAMPLES / file) as image:
        made = BytesIO()
        image.convert("RGB").resize((image.width * 2 // 3, image.height * 2 // 3)).save(made, "JPEG")
    return made.getvalue()


def search_with(client: httpx.Client, data: bytes) -> httpx.Response:
    return client.put("/v1/search", content=data)


def refused(answer: httpx.Response) -> None:
    """It says that it is to be asked for later."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1


def test_a_replica_that_is_cut_off_the_database_says_so_and_goes_on_by_itself(cluster: Cluster) -> None:
    a, b = cluster.clients
    with cluster.parts.disturbed(DATABASE, ["a"], Link.cut):
        for answer in (a.get("/readyz"), search(a, "astronaut.png"), a.get("/v1/collections"), a.get("/v1/info")):
            refused(answer)
        refused(a.put("/v1/index/nobody.png", content=(SAMPLES / "astronaut.png").read_bytes()))
        assert a.get("/healthz").status_code == 200
        other = index(b, "astronaut.png", "eileen-collins.png")
    until(lambda: a.get("/readyz").status_code == 200)
    assert names(search(a, "astronaut.png")) == ["Eileen collins"]
    with cluster.parts.disturbed(DATABASE, ["a"], Link.cut):
        assert b.delete(f"/v1/collections/kenspeckle/faces/{other}").is_success
    until(lambda: a.get("/readyz").status_code == 200)
    assert names(search(a, "astronaut.png")) == []


def test_requests_wait_for_a_database_that_hangs_and_are_answered_when_it_goes_on(cluster: Cluster) -> None:
    a, b = cluster.clients
    with ThreadPoolExecutor(1) as pool:
        with cluster.parts.disturbed(DATABASE, ["a"], Link.stall):
            waiting = pool.submit(search, a, "grace_hopper.jpg")
            assert names(search(b, "grace_hopper.jpg")) == ["Grace hopper"]
            assert not waiting.done()
        assert names(waiting.result()) == ["Grace hopper"]


def test_a_replica_that_is_cut_off_the_bucket_searches_and_deletes_and_removes_photographs_later(
    cluster: Cluster,
) -> None:
    a, b = cluster.clients
    gone = index(a, "astronaut.png", "eileen-collins.png")
    before = stored(cluster)
    with cluster.parts.disturbed(BUCKET, ["a"], Link.cut):
        refused(a.put("/v1/index/nobody.png", content=(SAMPLES / "astronaut.png").read_bytes()))
        refused(a.get("/v1/images/eileen-collins.png"))
        assert a.get("/readyz").status_code == 200
        assert names(search(a, "astronaut.png")) == ["Eileen collins"]
        answer = a.delete(f"/v1/collections/kenspeckle/faces/{gone}")
        assert answer.is_success, answer.text
        assert names(search(b, "astronaut.png")) == []
        assert stored(cluster) == before
    until(lambda: len(stored(cluster)) == len(before) - 1)
    assert b.get("/v1/images/nobody.png").status_code == 404


def stored(cluster: Cluster) -> set[str]:
    """Keys of the bucket."""
    found = cluster.parts.s3.client.list_objects_v2(Bucket=cluster.parts.bucket)
    return {one["Key"] for one in found.get("Contents", ())}


def test_the_database_goes_and_comes_back(cluster: Cluster) -> None:
    a, b = cluster.clients
    cluster.database.stop(signal.SIGQUIT)
    for client in (a, b):
        for path in ("/readyz", "/v1/collections"):
            gone = client.get(path)
            assert gone.status_code == 503, gone.text
            assert int(gone.headers["retry-after"]) >= 1
        assert client.get("/healthz").status_code == 200
    cluster.database.start()
    for client in (a, b):
        until(lambda client=client: client.get("/readyz").status_code == 200)  # type: ignore[misc]  # bound at once
        assert names(search(client, "grace_hopper.jpg")) == ["Grace hopper"]


def test_one_is_killed_and_the_other_goes_on(cluster: Cluster) -> None:
    b = cluster.clients[1]
    cluster.servers[0].process.kill()
    cluster.servers[0].process.wait()
    index(b, "astronaut.png", "eileen-collins.png")
    assert names(search(b, "astronaut.png")) == ["Eileen collins"]
    with cluster.launched("a") as again, httpx.Client(base_url=again.url, timeout=60, headers=ADMIN) as client:
        assert names(search(client, "astronaut.png")) == ["Eileen collins"]
        assert names(search(client, "grace_hopper.jpg")) == ["Grace hopper"]
        rows = client.get("/v1/audit", params={"limit": 1000}).json()["rows"]
    numbers = [one["number"] for one in rows]
    assert sorted(numbers) == list(range(1, max(numbers) + 1))
    assert not {"AuditCutBack", "AuditSealBroken"} & {one["operation"] for one in rows}
