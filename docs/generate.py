"""Writes the parts of the documentation that are made from code: the settings in operations.md (`make docs`)."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

from kenspeckle.settings import PREFIX, Settings

PAGE = Path(__file__).with_name("operations.md")
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->"
MADE = {
    "data_dir": "the user's data folder",
    "models_dir": "the user's cache folder",
    "workers": "cores",
}
"""Defaults that differ from machine to machine."""


def settings_table() -> str:
    """Every setting with its default and meaning, as a Markdown table."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for one in fields(Settings):
        default = MADE.get(one.name) or (str(one.default) if one.default is not MISSING else "")
        shown = f"`{default}`" if default and one.name not in MADE else default
        rows.append(f"| `{PREFIX}{one.name.upper()}` | {shown} | {one.metadata['doc']} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """operations.md with the table as it should be."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return before + BEGIN + settings_table() + END + after


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
