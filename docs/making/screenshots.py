"""Takes the pictures of the web console: the real page on a real server, in a browser without a window."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, expect
from tests.browser import chromium, pictures
from tests.browser.console import PHONE, Console, tab

from kenspeckle.cli.launch import launch

SIZE, SHALLOW = (1280, 800), (1280, 470)
LOADED = """() => [...document.querySelectorAll('main img')]
  .every((one) => one.naturalWidth || one.getBoundingClientRect().top > innerHeight)"""
"""Whether every picture that can be seen is there; others wait until one scrolls."""
FONTS = """() => ["h1", "main p"].map((one) => {
  const ink = document.createElement("canvas").getContext("2d");
  ink.font = getComputedStyle(document.querySelector(one)).font;
  return ink.measureText("Kenspeckle knows two people.").width.toFixed(1);
}).join(" ")"""
"""Widths that tell this machine's fonts from others; a picture keeps them as its comment."""
PEOPLE = {"Grace-Hopper.jpg": pictures.grace, "Eileen-Collins.png": pictures.eileen}


def draw(folder: Path) -> list[Path]:
    """Write console-*.jpg into the folder."""
    with tempfile.TemporaryDirectory() as data, launch(Path(data)) as server, chromium.started() as browser:
        if browser is None:
            raise SystemExit(f"For pictures of the console {chromium.ABSENT}.")
        for name, photograph in PEOPLE.items():
            httpx.put(f"{server.url}/v1/index/{name}", content=photograph(), timeout=60).raise_for_status()
        return shoot(browser, server.url, folder)


def shoot(browser: Browser, url: str, folder: Path) -> list[Path]:
    """The views of a server that knows the two people of the samples."""
    with tab(browser, url, SHALLOW, color_scheme="dark") as desk:
        desk.open("people")
        expect(desk.page.locator(".grid > li")).not_to_have_count(0)
        gallery = _saved(desk, folder / "console-gallery.jpg")
    return [
        who(browser, url, folder / "console-who.jpg"),
        gallery,
        who(browser, url, folder / "console-phone.jpg", PHONE),
    ]


def who(browser: Browser, url: str, file: Path, size: tuple[int, int] = SIZE) -> Path:
    """A photograph of both is dropped, and both are named."""
    with tab(browser, url, size, color_scheme="light") as console:
        console.open()
        console.photograph(pictures.both(), "party.jpg")
        expect(console.findings).to_have_count(2)
        expect(console.page.locator(".landmarks i")).not_to_have_count(0)
        return _saved(console, file)


def _saved(console: Console, file: Path) -> Path:
    console.page.wait_for_function(LOADED)
    picture = Image.open(io.BytesIO(console.page.screenshot()))
    picture.convert("RGB").save(file, quality=85, comment=console.page.evaluate(FONTS))
    return file
