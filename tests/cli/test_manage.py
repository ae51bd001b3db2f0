"""collections, faces, users, settings, encode: in the local data folder and against a real server."""

from __future__ import annotations

import base64
import io
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from kenspeckle.cli.launch import Launched
from kenspeckle.models.registry import Samples
from tests.cli.conftest import Command


@pytest.fixture(params=["local", "remote"])
def where(request: pytest.FixtureRequest, server: Launched) -> list[str]:
    return [] if request.param == "local" else ["--url", server.url]


def test_help_fits_any_terminal(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = command("encrypt", "--help").out
    paragraph = said[said.index("Templates, thumbnails") : said.index("as they are.")].splitlines()[:-1]
    # A line of the docstring that is kept would be cut in two, the second part of a word or two.
    assert len(paragraph) > 3
    assert all(len(line.rstrip()) > 60 for line in paragraph)


def test_life_of_a_collection(command: Command, where: list[str], samples: Samples, tmp_path: Path) -> None:
    made = command("collections", "create", "lobby", "--tag", "site=north", *where, "--json")
    assert made.code == 0, made.err
    assert made.json["Tags"] == {"site": "north"}
    again = command("collections", "create", "lobby", *where)
    assert again.code == 1
    assert "Error: " in again.err
    other = command("collections", "create", "old", "--pack", "centerface-dlib", *where, "--json")
    assert other.code == 0, other.err
    assert "centerface-dlib" in command("collections", "show", "old", *where).out
    unknown = command("collections", "create", "new", "--pack", "none", *where)
    assert (unknown.code, "There is no model pack 'none'" in unknown.err) == (1, True)
    assert {one["CollectionId"] for one in command("collections", "list", *where, "--json").json} >= {"lobby"}
    assert "lobby" in command("collections", "list", *where).out

    here = [*where, "--collection", "lobby"]
    for path in (samples.grace_hopper, samples.astronaut):
        assert command("index", path, *here).code == 0
    assert command("collections", "show", "lobby", *where, "--json").json["FaceCount"] == 2
    faces = command("faces", "list", *here, "--json").json
    assert [face["ExternalImageId"] for face in faces] == ["grace_hopper.jpg", "astronaut.png"]
    assert all(time.time() - 600 < face["CreationTimestamp"] < time.time() + 1 for face in faces)
    assert time.strftime("%Y-%m-", time.localtime(faces[0]["CreationTimestamp"])) in command("faces", "list", *here).out
    one = command("faces", "list", *here, "--name", "astronaut.png", "--json").json
    assert [face["FaceId"] for face in one] == [faces[1]["FaceId"]]
    assert "Astronaut" in command("faces", "list", *here).out
    few = command("faces", "list", *here, "--limit", "1", "--json")
    assert len(few.json) == 1
    assert "more than these 1" in few.err

    face = faces[0]["FaceId"]
    assert command("faces", "show", face, *here, "--json").json["Face"]["FaceId"] == face
    assert "grace_hopper.jpg" in command("faces", "show", face, *here).out
    assert command("faces", "thumbnail", face, tmp_path / "cut.jpg", *here).code == 0
    assert (tmp_path / "cut.jpg").stat().st_mode & 0o777 == 0o600
    with Image.open(tmp_path / "cut.jpg") as picture:
        assert max(picture.size) <= 256

    gone = command("faces", "delete", face, "--yes", *here, "--json")
    assert gone.json["DeletedFaces"] == [face]
    twice = command("faces", "delete", face, "--yes", *here)
    assert twice.code == 1
    assert "FACE_NOT_FOUND" in twice.err
    assert command("faces", "show", face, *here).code == 1
    assert command("collections", "delete", "lobby", "--yes", *where).code == 0
    assert command("collections", "show", "lobby", *where).code == 1


def test_life_of_a_user(command: Command, where: list[str], samples: Samples) -> None:
    command("collections", "create", "crew", *where)
    here = [*where, "--collection", "crew"]
    command("index", samples.astronaut, samples.grace_hopper, *here)
    faces = {one["ExternalImageId"]: one["FaceId"] for one in command("faces", "list", *here, "--json").json}
    assert command("users", "create", "eileen", *here).code == 0
    joined = command("users", "associate", "eileen", faces["astronaut.png"], *here, "--json")
    assert joined.code == 0, joined.err
    assert joined.json["AssociatedFaces"] == [{"FaceId": faces["astronaut.png"]}]
    unlike = command("users", "associate", "eileen", faces["grace_hopper.jpg"], *here)
    assert unlike.code == 1
    assert "LOW_MATCH_CONFIDENCE" in unlike.err
    assert [one["UserId"] for one in command("users", "list", *here, "--json").json] == ["eileen"]
    assert command("users", "search", samples.astronaut, *here, "--json").json["UserMatches"][0]["Similarity"] > 95
    assert "eileen" in command("users", "search", samples.astronaut, *here).out
    assert command("users", "search", samples.grace_hopper, *here).code == 1
    assert command("users", "search", "--user", "eileen", *here).code == 1
    assert command("users", "search", *here).code == 2
    assert "1 of 1" in command("users", "disassociate", "eileen", faces["astronaut.png"], *here).out
    assert command("users", "delete", "eileen", "--yes", *here).code == 0
    assert command("users", "list", *here).out == "No users.\n"
    command("collections", "delete", "crew", "--yes", *where)


def test_deletion_asks(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("collections", "create", "kept").code == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert command("collections", "delete", "kept").code == 1
    assert command("collections", "show", "kept").code == 0


def test_settings_tell_their_source(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kenspeckle.toml").write_text("max_faces = 3\n")
    monkeypatch.setenv("KENSPECKLE_PORT", "1234")
    monkeypatch.setenv("KENSPECKLE_ADMIN_KEY", "a secret that is never shown to anyone")
    monkeypatch.setenv("KENSPECKLE_CATALOG_URL", "postgresql://ada:hunter2@db/faces")
    rows = {row["name"]: row for row in command("settings", "--json").json}
    assert (rows["max_faces"]["value"], rows["max_faces"]["source"]) == (3, "kenspeckle.toml")
    assert (rows["port"]["value"], rows["port"]["source"]) == (1234, "environment")
    assert rows["host"]["source"] == "default"
    said = command("settings").out
    assert "KENSPECKLE_QUALITY_FILTER" in said
    assert "hunter2" not in said
    assert "never shown" not in said


def test_a_wrong_setting_names_its_source(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENSPECKLE_PORT", "many")
    failed = command("settings")
    assert failed.code == 1
    assert "environment variable KENSPECKLE_PORT" in failed.err


def test_encode(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(bytes(range(256)))
    text = base64.b64encode(bytes(range(256))).decode()
    assert command("encode", "a.jpg").out == text
    assert command("encode", "a.jpg", "a.txt").code == 0
    assert (tmp_path / "a.txt").read_text() == text
    assert (tmp_path / "a.txt").stat().st_mode & 0o077 == 0
    assert command("encode", "absent.jpg").code == 1


def test_version_and_help(command: Command) -> None:
    assert command("--version").out.startswith("kenspeckle ")
    assert "index" in command("--help").out
