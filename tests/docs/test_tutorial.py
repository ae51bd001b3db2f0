"""The tutorial, as a reader follows it: every block runs, in order, and prints what the page shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
                    assert_alike(home / "faces" / "who.jpg", PICTURE)
    assert ran > 15
    assert not (home / "faces").exists(), "the last step leaves nothing behind"


def test_every_block_is_either_run_or_shown_as_text() -> None:
    assert {block.language for block in blocks(PAGE)} == {*RUN, "text"}


def assert_alike(drawn: Path, shown: Path) -> None:
    """The picture that a command drew is the one of the page, but for a digit of a similarity."""
    one, other = (np.asarray(Image.open(file).convert("L"), np.float32) for file in (drawn, shown))
    assert one.shape == other.shape, "run: make pictures"
    assert float(np.abs(one - other).mean()) < 1, "run: make pictures"
