"""What comes late, twice or out of turn: nothing is shown of a photograph that is gone, sent twice, or lost."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.browser import pictures
from tests.browser.console import Console

SLOW_DECODER = """() => {
  const make = createImageBitmap;
  window.createImageBitmap = async (...given) => {
    await new Promise((go) => { window.go = go; });
    return make(...given);
  };
}"""


def held(console: Console, path: str) -> list[Route]:
    """Requests to a path wait in this list for the test to let them go on."""
    waiting: list[Route] = []
    console.page.route(path, lambda route: waiting.append(route))  # Playwright asks what it may hold on to
    return waiting


def until(console: Console, waiting: list[Route], count: int = 1) -> None:
    for _ in range(300):
        if len(waiting) >= count:
            return
        console.page.wait_for_timeout(50)
    raise AssertionError(f"{len(waiting)} requests, not {count}")


def test_a_comparison_that_arrives_after_its_photograph_left(console: Console) -> None:
    waiting = held(console, "**/v1/compare?*")
    console.open("compare")
    console.photograph(pictures.grace(), at=0)
    expect(console.page.locator(".photo canvas")).to_have_count(1)
    console.photograph(pictures.both(), at=0)
    until(console, waiting)
    console.button("Another photograph").first.click()
    waiting.pop().continue_()
    expect(console.page.locator(".busy")).to_have_count(0)
    console.page.wait_for_timeout(300)
    expect(console.summary).to_have_count(0)
    console.page.unroute("**/v1/compare?*")
    console.photograph(pictures.eileen(), "eileen.png", at=0)
    expect(console.summary).to_have_text("1 of 2 faces pass at 80.")


def test_the_slider_while_another_photograph_is_decoded(console: Console) -> None:
    console.open("compare")
    console.photograph(pictures.grace(), at=0)
    expect(console.page.locator(".photo canvas")).to_have_count(1)
    console.photograph(pictures.both(), at=0)
    expect(console.summary).to_have_text("1 of 2 faces pass at 80.")
    console.page.evaluate(SLOW_DECODER)
    paste = """base64 => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))], "b.jpg"));
      const paste = new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
      document.querySelector("h1").dispatchEvent(paste);
    }"""
    console.page.evaluate(paste, "AAAA")
    # What was compared is no longer what is shown.
    expect(console.page.get_by_role("slider")).to_have_count(0)


def test_another_collection_while_the_photograph_is_decoded(console: Console, api: httpx.Client) -> None:
    api.put("/v1/collections/elsewhere")
    waiting = held(console, "**/v1/search?*")
    console.open()
    expect(console.button("Choose photographs")).to_be_visible()
    console.page.evaluate(SLOW_DECODER)
    console.photograph(pictures.grace())
    until(console, waiting)
    console.page.get_by_label("Collection", exact=True).select_option("elsewhere")
    until(console, waiting, 2)
    for route in waiting:
        route.continue_()
    console.page.evaluate("() => go()")
    expect(console.findings.get_by_role("heading")).to_have_text("Nobody known")


def test_naming_one_face_keeps_what_is_typed_for_the_other(console: Console, api: httpx.Client) -> None:
    api.put("/v1/collections/drafts")
    console.open(collection="drafts")
    console.photograph(pictures.both())
    expect(console.findings).to_have_count(2)
    console.findings.nth(1).get_by_label("Who is this?").fill("Eileen")
    console.findings.first.get_by_label("Who is this?").fill("Grace")
    console.findings.first.get_by_role("button", name="Save").click()
    expect(console.findings.first.get_by_role("heading")).to_have_text("Grace")
    expect(console.findings.nth(1).get_by_label("Who is this?")).to_have_value("Eileen")
    expect(console.findings.first).to_be_focused()


def test_enter_twice_makes_one(console: Console) -> None:
    waiting = held(console, "**/v1/collections")
    console.open("collections")
    console.button("New collection").click()
    name = console.dialog.get_by_label("Name")
    name.fill("once")
    name.press("Enter")
    name.press("Enter")
    until(console, waiting)
    console.page.wait_for_timeout(200)
    assert console.asked.count("POST /v1/collections") == 1
    waiting.pop().continue_()


def test_a_search_that_is_overtaken_reads_no_further(console: Console) -> None:
    console.open("gallery")
    expect(console.page.locator(".grid > li")).not_to_have_count(0)
    search = console.page.get_by_role("searchbox", name="Search by name")
    waiting = held(console, "**/faces?limit=1000*")
    search.fill("first")
    until(console, waiting)
    search.fill("second")
    until(console, waiting, 2)
    waiting[0].fulfill(json={"Faces": [], "NextToken": "more"})
    waiting[1].continue_()
    expect(console.page.get_by_text("Nobody by that name")).to_be_visible()
    console.page.wait_for_timeout(200)
    assert len(waiting) == 2


def test_addresses_that_objects_have_by_birth(console: Console) -> None:
    console.open("constructor")
    expect(console.heading("Who is this?")).to_be_visible()


def test_a_folder_is_no_photograph(console: Console, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("photographs")
    console.open()
    expect(console.button("Choose photographs")).to_be_visible()
    devtools = console.page.context.new_cdp_session(console.page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 400, "data": data})
    notice = console.page.get_by_role("alert")
    expect(notice.get_by_role("heading")).to_have_text("The file can’t be read")
    expect(console.button("Try again")).to_have_count(0)
