"""Damaged files: a clear refusal of what they hold, the rest goes on, and the doctor names what is damaged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from kenspeckle import settings
from kenspeckle.cli.launch import launch
from kenspeckle.client.errors import CommandFailed
from kenspeckle.doctor.runner import examine
from kenspeckle.domain import Collection
from tests.faults.portraits import Portraits
from tests.moving.folders import PACK, make, opened, template

PAGE = 8192


def diagnosed(data_dir: Path, **more: object) -> set[str]:
    """Codes of what the doctor finds that needs action."""
    loaded = settings.load({"data_dir": data_dir, **more}, environ={})
    found = examine(loaded, thorough=True, progress=lambda *_: None)
    return {finding.code for one in found for finding in one.findings if one.needs_action}


def quiet(log: Iterable[str]) -> bool:
    """Whether no error that nobody foresaw was logged."""
    told = "\n".join(log)
    return "unexpected error" not in told and "Traceback" not in told


def test_a_damaged_page_of_the_database(portraits: Portraits, tmp_path: Path) -> None:
    data = make(tmp_path / "data", range(40))
    with opened(data) as folder:
        folder.catalog.create_collection(Collection("others", PACK.name, PACK.contract, 1000.5))
        for number in range(100, 140):
            folder.add(number, "others")
    file = data / "kenspeckle.db"
    page = file.read_bytes().index(template(200).tobytes()) // PAGE * PAGE
    with file.open("r+b") as damaged:
        damaged.seek(page)
        damaged.write(os.urandom(PAGE))

    with launch(data) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        assert client.get("/readyz").status_code == 200
        for answer in (
            client.get("/v1/collections/people/faces", params={"limit": 1000}),
            client.put("/v1/search", content=portraits[0], params={"collection": "people"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            assert "backup" in answer.json()["detail"]
            assert str(data) not in answer.text
        # The others are read, searched and written to.
        listed = client.get("/v1/collections/others/faces", params={"limit": 1000})
        assert len(listed.json()["Faces"]) == sum(1 + number % 3 for number in range(100, 140))
        for method, path in (("PUT", "/v1/index/new.jpg"), ("PUT", "/v1/search")):
            answer = client.request(method, path, content=portraits[0], params={"collection": "others"})
            assert answer.status_code == 200, answer.text
        assert answer.json()["matchedFaces"] == ["New"]
        assert {"database_damaged", "collection_unreadable"} <= diagnosed(data)
        assert quiet(server.log)


def test_a_database_that_can_not_be_read_at_all(tmp_path: Path) -> None:
    data = make(tmp_path / "data", range(3))
    with (data / "kenspeckle.db").open("r+b") as damaged:
        damaged.write(os.urandom(PAGE))
    with (
        pytest.raises(CommandFailed, match=f"{data}/kenspeckle.db is damaged or is no database; restore it from a"),
        launch(data),
    ):
        pass
    assert "database_damaged" in diagnosed(data)


def test_a_damaged_model_file(portraits: Portraits, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(settings.load().models_dir / PACK.name, models / PACK.name)
    # In bfloat16 another file is loaded.
    given = {"KENSPECKLE_MODELS_DIR": str(models), "KENSPECKLE_PRECISION": "float32"}
    embedder = models / PACK.name / "embedder.onnx"
    size = embedder.stat().st_size
    with launch(tmp_path / "data", settings=given) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        assert client.put("/v1/index/one.jpg", content=portraits[0]).status_code == 200
        with embedder.open("r+b") as damaged:
            damaged.seek(size // 2)
            damaged.write(b"\0" * 64)
        # What is loaded stays as it was.
        answer = client.put("/v1/search", content=portraits[0])
        assert answer.json()["matchedFaces"] == ["One"]
        assert "model_damaged" in diagnosed(tmp_path / "data", models_dir=models)
    with (
        pytest.raises(CommandFailed, match=r"embedder.onnx was altered.*kenspeckle models pull"),
        launch(tmp_path / "data", settings=given),
    ):
        pass
    embedder.unlink()
    assert "model_damaged" in diagnosed(tmp_path / "data", models_dir=models)


def test_a_damaged_photograph_in_the_store(portraits: Portraits, tmp_path: Path) -> None:
    with launch(tmp_path) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        for number in range(3):
            client.put(f"/v1/index/{number}.jpg", content=portraits[number]).raise_for_status()
        (file,) = (
            one for one in (tmp_path / "images").rglob("*") if one.is_file() and one.read_bytes() == portraits[1]
        )
        with file.open("r+b") as damaged:
            damaged.seek(100)
            damaged.write(b"\0" * 16)
        answer = client.get("/v1/images/1.jpg")
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert client.get("/v1/images/0.jpg").content == portraits[0]
        found = client.put("/v1/search", content=portraits[1]).json()
        assert "1.jpg" in {one["Face"]["ExternalImageId"] for one in found["faces"]["FaceMatches"]}
        assert diagnosed(tmp_path) == {"photograph_damaged"}
        # As the error says: index it again.
        client.put("/v1/index/1.jpg", content=portraits[1]).raise_for_status()
        assert client.get("/v1/images/1.jpg").content == portraits[1]
        file.unlink()
        assert client.get("/v1/images/1.jpg").status_code == 404
        assert diagnosed(tmp_path) == {"photograph_missing"}
        client.put("/v1/index/1.jpg", content=portraits[1]).raise_for_status()
        assert client.get("/v1/images/1.jpg").content == portraits[1]
        assert diagnosed(tmp_path) == set()
        assert quiet(server.log)
