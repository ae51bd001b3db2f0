"""Blocks of the guides that are marked to be run, against a real server with the sample photographs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from kenspeckle.models import install
from kenspeckle.settings import load
from tests.docs.blocks import DOCS, ROOT, Block, blocks
from tests.docs.terminal import RUNNING, terminal

MARK = "run"
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md"]
GUIDES = [page for page in PAGES if any(block.mark == MARK for block in blocks(page))]
SERVE = Block("sh", "kenspeckle serve\n", RUNNING, 0, "Kenspeckle listens on")


@pytest.mark.timeout(300)
def test_blocks_that_are_marked_run(tmp_path: Path) -> None:
    samples = install.samples(load(environ={}).models_dir, lambda *_: None)
    for name in ("grace_hopper.jpg", "Grace-Hopper.jpg", "who-is-this.jpg"):
        shutil.copy(samples.grace_hopper, tmp_path / name)
    shutil.copy(samples.astronaut, tmp_path)
    with terminal(tmp_path, f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin") as here:
        here.run(SERVE)
        for page in GUIDES:
            for block in blocks(page):
                if block.mark == MARK:
                    wrong = here.told_as_shown(block)
                    assert wrong is None, f"{page.name}, line {block.line}: {wrong}"


def test_there_are_such_blocks() -> None:
    assert {"README.md", "clients.md"} <= {page.name for page in GUIDES}
