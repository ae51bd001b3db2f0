"""What goes wrong, as a person sees it: a sentence, what to do, and nothing that was typed is lost."""

from __future__ import annotations

import io
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Route, expect

from kenspeckle.cli.launch import launch, stop
from tests.browser import pictures
from tests.browser.console import Console, tab


def bomb() -> bytes:
    """Forty megapixels in a few kilobytes."""
    file = io.BytesIO()
    Image.new("1", (8000, 5000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "title", "advice"),
    [
        (lambda: b"this is no photograph", "Unsupported image", "Choose a photograph"),
        (lambda: pictures.grace()[:20_000], "The image is damaged", "Save or export it again"),
        (bomb, "The image is too large", "Make it smaller"),
        (pictures.rocket, "No face in the photograph", "Choose one where a face can be seen"),
    ],
    ids=["text", "broken", "40 MP", "no face"],
)
def test_photographs_that_can_not_be_searched(console: Console, make: object, title: str, advice: str) -> None:
    assert callable(make)
    console.open()
    console.photograph(make())
    notice = console.page.get_by_role("alert")
    expect(notice.get_by_role("heading")).to_have_text(title)
    expect(notice).to_contain_text(advice)
    expect(console.button("Try again")).to_have_count(0)
    # The next one goes as if nothing had been.
    console.button("Another photograph").click()
    console.photograph(pictures.grace())
    expect(console.findings.get_by_role("heading")).to_have_text("Grace Hopper")
    expect(notice).to_have_count(0)


def test_a_server_that_stops_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    with launch(tmp_path) as first, tab(browser, first.url) as console:
        console.open()
        console.photograph(pictures.grace())
        name = console.page.get_by_label("Who is this?")
        name.fill("Grace")
        stop(first.process)
        console.button("Save").click()
        expect(console.page.get_by_role("alert")).to_contain_text("The server does not answer")
        expect(name).to_have_value("Grace")
        with launch(tmp_path, "--port", str(urlsplit(first.url).port)):
            console.button("Try again").click()
            expect(console.findings.get_by_role("heading")).to_have_text("Grace")
            assert console.complaints == []


def test_a_busy_server_says_when_to_try_again(console: Console) -> None:
    busy = ["503", "429"]

    def refuse(route: Route) -> None:
        if not busy:
            route.continue_()
            return
        status = int(busy.pop(0))
        route.fulfill(
            status=status,
            headers={"retry-after": "1"},
            json={
                "code": "overloaded" if status == 503 else "rate_limited",
                "title": f"Busy {status}",
                "detail": "Wait.",
            },
        )

    console.page.route("**/v1/search?*", refuse)
    console.open()
    console.photograph(pictures.grace())
    for title in ("Busy 503", "Busy 429"):
        expect(console.page.get_by_role("alert").get_by_role("heading")).to_have_text(title)
        expect(console.page.get_by_role("button", name="Try again in 1 s")).to_be_disabled()
        console.button("Try again").click()
    expect(console.findings.get_by_role("heading")).to_have_text("Grace Hopper")


def test_a_slow_answer_can_be_given_up(console: Console) -> None:
    def dawdle(route: Route) -> None:
        time.sleep(0.1)  # and no answer at all: the page has to give up by itself

    console.page.clock.install()
    console.page.route("**/v1/search?*", dawdle)
    console.open()
    console.photograph(pictures.grace())
    expect(console.page.get_by_text("Looking for faces…")).to_be_visible()
    console.page.clock.fast_forward(5_000)
    expect(console.page.get_by_text("This takes longer than usual; the server may be busy.")).to_be_visible()
    console.button("Cancel").click()
    expect(console.button("Choose photographs")).to_be_focused()
    expect(console.page.get_by_role("alert")).to_have_count(0)


def test_a_face_that_is_gone_and_a_view_that_is_none(console: Console) -> None:
    console.open("face/kenspeckle/00000000-0000-0000-0000-000000000000")
    expect(console.page.get_by_role("alert")).to_contain_text("No such face")
    console.open("no-such-view")
    expect(console.heading("Who is this?")).to_be_visible()
    console.open("user/kenspeckle/%E0%A4%A")
    expect(console.page.get_by_role("alert")).to_be_visible()
