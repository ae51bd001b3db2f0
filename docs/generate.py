"""Writes the pages of the documentation that are made from code: `make docs`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs.making import commands, costs, errors, metrics, routes, settings, shown
from kenspeckle.api import dump_openapi

DOCS = Path(__file__).parent

PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "commands.md": commands.page,
    "routes.md": routes.page,
    "errors.md": errors.page,
    "metrics.md": metrics.page,
    "aws.md": lambda: costs.page((DOCS / "aws.md").read_text("utf-8")),
    "api.md": lambda: shown.page((DOCS / "api.md").read_text("utf-8")),
    "openapi.json": dump_openapi.text,
}
"""Every file that is made from code, and how what it has to hold is made."""


if __name__ == "__main__":
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), "utf-8")
