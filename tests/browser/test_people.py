"""Users and comparison in the browser."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import expect

from tests.browser import pictures
from tests.browser.console import Console
from tests.browser.test_gallery import stock


def test_a_user_gets_faces_is_found_and_goes(console: Console, api: httpx.Client) -> None:
    stock(
        api, "crew", ("Grace-one", pictures.grace()), ("Grace-two", pictures.sideways()), ("Eileen", pictures.eileen())
    )
    place = "/v1/collections/crew/users/grace"
    console.open("users", "crew")
    expect(console.page.get_by_text("No users yet")).to_be_visible()
    console.button("New user").click()
    console.dialog.get_by_label("Name").fill("grace")
    console.button("Make it").click()
    expect(console.heading("grace")).to_be_visible()
    console.button("Add faces").click()
    console.dialog.get_by_label("Choose the face of Grace one").check()
    console.dialog.get_by_label("Choose the face of Grace two").check()
    console.button("Add").click()
    expect(console.page.locator(".grid > li")).to_have_count(2)

    # A face that is not like those it has is refused by name and reason.
    console.button("Add faces").click()
    console.dialog.get_by_label("Choose the face of Eileen").check()
    console.button("Add").click()
    expect(console.page.locator(".toast")).to_contain_text("1 face refused: Not like the faces that this user has.")

    console.page.get_by_label("Choose the face of Grace two").check()
    console.button("Take 1 face away").click()
    expect(console.page.locator(".grid > li")).to_have_count(1)
    assert api.get(place).json()["FaceCount"] == 1

    console.open("users")
    console.button("Find by photograph").click()
    console.dialog.locator("input[type=file]").set_input_files(
        {"name": "who.jpg", "mimeType": "image/jpeg", "buffer": pictures.grace()}
    )
    found = console.dialog.get_by_role("list", name="Users")
    expect(found).to_have_text(re.compile(r"grace\s*(9\d\.\d|100\.0)"))
    found.get_by_role("link", name="grace").click()
    expect(console.heading("grace")).to_be_visible()

    console.button("Delete…").click()
    console.dialog.get_by_label("Erase its faces and their photographs too").check()
    console.dialog.get_by_role("button", name="Delete").click()
    expect(console.dialog).to_contain_text("1 face is gone.")
    console.page.keyboard.press("Escape")
    expect(console.page.get_by_text("No users yet")).to_be_visible()
    assert len(api.get("/v1/collections/crew/faces").json()["Faces"]) == 2


def test_a_face_is_given_to_a_user_on_its_page(console: Console, api: httpx.Client) -> None:
    stock(api, "giving", ("Grace", pictures.grace()))
    console.open("gallery", "giving")
    console.page.get_by_role("link", name="Grace").click()
    console.page.locator("summary", has_text="Users").click()
    console.page.get_by_label("Give it to a user").fill("admiral")
    console.button("Give").click()
    expect(console.page.get_by_text("Belongs to the user admiral.")).to_be_visible()
    console.button("This face…").click()
    console.button("Delete the face").click()
    expect(console.dialog.get_by_role("alert")).to_contain_text("Take it from the user first")
    console.button("Keep").click()
    console.page.get_by_role("link", name="admiral", exact=True).click()
    expect(console.page.locator(".grid > li")).to_have_count(1)


def test_two_photographs_are_compared(console: Console) -> None:
    console.open("compare")
    console.photograph(pictures.grace(), at=0)
    expect(console.page.locator(".photo canvas")).to_have_count(1)
    console.photograph(pictures.both(), at=0)
    verdict = console.page.locator(".verdict")
    expect(verdict.get_by_role("heading")).to_have_text("Alike enough for your threshold")
    expect(verdict.locator(".similarity")).to_have_text(re.compile(r"9\d\.\d|100\.0"))
    expect(console.summary).to_have_text("1 of 2 faces pass at 80.")
    expect(console.page.locator(".box[data-verdict=known]")).to_have_count(2)  # the one that is sought, and where it is
    slider = console.page.get_by_role("slider")
    slider.press("ArrowRight")
    expect(slider).to_be_focused()
    expect(console.page.locator(".reading")).to_have_text("80.5")
    slider.fill("100")
    expect(verdict.get_by_role("heading")).to_have_text("Not alike enough for your threshold")
    expect(console.summary).to_have_text("0 of 2 faces pass at 100.")
    assert console.asked.count("POST /v1/compare") == 1

    # A photograph without a face is said to have none, and the other one stays.
    console.button("Another photograph").nth(1).click()
    console.photograph(pictures.rocket(), at=0)
    expect(console.page.get_by_role("alert")).to_contain_text("There are no faces in the target image.")
    expect(console.page.locator(".photo canvas")).to_have_count(2)
    expect(console.summary).to_have_count(0)
