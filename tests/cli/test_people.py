"""`kenspeckle people`, and names in any script from folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from kenspeckle.models import registry
from tests.cli.conftest import Command


def test_people_from_folders_to_erasure(command: Command, samples: registry.Samples, tmp_path: Path) -> None:
    for folder, source in (("霍普", samples.grace_hopper), ("Eileen Collins", samples.astronaut)):
        (tmp_path / folder).mkdir()
        shutil.copy(source, tmp_path / folder)
    assert command("index", tmp_path / "霍普", tmp_path / "Eileen Collins", "--by", "folder").code == 0
    found = command("people", "list", "--json").json
    assert [one["name"] for one in found] == ["Eileen Collins", "霍普"]
    (eileen, grace) = (one["person_id"] for one in found)
    assert all(one["external_image_ids"][0].isascii() for one in found)
    table = command("people", "list", "--name", "eileen").out
    assert "Eileen Collins" in table
    assert "霍普" not in table
    shown = command("search", samples.grace_hopper)
    assert (shown.code, "霍普" in shown.out) == (0, True)
    assert command("search", samples.grace_hopper, "--json").json["matchedFaces"] == ["霍普"]
    assert command("people", "rename", grace, "Grace").out.startswith("Grace (person-")
    merged = command("people", "merge", grace, eileen, "--json").json
    assert (merged["name"], merged["face_count"]) == ("Eileen Collins", 2)
    assert command("people", "undo", merged["undo_id"]).out.startswith("Undone: merge.")
    assert command("people", "hide", grace).out.endswith(", hidden.\n")
    assert len(command("people", "list", "--json").json) == 1
    face = command("people", "show", eileen, "--json").json["Faces"][0]["FaceId"]
    assert command("people", "move", grace, face, "--json").json["face_count"] == 2
    split = command("people", "split", grace, face, "--name", "Colonel", "--json").json
    assert split["name"] == "Colonel"
    assert command("people", "erase", grace, "--yes").out.startswith("Erased 1 face and 1 photograph")
    assert command("erase", "--person", grace, "--yes").code == 1
    assert command("index", "--unnamed", samples.grace_hopper).code == 0
    assert [one["name"] for one in command("people", "list", "--json").json] == ["Colonel"]


def test_a_stranger_who_was_here_before(
    command: Command, samples: registry.Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("index", "--unnamed", samples.grace_hopper).code == 0
    assert "Seen before" not in command("search", samples.grace_hopper).out
    monkeypatch.setenv("KENSPECKLE_SEARCH_GROUPS", "on")
    (group,) = command("people", "groups", "--json").json
    assert (
        f"Seen before without a name: 1 time on {group['first_seen'][:4]}"
        in command("search", samples.grace_hopper).out
    )
    found = command("search", samples.grace_hopper, "--json").json["faces"]["Group"]
    assert found == {name: group[name] for name in ("group_id", "face_count", "first_seen", "last_seen")}
    assert command("people", "name", group["group_id"], "Grace").code == 0
    assert "Group" not in command("search", samples.grace_hopper, "--json").json["faces"]


def test_a_folder_whose_faces_disagree_is_told_with_its_files(
    command: Command, samples: registry.Samples, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    (album / "Grace").mkdir(parents=True)
    shutil.copy(samples.grace_hopper, album / "Grace" / "right.jpg")
    with Image.open(samples.grace_hopper) as grace, Image.open(samples.astronaut) as eileen:
        grace.resize((grace.width // 2, grace.height // 2)).convert("RGB").save(album / "Grace" / "small.jpg")
        eileen.convert("RGB").save(album / "Grace" / "wrong.png")
        (album / "Party").mkdir()
        together = Image.new("RGB", (grace.width + eileen.width, max(grace.height, eileen.height)))
        together.paste(grace, (0, 0))
        together.paste(eileen.convert("RGB"), (grace.width, 0))
        together.save(album / "Party" / "both.jpg")
    done = command("index", album, "--by", "folder")
    assert done.code == 0
    lines = [line for line in done.err.splitlines() if "two people" in line or "became one person" in line]
    mixed = next(line for line in lines if line.startswith("Grace: seems to be two people"))
    apart = mixed.split(" and in ")
    assert ("right.jpg" in apart[0], "small.jpg" in apart[0], "wrong.png" in apart[1]) == (True, True, True)
    assert any(str(album / "Party" / "both.jpg") + ": 2 faces became one person, Party." in line for line in lines)
    told = command("people", "duplicates")
    assert "Grace may be several people" in told.out
    assert "Nearly one photograph, stored as Grace, Grace." in told.out
    # Again nothing is indexed, so nothing is said.
    assert "two people" not in command("index", album, "--by", "folder").err
