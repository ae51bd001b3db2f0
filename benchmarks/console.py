"""Measures the console in a real browser: first view, boxes of a 12-megapixel photograph, a gallery of 10,000 faces.

`python -m benchmarks.console [FACES]` prints JSON. It is apart from `make bench`, for it needs a Chromium, and over
a minute to index 10,000 faces; with 0 it leaves the gallery out and takes seconds.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser
from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tests.browser import chromium, pictures
from tests.browser.console import Console, tab

from benchmarks import machine
from kenspeckle.cli.launch import launch

ROUNDS = 7
FACES = 10_000
ON_A_WALL = (12, 8)
TURNS = 12
FEWEST = 1000
"""Fewer faces are not so many pages."""
MARK = "name => performance.getEntriesByName(name).at(-1).startTime"
HEAP = "() => { gc(); return performance.memory.usedJSHeapSize; }"
WEIGHT = """() => ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
  .filter((one) => !one.name.includes("/v1/")).reduce((sum, one) => sum + one.decodedBodySize, 0)"""
PRECISE = ("--js-flags=--expose-gc", "--enable-precise-memory-info")


def first_view(browser: Browser, url: str) -> dict[str, float]:
    """From the click on a link to a page that takes photographs, in milliseconds, nothing cached; and bytes loaded."""
    times, weights = [], []
    for _ in range(ROUNDS):
        with tab(browser, url) as console:
            console.open()
            console.button("Choose a photograph").wait_for()
            times.append(float(console.page.evaluate(MARK, "view-shown")))
            weights.append(int(console.page.evaluate(WEIGHT)))
    return {"milliseconds": round(statistics.median(times), 1), "bytes": max(weights)}


def twelve_megapixels(browser: Browser, url: str) -> dict[str, float]:
    """From the server's answer to boxes that are painted, in milliseconds."""
    times = []
    photograph = pictures.huge(4000, 3000)
    for _ in range(ROUNDS):
        with tab(browser, url) as console:
            console.open()
            console.photograph(photograph)
            console.findings.first.wait_for()
            console.page.wait_for_function("() => performance.getEntriesByName('boxes-shown').length")
            shown, answer = (console.page.evaluate(MARK, name) for name in ("boxes-shown", "answer"))
            times.append(shown - answer)
    return {"milliseconds": round(statistics.median(times), 1), "worst": round(max(times), 1)}


def stock(url: str, faces: int) -> int:
    """So many faces in the collection `many`, on walls of heads; how many there are. Shows how far it has come."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        httpx.Client(base_url=url, timeout=300) as api,
        Progress(*columns, console=Terminal(stderr=True)) as progress,
    ):
        api.put("/v1/collections/many")
        task = progress.add_task("faces indexed", total=faces)
        number = 0
        while (stored := api.get("/v1/collections/many").json()["FaceCount"]) < faces:
            progress.update(task, completed=stored)
            wall = pictures.crowd(*ON_A_WALL, shade=0.8 + 0.002 * number)
            query: dict[str, str | int] = {"collection": "many", "max_faces": 100, "quality": "NONE"}
            api.put(f"/v1/index/wall-{number}", content=wall, params=query).raise_for_status()
            number += 1
        progress.update(task, completed=faces)
        return int(stored)


def turn(console: Console) -> float:
    """Milliseconds from the click on Next to a page whose first picture is there."""
    page = console.page
    first = page.locator(".grid .tile").first.get_attribute("href")
    page.evaluate("() => performance.mark('turn')")
    console.button("Next").click()
    page.wait_for_function(
        "old => { const one = document.querySelector('.grid .tile');"
        " return one && one.getAttribute('href') !== old && one.querySelector('img')?.naturalWidth > 0; }",
        arg=first,
    )
    return float(page.evaluate("() => performance.now()") - page.evaluate(MARK, "turn"))


def gallery(browser: Browser, url: str, faces: int) -> dict[str, Any]:
    """Turning pages, the page's memory before and after, and a search by name through all of it."""
    with tab(browser, url) as console:
        console.open("gallery", "many")
        console.page.locator(".grid img[src]").first.wait_for()
        before = console.page.evaluate(HEAP)
        turns = [turn(console) for _ in range(TURNS)]
        after, urls = console.page.evaluate(HEAP), console.page.evaluate("() => urls.size")
        console.page.evaluate("() => performance.mark('turn')")
        console.page.get_by_role("searchbox", name="Search by name").fill("nobody such")
        console.page.get_by_text("Nobody by that name").wait_for()
        searched = console.page.evaluate("() => performance.now()") - console.page.evaluate(MARK, "turn")
    return {
        "faces": faces,
        "turn_milliseconds": round(statistics.median(turns), 1),
        "heap_mib_before": round(before / 2**20, 1),
        "heap_mib_after": round(after / 2**20, 1),
        "pictures_held": urls,
        "search_all_milliseconds": round(searched),
    }


def main(faces: int) -> dict[str, Any]:
    """All of it, on a fresh server; what takes seconds first."""
    if 0 < faces < FEWEST:
        raise SystemExit(
            f"{faces} faces are too few to turn pages: ask for {FEWEST} or more, or for 0 to leave the gallery out."
        )
    found: dict[str, Any] = {"machine": machine.described()}
    with tempfile.TemporaryDirectory() as folder, launch(Path(folder)) as server:
        with httpx.Client(base_url=server.url, timeout=60) as api:
            api.put("/v1/index/Grace-Hopper.jpg", content=pictures.grace()).raise_for_status()
        with chromium.started(*PRECISE) as browser:
            if browser is None:
                raise SystemExit(chromium.ABSENT)
            found["first_view"] = first_view(browser, server.url)
            found["twelve_megapixels"] = twelve_megapixels(browser, server.url)
            if faces:
                found["gallery"] = gallery(browser, server.url, stock(server.url, faces))
    return found


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else FACES), indent=2))
