"""The gallery in the browser: pages, search, people, one face, and deletion that asks and gives a receipt."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from kenspeckle.usecases.audit.receipts import verify_receipt
from tests.browser import pictures
from tests.browser.console import Console


def stock(api: httpx.Client, collection: str, *named: tuple[str, bytes]) -> None:
    """A collection with these photographs."""
    assert api.put(f"/v1/collections/{collection}").status_code == 201
    for name, photograph in named:
        query: dict[str, str | int] = {"collection": collection, "max_faces": 100, "quality": "NONE"}
        answer = api.put(
            f"/v1/index/{name}", content=photograph, params=query, headers={"x-amz-meta-note": "<b>hi</b>"}
        )
        assert answer.json()["FaceRecords"], answer.text


@pytest.fixture
def two(api: httpx.Client, request: pytest.FixtureRequest) -> str:
    """A collection of the two people, of the test's own."""
    name = request.node.name[:60]
    stock(api, name, ("Grace-Hopper.jpg", pictures.grace()), ("Eileen-Collins.png", pictures.eileen()))
    return str(name)


def test_pages_searches_and_people(console: Console, api: httpx.Client) -> None:
    stock(api, "many", ("crowd-one", pictures.crowd()), ("crowd-two", pictures.crowd(shade=0.9)))
    stored = len(api.get("/v1/collections/many/faces?limit=1000").json()["Faces"])
    assert stored > 70
    console.open("gallery", "many")
    tiles = console.page.locator(".grid > li")
    expect(console.page.get_by_text(f"{stored} faces, 0 users.")).to_be_visible()
    expect(tiles).to_have_count(48)
    console.page.wait_for_function("() => document.querySelector('.grid img').naturalWidth > 0")
    console.button("Next").click()
    expect(console.page.get_by_text("Page 2")).to_be_visible()
    expect(tiles).to_have_count(stored - 48)
    expect(console.button("Next")).to_be_disabled()
    expect(console.button("Previous")).to_be_focused()
    console.button("Previous").press("Enter")
    expect(console.button("Next")).to_be_focused()
    expect(tiles).to_have_count(48)
    # Pictures that left the view are let go of.
    console.page.wait_for_function("() => urls.size <= 48")

    search = console.page.get_by_role("searchbox", name="Search by name")
    search.fill("nobody such")
    expect(tiles).to_have_count(0)
    expect(console.page.get_by_text("Nobody by that name")).to_be_visible()
    search.fill("crowd TWO")
    expect(tiles.first).to_contain_text("Crowd two")
    expect(console.page.get_by_text(f"Looked through {stored} faces.")).to_be_visible()


def test_one_face_with_its_photograph(console: Console, api: httpx.Client, two: str) -> None:
    console.open("gallery", two)
    console.page.get_by_role("link", name="Grace Hopper").click()
    expect(console.heading("Grace Hopper")).to_be_visible()
    photograph = console.page.get_by_role("img", name="Photograph of Grace Hopper")
    expect(photograph).to_be_visible()
    expect(console.page.locator(".photo .box")).to_be_visible()
    # What its sender wrote is text, whatever it looks like.
    expect(console.page.get_by_text("<b>hi</b>")).to_be_visible()
    # Strangers read as nothing.
    expect(console.page.get_by_text("No other face reaches a similarity of 50.")).to_be_visible()
    console.page.go_back()
    expect(console.page.locator(".grid > li")).to_have_count(2)

    again = api.put("/v1/index/Admiral", content=pictures.sideways(), params={"collection": two})
    assert again.json()["FaceRecords"], again.text
    console.page.get_by_role("link", name="Grace Hopper").click()
    expect(console.page.get_by_label("Faces like this one").get_by_role("link")).to_have_text(re.compile("Admiral"))


def test_each_face_with_its_own_photograph(console: Console, api: httpx.Client) -> None:
    """Two photographs under one name: the box belongs on the one that the face was found in, not on the newest."""
    stock(api, "newer", ("Grace", pictures.grace()), ("Grace", pictures.both()))
    first = api.get("/v1/collections/newer/faces?limit=1000").json()["Faces"][0]["FaceId"]
    console.open(f"face/newer/{first}")
    photograph = console.page.get_by_role("img", name="Photograph of Grace")
    expect(photograph).to_be_visible()
    sizes = photograph.evaluate("one => [one.naturalWidth, one.naturalHeight]")
    assert tuple(sizes) == pictures.picture(pictures.grace()).size
    expect(console.page.locator(".photo .box")).to_be_visible()


def test_deletion_asks_and_gives_a_receipt(console: Console, api: httpx.Client, two: str, tmp_path: Path) -> None:
    console.open("gallery", two)
    console.page.get_by_label("Choose the face of Grace Hopper").check()
    console.button("Delete…").click()
    expect(console.dialog).to_contain_text("Delete 1 face?")
    expect(console.dialog.get_by_text("Grace Hopper")).to_be_visible()
    expect(console.button("Keep")).to_be_focused()
    console.button("Keep").click()
    expect(console.dialog).to_have_count(0)
    assert len(api.get(f"/v1/collections/{two}/faces").json()["Faces"]) == 2

    console.button("Delete…").click()
    console.button("Delete 1 face").click()
    expect(console.dialog).to_contain_text("1 face is gone.")
    with console.page.expect_download() as download:
        console.button("Save the receipt").click()
    download.value.save_as(tmp_path / "receipt.json")
    receipt = json.loads((tmp_path / "receipt.json").read_text("utf-8"))
    key = api.get("/v1/info").json()["receipts"]["public_key"]
    assert verify_receipt(receipt, key)["face_count"] == 1
    console.page.keyboard.press("Escape")
    expect(console.page.locator(".grid > li")).to_have_count(1)
    faces = api.get(f"/v1/collections/{two}/faces").json()["Faces"]
    assert [face["ExternalImageId"] for face in faces] == ["Eileen-Collins.png"]


def test_a_person_is_erased(console: Console, api: httpx.Client, two: str) -> None:
    console.open("gallery", two)
    console.page.get_by_role("link", name="Grace Hopper").click()
    console.button("The whole person…").click()
    expect(console.dialog).to_contain_text("Everything of Grace Hopper")
    console.dialog.get_by_role("button", name="Erase").click()
    expect(console.dialog).to_contain_text("1 face is gone.")
    console.page.keyboard.press("Escape")
    expect(console.heading("People")).to_be_visible()
    expect(console.page.locator(".grid > li")).to_have_count(1)
    assert api.put(f"/v1/search?collection={two}", content=pictures.grace()).json()["matchedFaces"] == []


def test_collections_are_made_and_erased(console: Console, api: httpx.Client) -> None:
    console.open("collections")
    console.button("New collection").click()
    console.dialog.get_by_label("Name").fill("front:desk")
    console.button("Make it").click()
    expect(console.dialog.get_by_text("“:” can't be in a name")).to_be_visible()
    console.dialog.get_by_label("Name").fill("front-desk")
    console.button("Make it").click()
    expect(console.dialog).to_have_count(0)
    card = console.page.get_by_role("listitem").filter(has=console.page.get_by_role("link", name="front-desk"))
    expect(card).to_contain_text("Faces are kept indefinitely.")
    expect(console.page.get_by_label("Collection", exact=True)).to_have_value("front-desk")

    card.get_by_role("button", name="Retention…").click()
    console.dialog.get_by_label("Days").fill("30")
    console.button("Save").click()
    expect(card).to_contain_text("erased after 30 days")
    assert api.get("/v1/collections/front-desk").json()["RetentionDays"] == 30

    card.get_by_role("button", name="Erase…").click()
    erase = console.dialog.get_by_role("button", name="Erase")
    expect(erase).to_be_disabled()
    console.dialog.get_by_role("textbox").fill("front-desk")
    erase.click()
    expect(console.dialog).to_contain_text("0 faces are gone.")
    console.page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    assert api.get("/v1/collections/front-desk").status_code == 404


def test_a_collection_comes_to_another_pack(console: Console, api: httpx.Client) -> None:
    api.post("/v1/collections", json={"id": "upgraded", "pack": "centerface-dlib"})
    api.put("/v1/index/Grace.jpg?collection=upgraded", content=pictures.grace())
    console.open("collections")
    card = console.page.get_by_role("listitem").filter(has=console.page.get_by_role("link", name="upgraded"))
    expect(card).to_contain_text("Model pack centerface-dlib.")
    card.get_by_role("button", name="Upgrade…").click()
    console.dialog.get_by_label("Model pack").fill("none")
    console.button("Upgrade").click()
    expect(console.dialog.get_by_role("alert")).to_contain_text("There is no model pack 'none'")
    console.dialog.get_by_label("Model pack").fill("sface")
    console.button("Upgrade").click()
    expect(console.dialog).to_have_count(0)
    expect(card).to_contain_text("Model pack sface.")
    assert api.get("/v1/collections/upgraded").json()["Pack"] == "sface"
    api.delete("/v1/collections/upgraded")
