"""Writes the pages of the documentation that are made from code: `make docs`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from docs.making import commands, costs, errors, metrics, routes, settings, shown
from kenspeckle.api import dump_openapi

DOCS = Path(__file__).parent


@cache
def pages() -> dict[Path, str]:
    """Every file that is made from code, and what it has to hold."""
    return {
        DOCS / "settings.md": settings.page(),
        DOCS / "commands.md": commands.page(),
        DOCS / "routes.md": routes.page(),
        DOCS / "errors.md": errors.page(),
        DOCS / "metrics.md": metrics.page(),
        DOCS / "aws.md": costs.page((DOCS / "aws.md").read_text("utf-8")),
        DOCS / "api.md": shown.page((DOCS / "api.md").read_text("utf-8")),
        DOCS / "openapi.json": dump_openapi.text(),
    }


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text, "utf-8")
