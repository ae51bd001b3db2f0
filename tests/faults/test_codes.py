"""Files of codes, met by real servers: damaged, of another revision, gone, or cut off by a full disk. The catalog is
right, the log has a sentence, nothing is lost and nothing that was deleted is found."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from kenspeckle.cli.launch import Launched, launch
from tests.faults.conftest import listed_faces
from tests.faults.portraits import Portraits
from tests.faults.test_full_disk import LENIENT, _fill, small_disk

__all__ = ["small_disk"]

SHIM = "import kenspeckle.index.saved_codes as codes\ncodes.SAVED_FROM = 1\n"
"""Runs before everything else of a Python: collections of any size are saved."""
READ_ANEW = "its templates are read from the catalog"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "sitecustomize.py").write_text(SHIM)
    path = os.pathsep.join([str(tmp_path / "shim"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**LENIENT, "PYTHONPATH": path}


def put(client: httpx.Client, portraits: Portraits, number: int) -> None:
    name, photograph = portraits.named(number)
    client.put(f"/v1/index/{name}", content=photograph).raise_for_status()


def found(client: httpx.Client, portraits: Portraits, number: int) -> set[str]:
    """Names that a search finds, however unlike."""
    _, photograph = portraits.named(number)
    answer = client.put("/v1/search", content=photograph, params={"threshold": 0, "max_faces": 100})
    answer.raise_for_status()
    return {one["Face"]["ExternalImageId"] for one in answer.json()["faces"]["FaceMatches"]}


def files(data: Path) -> list[Path]:
    return sorted((data / "codes").glob("*"))


def until(holds: Callable[[], bool], server: Launched) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "\n".join(server.log)
        time.sleep(0.05)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def test_a_file_that_does_not_serve(portraits: Portraits, settings: dict[str, str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    with launch(data, settings=settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        for number in range(3):
            put(client, portraits, number)
        names = found(client, portraits, 0)  # loads them
        assert len(names) == 3
        until(lambda: bool(files(data)), server)
    (first,) = files(data)
    older = first.read_bytes()
    with launch(data, settings=settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert READ_ANEW not in "\n".join(server.log), "a sound file serves"
        gone = min(names)
        for face_id in listed_faces(client)[gone]:
            client.delete(f"/v1/collections/kenspeckle/faces/{face_id}").raise_for_status()
        put(client, portraits, 3)
        names = found(client, portraits, 0)
        assert gone not in names
        assert len(names) == 3

    def put_older(path: Path) -> None:
        path.write_bytes(older)

    for harm in (flip, cut, put_older, Path.unlink):
        (kept,) = files(data)
        harm(kept)
        with launch(data, settings=settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
            assert found(client, portraits, 0) == names, harm.__name__
            until(lambda: READ_ANEW in "\n".join(server.log), server)
            assert "Traceback" not in "\n".join(server.log)

    # One that the catalog does not know, as a restored folder may have it, is removed.
    (data / "codes" / first.name).write_bytes(older)
    with launch(data, settings=settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert found(client, portraits, 0) == names
        assert first not in files(data)
        assert READ_ANEW not in "\n".join(server.log)


def test_a_disk_that_fills_while_it_is_written(
    portraits: Portraits, settings: dict[str, str], small_disk: Path
) -> None:
    data = small_disk / "data"
    with launch(data, settings=settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        for number in range(2):
            put(client, portraits, number)
        names = found(client, portraits, 0)
        until(lambda: bool(files(data)), server)
        before = files(data)
        put(client, portraits, 2)
        names = found(client, portraits, 0)
        assert len(names) == 3
        filler = _fill(small_disk)
    told = [line for line in server.log if "loaded templates were not brought up to date or saved" in line]
    assert told, "\n".join(server.log)
    assert "Traceback" not in "\n".join(server.log)
    assert files(data) == before, "no half file stays, and the old one is as it was"
    with launch(data, settings=settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert found(client, portraits, 0) == names
        filler.unlink()
    assert files(data) != before, "the next stop saves it"
    assert len(files(data)) == 1
