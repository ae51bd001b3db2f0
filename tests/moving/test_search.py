"""With real weights: searches answer alike before and after a backup, an export, and an import of encodings."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageOps

from kenspeckle.cli.launch import launch
from kenspeckle.models import install, registry
from kenspeckle.settings import load
from kenspeckle.vision.engine import Engine
from tests.moving.conftest import Command


@pytest.fixture(scope="module")
def samples() -> registry.Samples:
    return install.samples(load(environ={}).models_dir, lambda *_: None)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, samples: registry.Samples) -> Path:
    """Three photographs of two people."""
    folder = tmp_path_factory.mktemp("album")
    shutil.copy(samples.grace_hopper, folder / "Grace_Hopper.jpg")
    shutil.copy(samples.astronaut, folder / "Eileen_Collins.png")
    with Image.open(samples.grace_hopper) as picture:
        ImageOps.mirror(picture).save(folder / "mirrored.jpg", quality=90)
    return folder


def _search(command: Command, photograph: Path, data_dir: str, *words: str) -> Any:
    found = command("search", photograph, "--data-dir", data_dir, "--threshold", "0", "--json", *words)
    assert found.code == 0, found.err
    return found.json


def _without_ids(answers: list[Any]) -> list[Any]:
    """The answers, of people the names alone."""
    copied: list[Any] = json.loads(json.dumps(answers))
    for answer in copied:
        for match in answer["faces"]["FaceMatches"]:
            assert match["Person"].pop("person_id").startswith("person-")
    return copied


def test_searches_answer_alike(command: Command, album: Path, tmp_path: Path) -> None:
    assert command("index", album, "--data-dir", "data").code == 0
    face_id = command("faces", "list", "--data-dir", "data", "--json").json[0]["FaceId"]
    assert command("users", "create", "somebody", "--data-dir", "data").code == 0
    assert command("users", "associate", "somebody", face_id, "--data-dir", "data").code == 0
    probes = [album / "mirrored.jpg", album / "Eileen_Collins.png"]
    before = [_search(command, one, "data") for one in probes]
    assert all(len(answer["faces"]["FaceMatches"]) == 3 for answer in before)

    assert command("backup", "all.tar", "--data-dir", "data").code == 0
    assert command("restore", "all.tar", "--data-dir", "restored").code == 0
    shutil.copy2("data/master.key", "restored/master.key")  # kept apart from backups, and put back
    assert [_search(command, one, "restored") for one in probes] == before

    assert command("export", "kenspeckle", "people.tar", "--images", "--data-dir", "data").code == 0
    assert command("import", "people.tar", "--data-dir", "moved").code == 0
    moved = [_search(command, one, "moved") for one in probes]
    assert _without_ids(moved) == _without_ids(before), "people have ids of their own in each collection"

    assert command("export", "kenspeckle", "people.jsonl", "--data-dir", "data").code == 0
    assert command("import", "people.jsonl", "--collection", "guests", "--data-dir", "moved").code == 0
    guests = _search(command, album / "mirrored.jpg", "moved", "--collection", "guests")
    ids = [match["Face"]["FaceId"] for match in guests["faces"]["FaceMatches"]]
    assert ids == [match["Face"]["FaceId"] for match in before[0]["faces"]["FaceMatches"]]
    assert json.loads(Path("people.jsonl").read_text().splitlines()[0])["pack"] == "sface"


def test_a_running_server_is_backed_up_and_finds_what_is_imported(
    command: Command, album: Path, tmp_path: Path
) -> None:
    """Encodings stand for a face without a photograph: it is found, and its pictures answer 404. They are of the old
    pack, so they come into a collection of their own beside what the server has."""
    settings = load(environ={})
    engine = Engine(registry.find(settings.models_dir, "centerface-dlib"), settings)
    photo = engine.open((album / "Grace_Hopper.jpg").read_bytes())
    (encoding,) = engine.embed(photo, engine.detect(photo))
    (tmp_path / "known.json").write_text(json.dumps({"Admiral": [np.asarray(encoding, float).tolist()]}))
    probe = (album / "mirrored.jpg").read_bytes()
    with launch(tmp_path / "data") as server, httpx.Client(base_url=server.url, timeout=30) as client:
        assert (
            client.put("/v1/index/Eileen.png", content=(album / "Eileen_Collins.png").read_bytes()).status_code == 200
        )
        assert client.put("/v1/search", content=probe).json()["matchedFaces"] == []
        words = ("import", "--encodings", "known.json", "--data-dir", "data", "--json")
        refused = command(*words)
        assert (refused.code, "the pack 'sface' of the collection 'kenspeckle'" in refused.err) == (1, True)
        assert "Import into another collection" in refused.err
        assert command(*words, "--collection", "known").json["faces"] == 1
        found = client.put("/v1/search", content=probe, params={"collection": "known"})
        assert found.json()["matchedFaces"] == ["Admiral"]
        face_id = found.json()["faces"]["FaceMatches"][0]["Face"]["FaceId"]
        assert client.get("/v1/images/Admiral").status_code == 404
        assert client.get(f"/v1/faces/{face_id}/thumbnail").status_code == 404
        assert command("backup", "all.tar", "--data-dir", "data").code == 0
        refused = command("restore", "all.tar", "--data-dir", "data", "--replace")
        assert "stop the service" in refused.err
        assert client.get("/readyz").status_code == 200
    assert command("restore", "all.tar", "--data-dir", "new").code == 0
    shutil.copy2("data/master.key", "new/master.key")
    with launch(tmp_path / "new") as server, httpx.Client(base_url=server.url, timeout=30) as client:
        found = client.put("/v1/search", content=probe, params={"collection": "known"})
        assert found.json()["matchedFaces"] == ["Admiral"]
        image = client.get("/v1/images/Eileen.png").content
        assert Image.open(io.BytesIO(image)).size == Image.open(album / "Eileen_Collins.png").size
