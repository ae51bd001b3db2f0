"""For everybody: no violation that axe-core finds in any view and either theme, and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import pictures
from tests.browser.console import PHONE, Console, tab
from tests.browser.test_gallery import stock

THEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
VIEWS = (
    "",
    "compare",
    "videos",
    "people",
    "person",
    "gallery",
    "users",
    "keys",
    "webhooks",
    "audit",
    "health",
    "jobs",
    "collections",
    "face",
    "user",
)


HOME = "accessible"
"""A collection of its own: whoever belongs to a user has that user's name, which other tests do not expect."""


def somebody(server: str) -> str:
    return str(httpx.get(f"{server}/v1/collections/{HOME}/people").json()["people"][0]["person_id"])


@pytest.fixture(scope="module")
def person(server: str) -> str:
    """A face that is given to a user."""
    place = f"{server}/v1/collections/{HOME}"
    with httpx.Client(base_url=server, timeout=60) as api:
        stock(api, HOME, ("Grace-Hopper.jpg", pictures.grace()), ("Eileen-Collins.png", pictures.eileen()))
        face = str(api.get(f"{place}/faces").json()["Faces"][0]["FaceId"])
        api.put(f"{place}/users/someone")
        api.post(f"{place}/users/someone/faces", json={"FaceIds": [face]})
    return face


def address(console: Console, view: str, face: str) -> str:
    if view == "person":
        return f"person/{HOME}/{somebody(console.url)}"
    return {"face": f"face/{HOME}/{face}", "user": f"user/{HOME}/someone"}.get(view, view)


def clean(console: Console) -> None:
    """Neither theme has a violation of any rule."""
    for theme in THEMES:
        console.page.emulate_media(color_scheme=theme)
        assert console.violations() == [], theme


def settle(console: Console) -> None:
    expect(console.page.get_by_role("heading", level=1)).to_be_visible()
    expect(console.page.locator(".busy")).to_have_count(0)


def test_no_view_has_a_violation(console: Console, person: str) -> None:
    for view in VIEWS:
        console.open(address(console, view, person))
        settle(console)
        clean(console)


def test_nor_have_a_recognized_photograph_and_dialogs(console: Console, person: str) -> None:
    console.open()
    console.photograph(pictures.both())
    expect(console.findings).to_have_count(2)
    console.findings.first.get_by_role("button", name="Details of face 1").click()
    console.findings.first.get_by_text("Quality").click()
    console.findings.first.get_by_role("button", name="Name or add this face").click()
    clean(console)
    console.page.get_by_role("slider").fill("100")
    clean(console)
    for view, name in (
        ("keys", "New key"),
        ("collections", "New collection"),
        (address(console, "face", person), "This face…"),
    ):
        console.open(view)
        console.button(name).click()
        clean(console)
        console.page.keyboard.press("Escape")
        expect(console.button(name)).to_be_focused()
    console.open(f"face/{HOME}/00000000-0000-0000-0000-000000000000")
    expect(console.page.get_by_role("alert")).to_be_visible()
    clean(console)


@pytest.fixture
def phone(browser: Browser, server: str) -> Iterator[Console]:
    with tab(browser, server, PHONE, has_touch=True, is_mobile=True, device_scale_factor=1) as opened:
        yield opened
        assert opened.complaints == []


def test_on_a_phone_nothing_is_wider_than_the_screen(phone: Console, person: str) -> None:
    width = "() => document.documentElement.scrollWidth"
    for view in VIEWS:
        phone.open(address(phone, view, person))
        settle(phone)
        assert phone.page.evaluate(width) <= PHONE[0], view
    phone.open()
    phone.photograph(pictures.both())
    expect(phone.findings).to_have_count(2)
    assert phone.page.evaluate(width) <= PHONE[0]
    phone.page.get_by_role("button", name="Face 2: Eileen Collins").tap()
    expect(phone.findings.nth(1)).to_be_in_viewport()
    assert phone.violations() == []
