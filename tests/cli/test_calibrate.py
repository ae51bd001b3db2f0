"""`kenspeckle models calibrate` on real photographs of known people, and what it says where there are too few."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_own_packs import models

__all__ = ["models"]

JOHNS = Path(__file__).parents[3] / "shared/data/faces/johns"


@pytest.mark.skipif(not JOHNS.is_dir(), reason="the photographs of ../shared/data are absent")
@pytest.mark.photographs
def test_a_pack_is_measured_on_known_people(command: Command, models: Path, tmp_path: Path) -> None:
    said = command("models", "calibrate", "--pack", "sface", "--plot", "plot.svg", "--json", JOHNS)
    assert said.code == 0, said.err
    found = said.json
    assert (found["people"], found["genuine_pairs"], found["impostor_pairs"]) == (5, 265, 1166)
    assert [similarity for _, similarity in found["knots"]] == [100, 99, 95, 90, 80, 50, 10, 0]
    bar = found["knots"][4][0]
    assert 0.3 < 1 - bar * bar / 2 < 0.45, "SFace's 1 in 1,000, as others measured it"
    assert found["at_80"]["misses"]["rate"] <= 0.02
    assert [one["reason"].startswith("the same photograph") for one in found["skipped"]] == [True]
    assert ET.parse(tmp_path / "plot.svg").getroot().tag.endswith("svg")
    assert found["stored"] == str(models / "sface.calibration.json")
    listed = {one["name"]: one for one in command("models", "list", "--json").json["packs"]}
    assert listed["sface"]["calibration"]["kind"] == "measured"
    assert "265 pairs of one person and 1,166 of two" in listed["sface"]["calibration"]["sample"]
    assert listed["centerface-dlib"]["calibration"]["kind"] == "built-in"


def test_too_few_and_wrong_words(command: Command, models: Path, tmp_path: Path) -> None:
    for person, sample in (("grace", "grace_hopper.jpg"), ("eileen", "astronaut.png")):
        (tmp_path / "people" / person).mkdir(parents=True)
        (tmp_path / "people" / person / sample).symlink_to(models / "samples" / sample)
    few = command("models", "calibrate", "--pack", "sface", "people")
    assert (few.code, few.out) == (1, "")
    assert "Too few to measure on: 2 people with 0 pairs of one person and 1 pairs of two people" in few.err
    assert "10 people with 5 photographs each" in few.err
    wrong = command("models", "calibrate", "--plot", "plot.gif", "people")
    assert (wrong.code, "is no .svg file" in wrong.err) == (1, True)
    assert not list(models.glob("*.json"))
