"""Tables of Markdown that look the same in the repository and on the site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MADE = "<!-- Made by `make docs` from the code: don't edit this page by hand. -->\n\n"
"""First line of pages that are made as a whole."""


def cell(text: object) -> str:
    """Text that can stand in a cell: one line, no bars of its own."""
    return " ".join(str(text).split()).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table with a line for each row, ended by a newline."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell(one) for one in line) + " |\n" for line in lines)
