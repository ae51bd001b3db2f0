"""index, search, compare, detect on the sample photographs: on the local data folder and against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from kenspeckle.cli.launch import Launched
from kenspeckle.models.registry import Samples
from tests.cli.conftest import Command


@pytest.fixture(params=["local", "remote"])
def where(request: pytest.FixtureRequest, server: Launched, command: Command) -> list[str]:
    """Options that say where; on the server, a collection that no other test uses."""
    return [] if request.param == "local" else ["--url", server.url]


@pytest.fixture
def album(tmp_path: Path, samples: Samples) -> Path:
    """A folder of two people, a cup of coffee, and what is no photograph."""
    folder = tmp_path / "album"
    (folder / "people").mkdir(parents=True)
    shutil.copy(samples.grace_hopper, folder / "people" / "Grace Hopper.jpg")
    shutil.copy(samples.astronaut, folder / "people" / "Eileen-Collins.png")
    shutil.copy(samples.coffee, folder / "coffee.png")
    (folder / "torn.jpg").write_bytes(samples.grace_hopper.read_bytes()[:2000])
    (folder / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"no image")
    (folder / "notes.txt").write_text("not a photograph")
    return folder


@pytest.fixture
def mirrored(tmp_path: Path, samples: Samples) -> Path:
    """Another picture of Grace Hopper."""
    path = tmp_path / "mirrored.jpg"
    with Image.open(samples.grace_hopper) as picture:
        ImageOps.mirror(picture).save(path, quality=90)
    return path


def _differs(one: Path, other: Path) -> float:
    """Mean difference of the pixels, 0..255; the second picture is brought to the size of the first."""
    with Image.open(one) as drawn, Image.open(other) as plain:
        pair = drawn.convert("RGB"), plain.convert("RGB").resize(drawn.size)
    return float(np.abs(np.asarray(pair[0], float) - np.asarray(pair[1], float)).mean())


def test_index_then_search(command: Command, where: list[str], album: Path, mirrored: Path, tmp_path: Path) -> None:
    done = command("index", album, *where)
    assert done.code == 1, done.err
    assert "5 photographs: 2 indexed with 2 faces, 3 skipped" in done.err
    assert "1 file passed over" in done.err
    assert "coffee.png: No face found" in done.err
    assert "torn.jpg" in done.err
    assert "caf\\udce9.jpg" in done.err

    found = command("search", mirrored, *where, "--save", tmp_path / "found.jpg")
    assert found.code == 0, found.err
    assert "Grace Hopper" in found.out
    assert "Eileen" not in found.out
    assert re.search(r"Grace Hopper +9\d\.\d\d  sure ", found.out)
    assert re.search(r"Among the \d+ faces here, a stranger reaches 99 in about 1 of [\d,]+ searches\.", found.out)
    assert _differs(tmp_path / "found.jpg", mirrored) > 1

    answer = command("search", mirrored, *where, "--json")
    assert answer.json["matchedFaces"] == ["Grace Hopper"]
    assert answer.json["faces"]["FaceMatches"][0]["Face"]["ExternalImageId"] == "Grace_Hopper.jpg"
    every = command("search", mirrored, *where, "--json", "--all-faces")
    assert [len(one["FaceMatches"]) for one in every.json["searches"]] == [1]
    (face,) = every.json["details"]
    assert (len(face["Landmarks"]), face["Quality"]["Sharpness"] > 0) == (5, True), "from a server too"


def test_many_photographs_are_searched_at_once(
    command: Command, where: list[str], album: Path, mirrored: Path, samples: Samples, tmp_path: Path
) -> None:
    command("collections", "create", "many", *where)
    here = [*where, "--collection", "many"]
    assert command("index", album / "people" / "Grace Hopper.jpg", *here).code == 0
    (album / "torn.jpg").unlink()
    (album / os.fsdecode(b"caf\xe9.jpg")).unlink()

    said = command("search", mirrored, album, *here, "--save", tmp_path / "pictures")
    assert said.code == 0, said.err
    hopper = album / "people" / "Grace Hopper.jpg"
    rows = said.out.splitlines()
    assert rows[0].split() == ["who", "photograph", "similarity", "how", "sure"]
    assert re.fullmatch(rf"Grace Hopper +{re.escape(str(hopper))} +100\.00 +sure *", rows[1])
    assert re.fullmatch(rf" +{re.escape(str(mirrored))} +9\d\.\d\d +sure *", rows[2])
    assert rows[3] == f"Nobody who is indexed: {album / 'people' / 'Eileen-Collins.png'}"
    assert rows[4] == f"No face: {album / 'coffee.png'}"
    assert "4 photographs: 2 with someone known, 1 with nobody known, 1 without a face." in said.err
    names = sorted(one.name for one in (tmp_path / "pictures").iterdir())
    assert names == ["Eileen-Collins.jpg", "Grace_Hopper.jpg", "mirrored.jpg"]

    lines = command("search", album, mirrored, tmp_path / "nothing.jpg", *here, "--json")
    assert lines.code == 2, "one of them could not be searched"
    found = {Path(one["path"]).name: one for one in map(json.loads, lines.out.splitlines())}
    assert {name: one["status"] for name, one in found.items()} == {
        "Grace Hopper.jpg": "found",
        "mirrored.jpg": "found",
        "Eileen-Collins.png": "unknown",
        "coffee.png": "no_face",
        "nothing.jpg": "skipped",
    }
    assert found["mirrored.jpg"]["matchedFaces"] == ["Grace Hopper"]
    assert found["nothing.jpg"]["reason"] == "No such file or folder"
    assert command("search", samples.coffee, samples.astronaut, *here).code == 1
    assert "no faces" not in command("search", album / "nowhere", *here).out
    (tmp_path / "empty").mkdir()
    assert command("search", tmp_path / "empty", *here).code == 2
    assert command("search", "-", samples.coffee, *here).code == 2


def test_indexing_again_adds_nothing(command: Command, album: Path) -> None:
    people = album / "people"
    assert command("index", people).code == 0
    again = command("index", people, "--json")
    assert again.code == 0
    assert [json.loads(line)["status"] for line in again.out.splitlines()] == ["present", "present"]
    assert "0 indexed with 0 faces, 2 there already" in again.err
    assert len(command("faces", "list", "--json").json) == 2


def test_a_folder_can_name_its_people(command: Command, samples: Samples, tmp_path: Path) -> None:
    for person, path in (("grace", samples.grace_hopper), ("eileen", samples.astronaut)):
        (tmp_path / "by" / person).mkdir(parents=True)
        shutil.copy(path, tmp_path / "by" / person / f"1{path.suffix}")
    done = command("index", "by", "--by", "folder", "--json", "--save", "marked")
    assert done.code == 0, done.err
    assert sorted(json.loads(line)["identity"] for line in done.out.splitlines()) == ["eileen", "grace"]
    assert sorted(path.name for path in (tmp_path / "marked").iterdir()) == ["eileen.jpg", "grace.jpg"]
    assert command("search", samples.astronaut).out.count("Eileen") == 1


def test_no_match_is_said_and_is_exit_code_1(command: Command, where: list[str], samples: Samples) -> None:
    stranger = ["--collection", "empty"]
    command("collections", "create", "empty", *where)
    none = command("search", samples.astronaut, *where, *stranger)
    assert none.code == 1
    assert "No match" in none.out
    every = command("search", samples.astronaut, *where, *stranger, "--all-faces")
    assert every.code == 1
    assert "No match for 1 of 1 face." in every.out
    command("collections", "delete", "empty", "--yes", *where)


def test_compare(command: Command, where: list[str], samples: Samples, mirrored: Path, tmp_path: Path) -> None:
    same = command("compare", samples.grace_hopper, mirrored, *where, "--json", "--save", tmp_path / "same.png")
    assert same.code == 0, same.err
    assert same.json["FaceMatches"][0]["Similarity"] > 95
    with Image.open(tmp_path / "same.png") as picture:
        assert picture.format == "PNG"
    other = command("compare", samples.grace_hopper, samples.astronaut, *where)
    assert other.code == 1
    assert "No match" in other.out


def test_detect(command: Command, where: list[str], samples: Samples, tmp_path: Path) -> None:
    found = command("detect", samples.astronaut, *where, "--save", tmp_path / "faces.jpg")
    assert found.code == 0
    assert "confidence" in found.out
    with Image.open(tmp_path / "faces.jpg") as picture:
        assert picture.format == "JPEG"
    assert len(command("detect", samples.astronaut, *where, "--json").json["FaceDetails"]) == 1
    none = command("detect", samples.coffee, *where)
    assert none.code == 1
    assert none.out == "No face found.\n"


def test_what_is_wrong_is_one_line_and_exit_code_2(
    command: Command, where: list[str], album: Path, samples: Samples
) -> None:
    for words, said in (
        (("search", samples.coffee), "no faces"),
        (("search", album / "notes.txt"), "no image"),
        (("detect", album), "is a folder"),
        (("search", "nothing.jpg"), "does not exist"),
        (("search", samples.astronaut, "--collection", "nowhere"), "nowhere"),
        (("index", samples.astronaut, "--collection", "nowhere"), "nowhere"),
        (("compare", samples.coffee, samples.astronaut), "shows no face"),
    ):
        failed = command(*words, *where)
        assert failed.code == 2, words
        assert "Error: " in failed.err, words
        assert said in failed.err, words
        assert "Traceback" not in failed.err, words
        assert failed.out == "", words


def test_nothing_to_index_is_an_error(command: Command, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    failed = command("index", "nothing")
    assert failed.code == 2
    assert "No photographs there" in failed.err
    missing = command("index", "nowhere", "--json")
    assert missing.code == 2
    assert missing.json["status"] == "skipped"
    assert "No such file" in missing.err


def test_debug_shows_the_traceback(command: Command) -> None:
    failed = command("--debug", "search", "nothing.jpg")
    assert failed.code == 2
    assert "Traceback" in failed.err


@pytest.mark.parametrize("words", [("search",), ("search", "a", "--threshold", "101"), ("nonsense",), ("index",)])
def test_wrong_usage_is_exit_code_2(command: Command, words: tuple[str, ...]) -> None:
    assert command(*words).code == 2


def test_comparing_says_which_photograph_has_no_face(command: Command, samples: Samples) -> None:
    for first, second in ((samples.coffee, samples.astronaut), (samples.astronaut, samples.coffee)):
        said = command("compare", first, second)
        assert said.code == 2
        assert f"{samples.coffee} shows no face" in said.err


def test_nothing_that_can_be_indexed_is_an_error(command: Command, tmp_path: Path) -> None:
    assert command("index", tmp_path / "nosuch").code == 2
    said = command("index", "https://example.org/a.jpg")
    assert said.code == 2
    assert "https://... is an address; nothing is fetched" in said.err
    assert "https://... is an address" in command("search", "https://example.org/a.jpg").err


def test_saved_pictures_are_their_owners(command: Command, samples: Samples, tmp_path: Path) -> None:
    place = tmp_path / "drawn.jpg"
    assert command("detect", samples.astronaut, "--save", place).code == 0
    assert place.stat().st_mode & 0o777 == 0o600


def test_attributes_are_columns_and_members(command: Command, where: list[str], samples: Samples) -> None:
    shown = command("detect", samples.astronaut, "--attributes", "AGE_RANGE,smile", *where)
    assert shown.code == 0, shown.err
    assert re.search(r"age.*smile", shown.out)
    assert re.search(r"\d+ to \d+", shown.out)
    found = command("detect", samples.astronaut, "--attributes", "ALL", "--json", *where).json["FaceDetails"][0]
    assert {"AgeRange", "Smile", "EyesOpen", "MouthOpen", "EyeDirection"} <= set(found)
    assert len(found["Landmarks"]) == 30
    plain = command("detect", samples.astronaut, "--json", *where).json["FaceDetails"][0]
    assert "AgeRange" not in plain
    strange = command("detect", samples.astronaut, "--attributes", "AGE", *where)
    assert strange.code == 2
    assert "There is no attribute 'AGE'" in strange.err


def test_what_is_saved_replaces_no_photograph(command: Command, samples: Samples, tmp_path: Path) -> None:
    """Neither the file that is looked at, by whatever name, nor others in the folder of many."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    one, other = folder / "one.jpg", folder / "two.jpg"
    for place in (one, other):
        place.write_bytes(samples.grace_hopper.read_bytes())
    before = one.read_bytes()
    (tmp_path / "link.jpg").symlink_to(one)
    for words in (
        ("detect", one, "--save", one),
        ("detect", one, "--save", tmp_path / "link.jpg"),
        ("compare", one, other, "--save", one),
        ("compare", one, other, "--save", other),
        ("search", one, "--save", one),
        ("search", folder, "--save", folder),
        ("search", one, other, "--save", folder),
        ("index", folder, "--save", folder),
    ):
        said = command(*words)
        assert (said.code, "Name another" in said.err) == (2, True), words
        assert one.read_bytes() == other.read_bytes() == before
    assert sorted(place.name for place in folder.iterdir()) == ["one.jpg", "two.jpg"]


def test_comparing_says_which_file_is_no_photograph(command: Command, samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no photograph")
    for pair in ((tmp_path / "notes.txt", samples.astronaut), (samples.astronaut, tmp_path / "notes.txt")):
        said = command("compare", *pair)
        assert (said.code, f"{tmp_path / 'notes.txt'}: This is no image" in said.err) == (2, True), said.err
