"""Blocks of the guides that are marked to be run, against a real server with the sample photographs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from kenspeckle.settings import load
from kenspeckle.vision import packs
from tests.docs.blocks import DOCS, Block, blocks
from tests.docs.terminal import RUNNING, terminal

MARK = "run"
GUIDES = [page for page in sorted(DOCS.glob("*.md")) if any(block.mark == MARK for block in blocks(page))]
SERVE = Block("sh", "kenspeckle serve\n", RUNNING, 0, "Kenspeckle listens on")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_blocks_that_are_marked_run(page: Path, tmp_path: Path) -> None:
    samples = packs.samples(load(environ={}).models_dir, lambda *_: None)
    for photograph in (samples.grace_hopper, samples.astronaut):
        shutil.copy(photograph, tmp_path)
    with terminal(tmp_path, f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin") as here:
        here.run(SERVE)
        for block in blocks(page):
            if block.mark == MARK:
                wrong = here.told_as_shown(block)
                assert wrong is None, f"{page.name}, line {block.line}: {wrong}"


def test_there_are_such_blocks() -> None:
    assert DOCS / "clients.md" in GUIDES
