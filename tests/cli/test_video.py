"""`kenspeckle video`, on the local data folder and against a real server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kenspeckle.cli.launch import Launched
from tests.cli.conftest import Command
from tests.videos import EILEEN, GRACE, SAMPLES, av, empty, make, two_people


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_people(tmp_path_factory.mktemp("video") / "two.mp4")


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_a_table_json_and_a_saved_video(
    command: Command, server: Launched, video: Path, tmp_path: Path, remote: bool
) -> None:
    where = ["--url", server.url] if remote else []
    for name in (GRACE, EILEEN):
        assert command("index", SAMPLES / name, *where).code == 0
    said = command("video", video, "--save", tmp_path / "marked.mp4", *where)
    assert said.code == 0, said.err
    lines = [line.split() for line in said.out.splitlines() if "sure" in line or "likely" in line]
    assert {" ".join(words[3:-2]) for words in lines if words[0] != "from"} == {"Grace hopper", "Astronaut"}
    assert (tmp_path / "marked.mp4").stat().st_mode & 0o777 == 0o600
    with av.open(str(tmp_path / "marked.mp4")) as marked, av.open(str(video)) as plain:
        drawn, whole = ([one.to_ndarray(format="rgb24") for one in file.decode(video=0)] for file in (marked, plain))
    assert len(drawn) == len(whole) == 50
    changed = [float(np.abs(one.astype(float) - other).mean()) for one, other in zip(drawn, whole, strict=True)]
    assert max(changed[34:36]) < 1.5 < min(changed[:25])  # nobody is there; boxes and names
    found = command("video", video, "--json", *where)
    assert found.code == 0
    assert {one["external_image_id"] for one in found.json["appearances"]} == {GRACE, EILEEN}
    assert found.json["VideoMetadata"]["FrameWidth"] == 640


def test_nobody_is_there(command: Command, tmp_path: Path) -> None:
    said = command("video", make(tmp_path / "empty.mkv", [(1, empty)]))
    assert (said.code, "No face found." in said.out) == (1, True)


def test_what_is_no_video(command: Command, tmp_path: Path) -> None:
    for path, message in (
        (SAMPLES / GRACE, "is a photograph"),
        (tmp_path / "nothing.mp4", "There is no file"),
        (tmp_path, "is no file"),
    ):
        said = command("video", path)
        assert said.code == 2
        assert message in " ".join(said.err.split())
    wrong = command("video", SAMPLES / GRACE, "--url", "http://127.0.0.1:9")
    assert wrong.code == 2


def test_what_is_saved_does_not_replace_the_video(command: Command, video: Path, tmp_path: Path) -> None:
    """Nor is it looked at before a name that is none is refused."""
    before = video.read_bytes()
    for place, message in (
        (video, "it would be replaced"),
        (tmp_path / "marked.gif", "no name of an MP4"),
        (tmp_path / "gone" / "marked.mp4", "There is no folder"),
    ):
        said = command("video", video, "--save", place, "--url", "http://127.0.0.1:9")
        assert said.code == 2
        assert message in " ".join(said.err.split())
    assert video.read_bytes() == before
