"""`kenspeckle models add`, `remove`, and the example of docs/models.md, as people type it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kenspeckle.settings import load
from tests.cli.conftest import Command
from tests.models import own_network

MODELS = load(environ={}).models_dir


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("sface", "centerface-dlib", "samples"):
        (folder / name).symlink_to(MODELS / name)
    monkeypatch.setenv("KENSPECKLE_MODELS_DIR", str(folder))
    monkeypatch.setenv("KENSPECKLE_PACK", "sface")
    return folder


def test_the_example_of_the_documentation(command: Command, models: Path, tmp_path: Path) -> None:
    text = Path(__file__).parents[2].joinpath("docs", "models.md").read_text()
    description = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]
    (tmp_path / "pack.toml").write_text(description)
    missing = command("models", "add", "pack.toml")
    assert (missing.code, "model.onnx can't be read" in missing.err) == (1, True)
    (tmp_path / "model.onnx").write_bytes(own_network.wide(512))
    added = command("models", "add", "pack.toml")
    assert added.code == 0, added.err
    assert f"Model pack mine (512 dimensions) is in {models / 'mine'}" in added.out
    assert "kenspeckle models calibrate --pack mine FOLDER" in added.err
    again = command("models", "add", "pack.toml", "--json")
    assert (again.code, again.json["added"]) == (0, False)
    listed = {one["name"]: one for one in command("models", "list", "--json").json["packs"]}
    assert (listed["mine"]["own"], listed["mine"]["installed"], listed["mine"]["dimension"]) == (True, True, 512)
    assert (listed["mine"]["licence"], listed["mine"]["calibration"]["kind"]) == ("MIT", "default")
    assert listed["mine"]["files"][0]["author"] == "somebody"
    shown = command("models", "list").out
    assert "mine, version 8.0, your own: installed" in shown
    assert "similarity default: a careful default" in shown
    assert command("models", "verify", "mine").code == 0
    created = command("collections", "create", "staff", "--pack", "mine")
    assert created.code == 0, created.err
    refused = command("models", "remove", "mine", "--yes")
    assert (refused.code, "are of this pack: staff" in refused.err) == (1, True)
    removed = command("models", "remove", "mine", "--yes", "--force")
    assert removed.code == 0
    assert not (models / "mine").exists()


def test_collections_of_a_pack_of_ones_own_move_and_are_backed_up(
    command: Command, models: Path, tmp_path: Path
) -> None:
    """Index, search, export with and without photographs, import, backup and restore over 512 dimensions."""
    (tmp_path / "model.onnx").write_bytes(own_network.wide(512))
    assert command("models", "add", "mine", "--embedder", "model.onnx").code == 0
    assert command("collections", "create", "staff", "--pack", "mine").code == 0
    for name in ("grace_hopper.jpg", "astronaut.png"):
        (tmp_path / name).write_bytes((models / "samples" / name).read_bytes())
        indexed = command("index", name, "--collection", "staff")
        assert indexed.code == 0, indexed.err
    assert command("export", "staff", "staff.jsonl").code == 0
    assert command("export", "staff", "staff.tar", "--images").code == 0
    assert command("import", "staff.jsonl", "--collection", "guests").code == 0
    assert command("import", "staff.tar", "--data-dir", "other").code == 0
    assert command("backup", "all.tar").code == 0
    assert command("restore", "all.tar", "--data-dir", "restored").code == 0
    shutil.copy(tmp_path / "data" / "master.key", tmp_path / "restored")  # no backup has it
    for collection, folder in (("staff", "data"), ("guests", "data"), ("staff", "other"), ("staff", "restored")):
        there = ("--collection", collection, "--data-dir", folder)
        found = command("search", "astronaut.png", "--json", *there)
        assert found.code == 0, found.err
        faces = found.json["faces"]
        assert faces["FaceModelVersion"] == "8.0"
        matches = [(one["Face"]["ExternalImageId"], one["Similarity"]) for one in faces["FaceMatches"]]
        assert [name for name, _ in matches] == ["astronaut.png"]
        assert matches[0][1] == pytest.approx(100, abs=0.1), "the same photograph"


def test_what_is_typed_wrong(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "small.onnx").write_bytes(own_network.small(answer="constant"))
    for words, says in (
        (("sface", "--embedder", "small.onnx"), "built in; choose another one"),
        (("Mine!", "--embedder", "small.onnx"), "A pack's name has 1 to 63 characters"),
        (("mine",), "A pack needs the embedder's file"),
        (("mine", "--embedder", "small.onnx"), "the same for two people"),
        (("pack.toml", "--size", "112"), "With a pack.toml no other option is taken"),
    ):
        said = command("models", "add", *words)
        assert (said.code, says in said.err) == (1, True), said.err
    assert {one.name for one in models.iterdir()} <= {"sface", "centerface-dlib", "samples", ".lock"}
