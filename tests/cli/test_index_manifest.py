"""`kenspeckle index` of a manifest and of a bucket, on the local data folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kenspeckle.models.registry import Samples
from tests.cli.conftest import Command


@pytest.fixture
def desk(tmp_path: Path, samples: Samples, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "desk"
    (folder / "people" / "grace").mkdir(parents=True)
    shutil.copy(samples.grace_hopper, folder / "people" / "grace" / "1.jpg")
    shutil.copy(samples.coffee, folder / "coffee.png")
    (folder / "notes.txt").write_text("no photograph")
    monkeypatch.setenv("KENSPECKLE_S3_BUCKETS", f"desk=file://{folder}")
    return folder


def test_a_manifest_and_a_bucket(command: Command, desk: Path, tmp_path: Path) -> None:
    (tmp_path / "some.jsonl").write_text('{"file": "desk/people/grace/1.jpg", "identity": "grace"}\n')
    done = command("index", "some.jsonl", "--json")
    assert done.code == 0, done.err
    assert (done.json["status"], done.json["identity"], len(done.json["face_ids"])) == ("indexed", "grace", 1)
    assert "1 photograph: 1 indexed." in done.err
    every = command("index", "s3://desk", "--by", "folder")
    assert every.code == 1, every.err
    assert "2 photographs: 1 present, 1 no face." in every.err
    job = command("jobs", "list", "--json").json[0]["job_id"]
    lines = [json.loads(line) for line in command("jobs", "results", job).out.splitlines()]
    assert sorted((one["status"], one["reason"]) for one in lines) == [("no_face", "No face found"), ("present", None)]


def test_lines_that_disagree_are_told_by_their_places(
    command: Command, desk: Path, tmp_path: Path, samples: Samples
) -> None:
    shutil.copy(samples.astronaut, desk / "people" / "grace" / "2.png")
    line = '{{"file": "desk/people/grace/{}", "identity": "grace"}}\n'
    (tmp_path / "some.jsonl").write_text(line.format("1.jpg") + "\n" + line.format("2.png"))
    done = command("index", "some.jsonl")
    assert "Grace: seems to be two people" in done.err
    assert {"desk/people/grace/1.jpg", "desk/people/grace/2.png."} <= set(done.err.replace(",", "").split())
    assert "two people" not in command("index", "some.jsonl").err


def test_what_is_wrong_is_said(command: Command, desk: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"url": "s3://other/a.jpg"}\n')
    for words, why in (
        (("bad.jsonl",), "'other' is none"),
        (("nowhere.jsonl",), "no file"),
        (("s3://desk/nothing",), "No photographs"),
        (("s3://other/nothing",), "Unable to get object"),
        (("bad.jsonl", "desk"), "indexed alone"),
    ):
        said = command("index", *words)
        assert said.code == 2
        assert why in said.err
