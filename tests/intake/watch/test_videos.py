"""`kenspeckle watch --videos`: what lands is looked at once, and its result lies beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kenspeckle.cli.launch import Launched
from tests.intake.watch.conftest import GRACE, once, result
from tests.videos import EILEEN, empty, make, shot
from tests.videos import GRACE as HOPPER


def test_videos_of_a_folder_are_searched_once(server: Launched, folder: Path, tmp_path: Path) -> None:
    make(folder / "hall.mp4", [(1, shot((HOPPER, 60, 20))), (1, shot((EILEEN, 160, 20)))])
    (folder / "deep").mkdir()
    shutil.copy(folder / "hall.mp4", folder / "deep" / "copy.MP4")
    make(folder / "empty.mkv", [(0.4, empty)])
    (folder / "broken.mp4").write_bytes(b"no video")
    shutil.copy(GRACE, folder / "photograph.jpg")
    shutil.copy(GRACE, folder / "photograph.mp4")
    (folder / "link.mp4").symlink_to(folder / "hall.mp4")

    code, lines, said = once(folder, server.url, "--videos")
    assert code == 1, said
    states = {line["path"]: line["status"] for line in lines}
    assert sorted([states.pop("hall.mp4"), states.pop("deep/copy.MP4")]) == ["matched", "repeated"]
    assert states == {"empty.mkv": "no_face", "broken.mp4": "failed", "photograph.mp4": "failed"}
    (whole,) = (line for line in lines if line["status"] == "matched")
    assert whole["matchedFaces"] == ["Grace hopper"]
    assert [one["name"] for one in whole["appearances"]] == ["Grace hopper", None]
    assert whole["appearances"][0]["from_ms"] == 0
    assert result(folder / whole["path"]) == {name: value for name, value in whole.items() if name != "path"}
    assert "is a photograph" in result(folder / "photograph.mp4")["error"]["message"]
    assert once(folder, server.url, "--videos")[:2] == (0, [])


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--all-faces",), "Videos are searched as they are"),
        (("--save", "boxes"), "Videos are searched as they are"),
        (("--quality", "HIGH"), "for what is stored"),
        (("--by", "folder"), "for what is stored"),
        (("--index", "--threshold", "90"), "stored as one person"),
        (("--name", "hall"), "for a camera"),
    ],
)
def test_what_is_not_for_videos(server: Launched, folder: Path, more: tuple[str, ...], why: str) -> None:
    code, _, said = once(folder, server.url, "--videos", *more)
    assert code == 2
    assert why in said
