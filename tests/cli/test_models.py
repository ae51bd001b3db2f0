"""`kenspeckle models`: what it prints, as text and as JSON, and how it exits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kenspeckle.cli.models import app
from kenspeckle.models import install, registry, samples
from kenspeckle.models.attributes import ATTRIBUTES


def models(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def damaged(pack: registry.InstalledPack, tmp_path: Path) -> Path:
    """A folder of models with the real pack, one byte of its detector altered."""
    shutil.copytree(pack.folder, tmp_path / pack.folder.name)
    file = tmp_path / pack.folder.name / "detector.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    return tmp_path


def test_list_names_licence_and_source_of_every_file(pack: registry.InstalledPack) -> None:
    result = models("list", "--models-dir", pack.folder.parent)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert f"sface, version {pack.pack.version}, default: installed in {pack.folder}" in text
    for part in (*pack.pack.parts, *samples.PARTS):
        source = f"{part.archive.package}=={part.archive.version}, {part.member.path}, {part.member.size:,} bytes"
        assert f"{part.file}: {part.what} licence {part.licence}, {part.author}, {part.home} source {source}" in text
        assert part.member.sha256 in text
    assert "docs/models.md" in text


def test_list_as_json(pack: registry.InstalledPack) -> None:
    found = json.loads(models("list", "--models-dir", pack.folder.parent, "--json").stdout)
    listed, other = found["packs"]
    assert (listed["name"], listed["installed"], listed["default"]) == ("sface", True, True)
    assert (other["name"], other["default"]) == ("centerface-dlib", False)
    assert listed["contract"] == pack.pack.contract
    texts = [text for text in pack.pack.texts if text not in pack.pack.parts]
    assert [one["licence"] for one in listed["files"]] == [one.licence for one in (*pack.pack.parts, *texts)]
    assert len(found["samples"]) == 5


def test_list_where_nothing_is_installed(tmp_path: Path) -> None:
    result = models("list", "--models-dir", tmp_path)
    assert result.exit_code == 0
    assert "not installed (manifest.json is not there)" in result.stdout


def test_verify_of_a_whole_pack(pack: registry.InstalledPack) -> None:
    result = models("verify", "--models-dir", pack.folder.parent, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["ok"]
    assert {one["file"] for one in found["files"]} == {"manifest.json", *pack.pack.files}


def test_verify_finds_an_altered_file(damaged: Path) -> None:
    result = models("verify", "--models-dir", damaged, "--json")
    assert result.exit_code == 1
    wrong = [one for one in json.loads(result.stdout)["files"] if not one["ok"]]
    assert wrong == [{"file": "detector.onnx", "ok": False, "problem": "was altered (sha256 differs)"}]
    assert "Run `kenspeckle models pull sface`" in result.stderr


def test_path(pack: registry.InstalledPack) -> None:
    result = models("path", "sface", "--models-dir", pack.folder.parent)
    assert (result.exit_code, result.stdout.strip()) == (0, str(pack.folder))
    found = json.loads(models("path", "--models-dir", pack.folder.parent, "--json").stdout)
    assert found["embedder"] == str(pack.embedder)


def test_path_of_a_missing_pack_names_the_command(tmp_path: Path) -> None:
    result = models("path", "--models-dir", tmp_path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Run `kenspeckle models pull sface`" in result.stderr


def test_pull_of_an_installed_pack_does_nothing(pack: registry.InstalledPack) -> None:
    before = pack.embedder.stat()
    result = models("pull", "--models-dir", pack.folder.parent)
    assert result.exit_code == 0
    assert str(pack.folder) in result.stdout
    assert pack.embedder.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("command", ["pull", "verify", "path"])
def test_unknown_pack(tmp_path: Path, command: str) -> None:
    result = models(command, "other", "--models-dir", tmp_path)
    assert result.exit_code == 1
    assert "There is no model pack 'other'. Packs are: sface, centerface-dlib" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_attributes_are_listed_with_licence_and_source(pack: registry.InstalledPack) -> None:
    install.pull_attributes(pack.folder.parent, lambda *_: None)
    found = json.loads(models("list", "--models-dir", pack.folder.parent, "--json").stdout)["attributes"]
    assert found["installed"]
    assert [one["file"] for one in found["files"]] == list(ATTRIBUTES.files)
    assert {one["licence"] for one in found["files"]} == {"Apache-2.0", "CC0-1.0"}
    verified = models("verify", "attributes", "--models-dir", pack.folder.parent, "--json")
    assert (verified.exit_code, json.loads(verified.stdout)["ok"]) == (0, True)


def test_pull_without_a_name_does_without_attributes_where_they_are_not_to_be_had(
    pack: registry.InstalledPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(pack.folder, tmp_path / pack.folder.name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    result = models("pull", "--models-dir", tmp_path)
    assert result.exit_code == 0
    assert "kenspeckle models pull attributes" in result.stderr
    asked = models("pull", "attributes", "--models-dir", tmp_path)
    assert asked.exit_code == 1
    assert "can't be downloaded" in asked.stderr


def test_attributes_is_no_name_for_a_pack(tmp_path: Path) -> None:
    result = models("add", "attributes", "--embedder", tmp_path / "embedder.onnx", "--models-dir", tmp_path)
    assert result.exit_code != 0
    assert "built in" in result.stderr
