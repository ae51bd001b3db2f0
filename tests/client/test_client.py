"""`kenspeckle.Client` and `AsyncClient` on a real service whose engine is told who is in which picture."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import kenspeckle as package
from kenspeckle import errors
from kenspeckle.client.retries import Retries
from kenspeckle.client.verbs import Done, Photograph
from kenspeckle.testing.endpoint import Endpoint
from tests.client.test_http import Script, scripted
from tests.testing.conftest import kenspeckle, kenspeckle_server

__all__ = ["kenspeckle", "kenspeckle_server", "scripted"]


def test_life_of_a_collection(kenspeckle: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "Ada-King.png"
    file.write_bytes(kenspeckle.photograph("Ada"))
    with kenspeckle.client() as client:
        assert len(client.index(file).records) == 1
        client.index(io.BytesIO(kenspeckle.photograph("Grace")), "Grace", metadata={"desk": "3"})
        with file.open("rb") as opened:
            assert client.search(opened).searches[0].matches[0].face.external_image_id == "Ada-King.png"
        found = client.search(kenspeckle.photograph("Grace", "Ada", "Bob"), every_face=True, threshold=90)
        names = [[match.face.external_image_id for match in one.matches] for one in found.searches]
        assert names == [["Grace"], ["Ada-King.png"], []]
        assert [one.external_image_id for one in client.faces()] == ["Ada-King.png", "Grace"]
        (face,) = client.faces(name="Grace")
        assert client.face(face.face_id).face.created_at == face.created_at > 0
        assert client.thumbnail(face.face_id)[:2] == b"\xff\xd8"
        assert client.compare(file, kenspeckle.photograph("Grace", "Ada")).matches
        assert client.delete_faces([face.face_id]).deleted == (face.face_id,)
        assert client.erase("Ada-King.png").receipt is not None
        assert list(client.faces()) == []
        client.create_collection("guests")
        assert [one.collection_id for one in client.collections()] == [kenspeckle.collection, "guests"]
        assert list(client.users()) == []
        client.delete_collection("guests")
        with pytest.raises(errors.FaceNotFound):
            client.face(face.face_id)
        with pytest.raises(errors.NoFace):
            client.search(kenspeckle.photograph())
        with pytest.raises(ValueError, match="needs a name"):
            client.index(b"bytes")
        with pytest.raises(ValueError, match="quality 'good' is none of NONE, AUTO"):
            client.search(file, quality="good")
        assert client.handle(package.operations.ListUsers(collection_id=kenspeckle.collection)).items == ()
    with kenspeckle.client(collection="nowhere") as client, pytest.raises(errors.CollectionNotFound):
        client.index(file)


def test_many_photographs_tell_their_progress(kenspeckle: Endpoint, tmp_path: Path) -> None:
    told: list[tuple[int, str]] = []

    def progress(number: int, one: Done) -> None:
        told.append((number, one.name))

    people = {f"person-{number}": kenspeckle.photograph(f"person {number}") for number in range(12)}
    wrong: dict[str, Photograph] = {"missing": tmp_path / "missing.png", "broken": b"no picture"}
    with kenspeckle.client() as client:
        done = {one.name: one for one in client.index_many([*people.items(), *wrong.items()], progress=progress)}
        assert [number for number, _ in told] == list(range(1, 15))
        assert {name for _, name in told} == set(people) | set(wrong)
        assert all(done[name].answer is not None for name in people)
        assert isinstance(done["missing"].error, FileNotFoundError)
        assert isinstance(done["broken"].error, errors.UnsupportedImage)
        found = list(client.search_many([kenspeckle.photograph("person 3"), kenspeckle.photograph()], threshold=90))
        assert {type(one.error) for one in found} == {type(None), errors.NoFace}
        # A caller who has seen enough starts no others.
        first = next(iter(client.index_many(people.items(), workers=1)))
        assert first.error is None
    with package.Client("http://127.0.0.1:9") as gone, pytest.raises(package.ServerUnreachable):
        list(gone.index_many(people.items()))


def test_the_same_awaited(kenspeckle: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "Ada.png"
    file.write_bytes(kenspeckle.photograph("Ada"))

    async def life() -> None:
        async with package.AsyncClient(kenspeckle.url) as client:
            assert len((await client.index(file)).records) == 1
            pairs = [(f"person-{number}", kenspeckle.photograph(f"person {number}")) for number in range(8)]
            told: list[int] = []
            done = [one async for one in client.index_many(pairs, progress=lambda number, _: told.append(number))]
            assert told == list(range(1, 9))
            assert all(one.error is None for one in done)
            names = [one.external_image_id async for one in client.faces()]
            assert sorted(map(str, names)) == ["Ada.png", *(f"person-{number}" for number in range(8))]
            found = await client.search(file)
            assert found.searches[0].matches[0].similarity == 100
            several = [one async for one in client.search_many([file, kenspeckle.photograph()])]
            assert sorted(type(one.error).__name__ for one in several) == ["NoFace", "NoneType"]
            (face,) = [one async for one in client.faces(name="Ada.png")]
            assert (await client.face(face.face_id)).face == face
            assert (await client.thumbnail(face.face_id))[:2] == b"\xff\xd8"
            assert len(await client.detect(file)) == len((await client.compare(file, file)).matches) == 1
            assert (await client.delete_faces([face.face_id])).deleted == (face.face_id,)
            assert (await client.erase("person-1")).receipt is not None
            await client.create_collection("guests")
            assert [one.collection_id async for one in client.collections()] == [kenspeckle.collection, "guests"]
            assert [one async for one in client.users()] == []
            await client.delete_collection("guests")
            with pytest.raises(errors.FaceNotFound):
                await client.face(face.face_id)
        async with package.AsyncClient("http://127.0.0.1:9") as gone:
            with pytest.raises(package.ServerUnreachable, match="No server answers"):
                await gone.search(file)

    asyncio.run(life())


def _refused(status: int, headers: dict[str, str]) -> httpx.Response:
    return httpx.Response(status, headers=headers)


def test_pauses_are_spread_and_honour_the_server() -> None:
    usual = Retries()
    for _ in range(50):
        asked = usual.pause(_refused(503, {"retry-after": "4"}), 1)
        assert asked is not None
        assert 4 <= asked <= 5
        long = usual.pause(_refused(503, {"retry-after": "3600"}), 1)
        assert long == 30
        own = usual.pause(_refused(429, {}), 3)
        assert own is not None
        assert 1 <= own <= 2
    assert usual.pause(_refused(429, {"retry-after": "3600"}), 1) is None, "a quota"
    assert usual.pause(_refused(503, {}), 6) is None, "no patience left"
    assert usual.pause(_refused(500, {}), 1) is None
    assert usual.pause(_refused(200, {}), 1) is None
    spread = {usual.pause(_refused(503, {"retry-after": "4"}), 1) for _ in range(20)}
    assert len(spread) > 10, "clients that were refused together come back together"


def test_what_may_be_done_twice_is_repeated_where_a_connection_breaks() -> None:
    usual = Retries()
    assert usual.after_failure(True, 1) is not None
    assert usual.after_failure(True, 3) is None
    assert usual.after_failure(False, 1) is None
    ops = package.operations
    from kenspeckle.client.retries import repeatable

    assert all(map(repeatable, (ops.SearchImage, ops.IndexFaces, ops.ListFaces, ops.DetectFaces)))
    assert not any(map(repeatable, (ops.CreateUser, ops.DeleteFaces, ops.CreateCollection, ops.AssociateFaces)))


@pytest.mark.parametrize("version", ["9.9.0", package.__version__])
def test_another_version_of_the_service_is_told(scripted: tuple[str, Script], version: str) -> None:
    url, script = scripted
    info = f'{{"version": "{version}", "collection": "kenspeckle"}}'.encode()
    answers = (200, b'{"Collections": [{"id": 1}]}'), (404, b'{"code": "not_found", "detail": "No."}')
    for status, body in answers:
        script += [(status, {}, body), (200, {}, info)] * 2
        with package.Client(url) as client, pytest.raises(package.ClientError) as unknown:
            list(client.collections())
        assert ("The server is Kenspeckle 9.9.0, this client" in unknown.value.hint) == (version == "9.9.0")

        async def later() -> None:
            async with package.AsyncClient(url) as client:
                assert [one async for one in client.collections()] == []

        with pytest.raises(package.ClientError) as awaited:
            asyncio.run(later())
        assert awaited.value.hint == unknown.value.hint


def test_names_of_the_package_are_loaded_when_they_are_asked_for() -> None:
    program = "import sys, kenspeckle; print([one for one in sys.modules if one.startswith(('httpx', 'kenspeckle.'))])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    for name in (
        "AsyncClient",
        "Client",
        "ClientError",
        "KenspeckleError",
        "Retries",
        "ServerUnreachable",
        "operations",
    ):
        assert getattr(package, name).__name__.rpartition(".")[2] == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        package.Nothing  # type: ignore[attr-defined]  # noqa: B018
