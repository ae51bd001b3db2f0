"""Collections of three packs in one server, real networks and sockets: each is described, found and told by its own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import numpy as np
import pytest
from botocore.config import Config
from PIL import Image

from kenspeckle.compose import own_packs
from kenspeckle.compose.embedded import build
from kenspeckle.compose.engines import PackEngines
from kenspeckle.compose.service import Service
from kenspeckle.domain import Collection
from kenspeckle.models import registry
from kenspeckle.models.own_description import describe
from kenspeckle.settings import Settings, load
from tests.models import own_network
from tests.rekognition.served import running

MODELS = load(environ={}).models_dir
PACKS = {"modern": "sface", "old": "centerface-dlib", "wide": "wide"}
"""The packs of the collections of this test."""


@dataclass(frozen=True)
class Served:
    service: Service
    http: httpx.Client
    wire: Any


def served(settings: Settings) -> Iterator[Served]:
    service = build(settings)
    assert isinstance(service, Service)
    try:
        with running(service.serve()) as url, httpx.Client(base_url=url, timeout=60) as http:
            config = Config(retries={"total_max_attempts": 1})
            keys = {"aws_access_key_id": "ANY", "aws_secret_access_key": "any"}
            yield Served(
                service,
                http,
                boto3.client("rekognition", region_name="us-east-1", endpoint_url=url, config=config, **keys),
            )
    finally:
        service.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("packs")
    models = folder / "models"
    models.mkdir()
    for name in ("sface", "centerface-dlib", "samples"):
        (models / name).symlink_to(MODELS / name)
    chosen = {"data_dir": folder / "data", "host": "127.0.0.1", "pack": "sface", "models_dir": models}
    settings = load(chosen, environ={})
    file = folder / "wide.onnx"
    file.write_bytes(own_network.wide(512))
    for one in served(settings):
        # Added while the service runs, which finds it when it is first asked for.
        own_packs.add(settings, describe({"name": "wide", "embedder": str(file), "version": "9.5"}), lambda *_: None)
        yield one


def variation(name: str) -> bytes:
    """The sample in other bytes, smaller."""
    file = io.BytesIO()
    with Image.open(MODELS / "samples" / name) as picture:
        picture.convert("RGB").resize((picture.width * 4 // 5, picture.height * 4 // 5)).save(file, "JPEG", quality=90)
    return file.getvalue()


def test_index_and_search_in_collections_of_three_packs_at_once(server: Served) -> None:
    http, wire = server.http, server.wire
    assert server.service.local.context.engines.default.pack.name == "sface"
    for name, pack in PACKS.items():
        made = http.post("/v1/collections", json={"id": name, "pack": pack})
        assert (made.status_code, made.json()["Pack"]) == (201, pack), made.text
    people = {"grace.jpg": "grace_hopper.jpg", "eileen.jpg": "astronaut.png"}
    photographs = {identity: (MODELS / "samples" / file).read_bytes() for identity, file in people.items()}
    with ThreadPoolExecutor(4) as pool:

        def index(name: str, identity: str) -> str:
            done = http.put(
                f"/v1/index/{identity}", params={"collection": name, "max_faces": 1}, content=photographs[identity]
            )
            assert done.status_code == 200, done.text
            assert done.json()["FaceModelVersion"] == version(name)
            return str(done.json()["FaceRecords"][0]["Face"]["FaceId"])

        def version(name: str) -> str:
            return str(wire.describe_collection(CollectionId=name)["FaceModelVersion"])

        asked = {(name, who): pool.submit(index, name, who) for who in people for name in PACKS}
        faces = {key: one.result() for key, one in asked.items()}
        assert {name: version(name) for name in PACKS} == {"modern": "7.0", "old": "6.0", "wide": "9.5"}

        def search(name: str, file: str) -> Any:
            image = variation(file)
            found = wire.search_faces_by_image(CollectionId=name, Image={"Bytes": image}, FaceMatchThreshold=0)
            return image, found

        looked = {(name, who): pool.submit(search, name, people[who]) for name in PACKS for who in people}
        found = {key: one.result() for key, one in looked.items()}

    context = server.service.local.context
    for (name, who), (image, answer) in found.items():
        collection = context.catalog.collection(name)
        engine = context.engines.of(collection)
        assert (engine.pack.name, engine.pack.contract) == (PACKS[name], collection.contract)
        stored = context.catalog.face(name, faces[name, who])[1]
        photo = engine.open(photographs[who])
        assert stored == pytest.approx(engine.embed(photo, engine.detect(photo)[:1])[0], abs=1e-3), "of its own pack"
        probe = engine.open(image)
        template = engine.embed(probe, engine.detect(probe, largest_only=True))[0]
        best = answer["FaceMatches"][0]
        assert (best["Face"]["FaceId"], answer["FaceModelVersion"]) == (faces[name, who], engine.pack.version)
        expected = engine.pack.calibration.similarity(float(np.linalg.norm(template - stored)))
        assert best["Similarity"] == pytest.approx(expected, abs=0.05), "what similarity means is its pack's"
        assert best["Similarity"] > 95
        assert np.linalg.norm(stored) == pytest.approx(1, abs=1e-5) or name == "old"
        by_face = wire.search_faces(CollectionId=name, FaceId=faces[name, who], FaceMatchThreshold=0)
        assert by_face["FaceModelVersion"] == engine.pack.version
        rest = http.post(f"/v1/collections/{name}/faces/{faces[name, who]}/search").json()
        assert rest["FaceModelVersion"] == engine.pack.version
    loaded = context.engines.list_loaded() if isinstance(context.engines, PackEngines) else ()
    assert set(loaded) == {"sface", "centerface-dlib", "wide"}


def test_info_says_what_each_pack_is_and_how_its_similarity_was_measured(server: Served) -> None:
    server.service.local.context.engines.find_pack("wide")
    info = server.http.get("/v1/info").json()
    assert (info["pack"]["name"], info["pack"]["calibration"]["kind"]) == ("sface", "built-in")
    packs = {one["name"]: one for one in info["packs"]}
    assert set(packs) == {"sface", "centerface-dlib", "wide"}
    assert (packs["wide"]["dimension"], packs["wide"]["licence"]) == (512, "not stated")
    assert packs["wide"]["calibration"]["kind"] == "default"
    assert "careful default" in packs["wide"]["calibration"]["sample"]
    assert packs["sface"]["licence"] == "Apache-2.0"


def test_users_are_of_the_collections_pack(server: Served) -> None:
    http, wire = server.http, server.wire
    photograph = (MODELS / "samples" / "grace_hopper.jpg").read_bytes()
    for name, pack in (("people-old", "centerface-dlib"), ("people-wide", "wide")):
        assert http.put(f"/v1/collections/{name}", json={"pack": pack}).status_code == 201
        ids = [
            wire.index_faces(CollectionId=name, Image={"Bytes": one}, ExternalImageId="grace", QualityFilter="NONE")
            for one in (photograph, variation("grace_hopper.jpg"))
        ]
        wire.create_user(CollectionId=name, UserId="grace")
        faces = [one["FaceRecords"][0]["Face"]["FaceId"] for one in ids]
        for face in faces:
            done = wire.associate_faces(CollectionId=name, UserId="grace", FaceIds=[face], UserMatchThreshold=90)
            assert [one["FaceId"] for one in done["AssociatedFaces"]] == [face]
        found = wire.search_users(CollectionId=name, FaceId=faces[0], UserMatchThreshold=80)
        assert [one["User"]["UserId"] for one in found["UserMatches"]] == ["grace"]
        assert found["FaceModelVersion"] == {"people-old": "6.0", "people-wide": "9.5"}[name]
        found = wire.search_users_by_image(CollectionId=name, Image={"Bytes": photograph}, UserMatchThreshold=80)
        assert [one["User"]["UserId"] for one in found["UserMatches"]] == ["grace"]


def test_a_collection_is_made_of_the_pack_that_is_asked_for(server: Served) -> None:
    http = server.http
    assert http.put("/v1/collections/plain").json()["Pack"] == "sface", "the setting PACK"
    assert http.put("/v1/collections/plain", json={"pack": "sface"}).status_code == 200
    other = http.put("/v1/collections/plain", json={"pack": "wide", "RetentionDays": 3})
    assert (other.status_code, other.json()["code"]) == (409, "pack_mismatch")
    assert "belongs to the pack 'sface'" in other.json()["detail"]
    assert http.get("/v1/collections/plain").json()["RetentionDays"] is None, "nothing was changed"
    for ask in (
        http.post("/v1/collections", json={"id": "n", "pack": "none"}),
        http.put("/v1/collections/n", json={"pack": "none"}),
    ):
        assert (ask.status_code, ask.json()["code"]) == (422, "invalid_value")
        assert "There is no model pack 'none'. Packs are: sface" in ask.json()["detail"]
    assert http.get("/v1/collections/n").status_code == 404


def test_collections_of_packs_that_are_not_there(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "sface").symlink_to(MODELS / "sface")
    chosen = {"data_dir": tmp_path / "data", "host": "127.0.0.1", "pack": "sface", "models_dir": models}
    photograph = (MODELS / "samples" / "grace_hopper.jpg").read_bytes()
    for one in served(load(chosen, environ={})):
        dlib = registry.CENTERFACE_DLIB
        one.service.catalog.create_collection(Collection("old", dlib.name, dlib.contract, 1.0))
        one.service.catalog.create_collection(Collection("lost", "lost", "0" * 64, 1.0))

        def index(name: str, http: httpx.Client = one.http) -> httpx.Response:
            return http.put("/v1/index/grace.jpg", params={"collection": name}, content=photograph)

        for done in (index("old"), one.http.post("/v1/collections", json={"id": "n", "pack": dlib.name})):
            assert (done.status_code, done.json().get("code")) == (503, "model_missing"), done.text
        refused = index("lost")
        assert (refused.status_code, refused.json()["code"]) == (409, "pack_mismatch")
        assert "holds templates of the pack 'lost'" in refused.json()["detail"]
        assert index("kenspeckle").status_code == 200, "the others are served"
        (models / dlib.name).symlink_to(MODELS / dlib.name)
        assert index("old").json()["FaceModelVersion"] == dlib.version, "once it is installed, without a new start"
