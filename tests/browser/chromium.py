"""Finds a Chromium and starts it as a test or a script wants it: without a window, without a word to anybody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ABSENT = "there is no Chromium here; install the package chromium, or run: playwright install chromium"


def found() -> str | None:
    """The system's Chromium; None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def started(*more: str) -> Iterator[Browser | None]:
    """A browser with these flags more; None where there is none, neither the system's nor Playwright's own."""
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        path = found() or (own if Path(own).exists() else None)
        if path is None:
            yield None
            return
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *more])
        try:
            yield browser
        finally:
            browser.close()
