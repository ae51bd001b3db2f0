"""For everybody: no violation that axe-core finds in any view and either theme, all by keyboard, and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import pictures
from tests.browser.console import PHONE, Console, tab

VIEWS = ("", "compare", "gallery", "users", "keys", "webhooks", "audit", "health", "collections", "face", "user")
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules that a theme can change; the others are asked once."""


@pytest.fixture(scope="module")
def person(server: str) -> str:
    """The default collection's first face, given to a user."""
    place = f"{server}/v1/collections/kenspeckle"
    face = str(httpx.get(f"{place}/faces").json()["Faces"][0]["FaceId"])
    httpx.put(f"{place}/users/someone")
    httpx.post(f"{place}/users/someone/faces", json={"FaceIds": [face]})
    return face


def address(view: str, person: str) -> str:
    return {"face": f"face/kenspeckle/{person}", "user": "user/kenspeckle/someone"}.get(view, view)


def clean(console: Console) -> None:
    """Neither theme has a violation."""
    console.page.emulate_media(color_scheme="light")
    assert console.violations() == []
    console.page.emulate_media(color_scheme="dark")
    assert console.violations(*COLOURS) == []


def settle(console: Console) -> None:
    expect(console.page.get_by_role("heading", level=1)).to_be_visible()
    expect(console.page.locator(".busy")).to_have_count(0)


def test_no_view_has_a_violation(console: Console, person: str) -> None:
    for view in VIEWS:
        console.open(address(view, person))
        settle(console)
        clean(console)


def test_nor_have_a_recognized_photograph_and_dialogs(console: Console, person: str) -> None:
    console.open()
    console.photograph(pictures.both())
    expect(console.findings).to_have_count(2)
    console.findings.first.get_by_text("Quality").click()
    console.findings.first.get_by_role("button", name="Name or add this face").click()
    clean(console)
    console.page.get_by_role("slider").fill("100")
    clean(console)
    for view, name in (("keys", "New key"), ("collections", "New collection"), (address("face", person), "This face…")):
        console.open(view)
        console.button(name).click()
        clean(console)
        console.page.keyboard.press("Escape")
        expect(console.button(name)).to_be_focused()
    console.open("face/kenspeckle/00000000-0000-0000-0000-000000000000")
    expect(console.page.get_by_role("alert")).to_be_visible()
    clean(console)


def test_from_photograph_to_deletion_by_keyboard(console: Console, api: httpx.Client) -> None:
    api.put("/v1/collections/keyboard")
    console.open()
    page, press = console.page, console.page.keyboard.press

    def tab_to(name: str, role: str = "button", most: int = 60) -> None:
        wanted = page.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]  # a role as ARIA has it
        for _ in range(most):
            press("Tab")
            if wanted.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"no way by Tab to the {role} {name!r}")

    expect(console.button("Choose a photograph")).to_be_visible()
    press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.get_by_label("Collection", exact=True).focus()
    page.keyboard.type("keyb")
    expect(page.get_by_label("Collection", exact=True)).to_have_value("keyboard")
    expect(page.get_by_label("Collection", exact=True)).to_be_focused()
    tab_to("Choose a photograph")
    with page.expect_file_chooser() as chooser:
        press("Enter")
    chooser.value.set_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": pictures.grace()})
    expect(console.findings).to_have_count(1)
    tab_to("Threshold", "slider")
    press("ArrowRight")
    expect(page.locator(".reading")).to_have_text("80.5")
    tab_to("Who is this?", "textbox")
    page.keyboard.type("by-keyboard")
    press("Enter")
    expect(console.findings.get_by_role("heading")).to_have_text("By keyboard")

    console.open("gallery")
    expect(console.heading("keyboard")).to_be_focused()
    tab_to("Choose the face of By keyboard", "checkbox")
    press("Space")
    page.locator("h1").focus()
    tab_to("Delete…")
    press("Enter")
    expect(console.button("Keep")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(console.button("Save the receipt")).to_be_focused()
    press("Escape")
    expect(page.get_by_text("No faces yet")).to_be_visible()
    assert api.get("/v1/collections/keyboard/faces").json()["Faces"] == []


@pytest.fixture
def phone(browser: Browser, server: str) -> Iterator[Console]:
    with tab(browser, server, PHONE, has_touch=True, is_mobile=True, device_scale_factor=1) as opened:
        yield opened
        assert opened.complaints == []


def test_on_a_phone_nothing_is_wider_than_the_screen(phone: Console, person: str) -> None:
    width = "() => document.documentElement.scrollWidth"
    for view in VIEWS:
        phone.open(address(view, person))
        settle(phone)
        assert phone.page.evaluate(width) <= PHONE[0], view
    phone.open()
    phone.photograph(pictures.both())
    expect(phone.findings).to_have_count(2)
    assert phone.page.evaluate(width) <= PHONE[0]
    phone.page.get_by_role("button", name="Face 2: Eileen Collins").tap()
    expect(phone.findings.nth(1)).to_be_in_viewport()
    assert phone.violations() == []
