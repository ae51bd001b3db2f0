"""Every flow with nothing but the keyboard: there is a way to all that is needed, and the focus is never lost."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import expect

from tests.browser import pictures
from tests.browser.conftest import ADMIN
from tests.browser.console import Console
from tests.browser.test_gallery import stock
from tests.webhooks.conftest import receiving


def use(console: Console, collection: str) -> None:
    """Work in that collection."""
    choice = console.page.get_by_role("combobox", name="Collection")
    console.tab_to(choice)
    console.page.keyboard.type(collection)
    expect(choice).to_have_value(collection)
    expect(choice).to_be_focused()


def go(console: Console, view: str) -> None:
    """Follow a link of the navigation, from wherever the focus is."""
    console.press_on(view, "link", "Shift+Tab")
    expect(console.page.get_by_role("heading", level=1)).to_be_focused()


def choose(console: Console, photograph: bytes, words: str = "Choose a photograph") -> None:
    with console.page.expect_file_chooser() as chooser:
        console.press_on(words)
    chooser.value.set_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photograph})


def test_from_photograph_to_deletion(console: Console, api: httpx.Client) -> None:
    api.put("/v1/collections/keyboard")
    console.open()
    page, press = console.page, console.page.keyboard.press
    expect(console.button("Choose photographs")).to_be_visible()
    use(console, "keyboard")
    choose(console, pictures.grace(), "Choose photographs")
    expect(console.findings).to_have_count(1)
    expect(page.get_by_role("button", name="Face 1: nobody known")).to_be_focused()
    console.tab_to(page.get_by_role("slider", name="Threshold"))
    press("ArrowRight")
    expect(page.locator(".reading")).to_have_text("80.5")
    console.tab_to(page.get_by_label("Who is this?"))
    page.keyboard.type("by-keyboard")
    press("Enter")
    expect(console.findings.get_by_role("heading")).to_have_text("by-keyboard")
    expect(console.findings).to_be_focused()

    go(console, "People")
    go(console, "Faces")
    console.tab_to(page.get_by_role("checkbox", name="Choose the face of By keyboard"))
    press("Space")
    console.press_on("Delete…", key="Shift+Tab")
    expect(console.button("Keep")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(console.button("Save the receipt")).to_be_focused()
    press("Escape")
    expect(page.get_by_text("No faces yet")).to_be_visible()
    expect(console.focused).to_be_visible()
    assert api.get("/v1/collections/keyboard/faces").json()["Faces"] == []


def test_the_link_to_the_content_leads_there(console: Console) -> None:
    console.open("compare")
    expect(console.heading("Is it the same person?")).to_be_visible()
    console.page.keyboard.press("Tab")
    expect(console.page.get_by_role("link", name="Skip to content")).to_be_focused()
    console.page.keyboard.press("Enter")
    expect(console.page.locator("main")).to_be_focused()
    expect(console.heading("Is it the same person?")).to_be_visible()
    console.page.keyboard.press("Tab")
    expect(console.button("Choose a photograph").first).to_be_focused()
    # Where one is can be seen in either theme.
    for theme in ("light", "dark"):
        console.page.emulate_media(color_scheme=theme)
        assert console.focused.evaluate("one => getComputedStyle(one).outline").endswith("solid 3px")


def test_comparing_two_photographs(console: Console) -> None:
    console.open()
    go(console, "Compare")
    choose(console, pictures.grace())
    expect(console.page.locator(".photo canvas")).to_have_count(1)
    # The next thing to do is where the focus went.
    expect(console.button("Choose a photograph")).to_be_focused()
    with console.page.expect_file_chooser() as chooser:
        console.page.keyboard.press("Enter")
    chooser.value.set_files({"name": "b.jpg", "mimeType": "image/jpeg", "buffer": pictures.both()})
    expect(console.summary).to_have_text("1 of 2 faces pass at 80.")
    expect(console.focused).to_be_visible()
    console.tab_to(console.page.get_by_role("slider"))
    console.page.keyboard.press("End")
    expect(console.summary).to_have_text("0 of 2 faces pass at 100.")
    console.press_on("Threshold 90: 1 in 10,000")
    expect(console.summary).to_have_text("1 of 2 faces pass at 90.")
    console.press_on("Another photograph", key="Shift+Tab")
    expect(console.button("Choose a photograph")).to_be_focused()


def test_collections_and_their_faces(console: Console, api: httpx.Client) -> None:
    stock(api, "turned", ("crowd", pictures.crowd(10, 5)))
    console.open("collections")
    page, press = console.page, console.page.keyboard.press
    console.press_on("New collection")
    page.keyboard.type("by-hand")
    press("Enter")
    expect(page.get_by_role("link", name="by-hand")).to_be_visible()
    expect(console.button("New collection")).to_be_focused()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="by-hand"))
    console.tab_to(card.get_by_role("button", name="Retention…"))
    press("Enter")
    page.keyboard.type("30")
    press("Enter")
    expect(card).to_contain_text("erased after 30 days")
    expect(card.get_by_role("button", name="Retention…")).to_be_focused()
    console.tab_to(card.get_by_role("button", name="Erase…"))
    press("Enter")
    console.tab_to(console.dialog.get_by_role("textbox"), "Shift+Tab")
    page.keyboard.type("by-hand")
    press("Enter")
    expect(console.dialog).to_contain_text("0 faces are gone.")
    press("Escape")
    expect(card).to_have_count(0)
    expect(console.focused).to_be_visible()

    console.tab_to(page.get_by_role("link", name="turned"))
    press("Enter")
    expect(console.heading("Faces")).to_be_focused()
    console.press_on("Next", key="Shift+Tab")
    expect(console.button("Previous")).to_be_focused()
    press("Enter")
    expect(console.button("Next")).to_be_focused()
    console.tab_to(page.get_by_role("searchbox"))
    page.keyboard.type("no such")
    expect(page.get_by_text("Nobody by that name")).to_be_visible()
    for _ in "no such":
        press("Backspace")
    expect(page.get_by_text("Page 1")).to_be_visible()
    console.tab_to(page.locator(".tile").first)
    press("Enter")
    expect(console.heading("Crowd")).to_be_visible()
    console.press_on("Faces", "link", "Shift+Tab")
    expect(console.heading("Faces")).to_be_focused()


def test_users_and_their_faces(console: Console, api: httpx.Client) -> None:
    stock(api, "typing", ("Grace-one", pictures.grace()), ("Grace-two", pictures.sideways()))
    console.open()
    page, press = console.page, console.page.keyboard.press
    expect(console.button("Choose photographs")).to_be_visible()
    use(console, "typing")
    go(console, "People")
    go(console, "Users")
    console.press_on("New user")
    page.keyboard.type("grace")
    press("Enter")
    expect(console.heading("grace")).to_be_focused()
    console.press_on("Add faces")
    expect(console.dialog.get_by_role("searchbox")).to_be_focused()
    for name in ("one", "two"):
        console.tab_to(console.dialog.get_by_label(f"Choose the face of Grace {name}"))
        press("Space")
    console.press_on("Add")
    expect(page.locator(".grid > li")).to_have_count(2)
    expect(console.button("Add faces")).to_be_focused()
    console.tab_to(page.get_by_label("Choose the face of Grace two"))
    press("Space")
    console.press_on("Take 1 face away", key="Shift+Tab")
    expect(page.locator(".grid > li")).to_have_count(1)
    expect(console.button("Add faces")).to_be_focused()
    console.press_on("Look")
    expect(page.get_by_text("No other user is like this one.")).to_be_visible()
    expect(console.button("Look")).to_be_focused()

    go(console, "Users")
    console.press_on("Find by photograph")
    choose(console, pictures.grace())
    expect(console.dialog.get_by_role("list", name="Users")).to_have_text(re.compile("grace"))
    console.tab_to(console.dialog.get_by_role("link", name="grace"))
    press("Enter")
    expect(console.heading("grace")).to_be_visible()
    console.press_on("Delete…")
    press("Tab")
    press("Enter")
    expect(page.get_by_text("No users yet")).to_be_visible()
    expect(console.focused).to_be_visible()
    assert len(api.get("/v1/collections/typing/faces").json()["Faces"]) == 2


def test_signing_in_keys_audit_and_health(signed_out: Console) -> None:
    console = signed_out.open()
    page, press = console.page, console.page.keyboard.press
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    page.keyboard.type(ADMIN)
    press("Enter")
    expect(console.heading("Who is this?")).to_be_focused()
    go(console, "Admin")
    console.press_on("New key")
    page.keyboard.type("typed")
    press("Enter")
    secret = page.get_by_label("The key", exact=True)
    first = secret.inner_text()
    # The dialog holds the focus: all of its stops, and nothing behind it.
    for _ in range(6):
        press("Tab")
        assert page.evaluate("() => document.activeElement.matches('body, dialog *')")
    console.press_on("Copy the key")
    expect(console.dialog.locator(".toast")).to_have_text("Copied.")
    console.press_on("I have kept it")
    expect(page.get_by_role("row").filter(has_text="typed")).to_be_visible()
    expect(console.button("New key")).to_be_focused()
    console.press_on("Rotate typed")
    expect(console.button("Keep")).to_be_focused()
    press("Escape")
    expect(console.button("Rotate typed")).to_be_focused()
    old = page.get_by_role("row").filter(has_text="typed").locator("code").inner_text()
    press("Enter")
    press("Tab")
    press("Enter")
    expect(secret).not_to_have_text(first)
    console.press_on("I have kept it")
    expect(page.get_by_text(old)).to_have_count(0)
    expect(console.button("Rotate typed")).to_be_focused()
    console.press_on("Revoke typed")
    press("Tab")
    press("Enter")
    expect(console.button("Revoke typed")).to_have_count(0)
    expect(console.focused).to_be_visible()

    go(console, "Audit")
    console.tab_to(page.get_by_label("Operation"))
    page.keyboard.type("TestW")
    expect(page.get_by_label("Operation")).to_have_value("TestWebhook")
    console.press_on("Show all")
    expect(page.get_by_role("row").nth(2)).to_be_visible()
    expect(console.button("Show all")).to_be_focused()
    console.tab_to(page.locator("summary").first)
    press("Enter")
    expect(page.get_by_text("127.0.0.1").first).to_be_visible()

    go(console, "Health")
    console.tab_to(page.get_by_role("region", name="Routes"))
    expect(page.get_by_role("region", name="Routes")).to_contain_text("/v1/keys")
    console.press_on("Sign out", key="Shift+Tab")
    expect(page.get_by_label("Key", exact=True)).to_be_focused()


def test_webhooks(signed_out: Console) -> None:
    with receiving() as receiver:
        console = signed_out.open("webhooks")
        page, press = console.page, console.page.keyboard.press
        expect(page.get_by_label("Key", exact=True)).to_be_focused()
        page.keyboard.type(ADMIN)
        press("Enter")
        expect(console.heading("Webhooks")).to_be_focused()
        console.press_on("New endpoint")
        page.keyboard.type(receiver.url("/typed"))
        press("Enter")
        console.press_on("I have kept it")
        expect(console.button("Send a test")).to_be_visible()
        expect(console.button("New endpoint")).to_be_focused()
        console.press_on("Send a test")
        expect(page.locator(".toast")).to_contain_text("It arrived")
        expect(console.button("Send a test")).to_be_focused()
        console.press_on("Messages", key="Shift+Tab")
        expect(page.get_by_role("heading", name="Messages to")).to_be_focused()
        console.press_on("Disable", key="Shift+Tab")
        expect(console.button("Enable")).to_be_focused()
        console.press_on("Delete…")
        press("Tab")
        press("Enter")
        expect(page.get_by_text("No webhooks yet")).to_be_visible()
        expect(console.focused).to_be_visible()
