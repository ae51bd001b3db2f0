"""The demo, from beginning to end."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from kenspeckle.cli.contact_sheet import TILE
from tests.cli.conftest import Command


@pytest.mark.usefixtures("started_anew")
def test_the_demo_finds_everyone(command: Command) -> None:
    done = command("demo")
    assert done.code == 0, done.out + done.err
    assert "All 13 as expected." in done.out
    assert "no face in it" in done.out
    assert len(re.findall(r"Grace Hopper, .*Grace Hopper", done.out)) == 5
    assert "curl -T " in done.out
    with Image.open("demo-output/people.jpg") as sheet:
        assert sheet.width > 5 * TILE


def test_the_demo_without_a_model_pack_names_the_command(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENSPECKLE_MODELS_DIR", "empty")
    failed = command("demo")
    assert failed.code == 1
    assert "kenspeckle models pull" in failed.err
