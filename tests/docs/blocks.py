"""The fenced blocks of a page of the documentation, with what is said of them in comments that readers don't see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `line` is where its text begins in the page; `output` is the block of what it prints, if the
    page shows that right below; `mark` is the comment right above."""

    language: str
    text: str
    mark: str
    line: int
    output: str | None = None


def blocks(page: Path) -> list[Block]:
    """All blocks of the page, in order; what a block prints is not a block of its own."""
    return list(_joined(page.read_text("utf-8")))


def _joined(text: str) -> Iterator[Block]:
    found = list(_FENCE.finditer(text))
    shown = False
    for here, after in zip_longest(found, found[1:]):
        if shown:
            shown = False
            continue
        output = None
        if after is not None and here["language"] != "text" and after["language"] == "text" and not after["mark"]:
            shown = not text[here.end() : after.start()].strip()
            output = after["text"] if shown else None
        line = text.count("\n", 0, here.start("text")) + 1
        yield Block(here["language"], here["text"], here["mark"] or "", line, output)
