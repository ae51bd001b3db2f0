"""The tutorial, as a reader follows it: every block runs, in order, and prints what the page shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.alike import same_picture
from tests.docs.blocks import DOCS, blocks
from tests.docs.terminal import terminal

PAGE = DOCS / "tutorial.md"
PICTURE = DOCS / "pictures" / "who.jpg"
RUN = ("sh", "python")


@pytest.mark.timeout(300)
def test_every_block_does_what_the_page_shows(tmp_path: Path) -> None:
    if not shutil.which("git") or not shutil.which("curl"):
        pytest.skip("git and curl are needed, which the page asks for")
    home = tmp_path / "home"
    home.mkdir()
    ran = 0
    with terminal(home) as here:
        for block in blocks(PAGE):
            if block.language in RUN:
                wrong = here.told_as_shown(block)
                assert wrong is None, f"{PAGE.name}, line {block.line}: {wrong}"
                ran += 1
                if "--save who.jpg" in block.text:
                    assert same_picture(home / "faces" / "who.jpg", PICTURE), "run: make pictures"
    assert ran > 15
    assert not (home / "faces").exists(), "the last step leaves nothing behind"


def test_every_block_is_either_run_or_shown_as_text() -> None:
    assert {block.language for block in blocks(PAGE)} == {*RUN, "text"}
