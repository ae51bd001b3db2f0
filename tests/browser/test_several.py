"""Several photographs at once, samples, a person from files, results to keep; one audit row a page of pictures."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, FilePayload, expect

from tests.browser import pictures
from tests.browser.conftest import ADMIN
from tests.browser.console import PHONE, Console, tab
from tests.browser.test_gallery import stock


def files(*named: tuple[str, bytes]) -> list[FilePayload]:
    return [FilePayload(name=name, mimeType="image/jpeg", buffer=data) for name, data in named]


def test_several_photographs_each_with_its_answer(console: Console) -> None:
    console.open()
    given = files(("both.jpg", pictures.both()), ("none.jpg", pictures.rocket()), ("grace.jpg", pictures.grace()))
    console.page.locator("main input[type=file]").set_input_files(given)
    strip = console.page.get_by_role("list", name="Photographs").get_by_role("button")
    expect(strip).to_have_text([re.compile("both.jpg.*2 of 2 known"), re.compile("none.jpg"), re.compile("1 of 1")])
    expect(console.findings).to_have_count(2)
    # Left to right, as they stand in the picture.
    expect(console.findings.get_by_role("heading")).to_have_text(["Grace Hopper", "Eileen Collins"])
    strip.nth(2).click()
    expect(console.findings.get_by_role("heading")).to_have_text("Grace Hopper")
    expect(strip.nth(2)).to_be_focused()
    strip.nth(1).click()
    expect(console.page.get_by_role("alert")).to_contain_text("face")
    assert console.asked.count("POST /v1/search") == 3


def test_a_row_opens_on_who_else_is_alike(console: Console, api: httpx.Client) -> None:
    stock(api, "alike", ("Grace.jpg", pictures.grace()), ("Grace.jpg", pictures.sideways()), ("Twin", pictures.dark()))
    console.open(collection="alike")
    console.photograph(pictures.both())
    row = console.findings.first
    fold = row.get_by_role("button", name="Details of face 1")
    expect(fold).to_have_attribute("aria-expanded", "false")
    assert row.locator(".more").is_hidden()
    fold.click()
    others = row.get_by_role("list", name="Other people who are alike").get_by_role("listitem")
    # Grace has two faces and is one person; the best of them stands above.
    expect(others).to_have_count(1)
    expect(others).to_contain_text("Twin")


def test_a_sample_is_tried_and_its_result_kept(console: Console, tmp_path: Path) -> None:
    console.open()
    console.button("Eileen Collins").click()
    expect(console.findings.get_by_role("heading")).to_have_text("Eileen Collins")
    console.button("Save or share the result…").click()
    expect(console.page.get_by_label("The command")).to_have_text(
        re.compile(
            r"^curl --data-binary @'astronaut.png' .*'http://[^']+/v1/search\?collection=kenspeckle&all_faces=true"
        )
    )
    with console.page.expect_download() as download:
        console.button("Save the picture with names").click()
    download.value.save_as(tmp_path / "picture.jpg")
    assert Image.open(tmp_path / "picture.jpg").size == Image.open(io.BytesIO(pictures.eileen())).size
    console.button("Save or share the result…").click()
    with console.page.expect_download() as download:
        console.button("Save the answer (JSON)").click()
    download.value.save_as(tmp_path / "answer.json")
    assert json.loads((tmp_path / "answer.json").read_text("utf-8"))["matchedFaces"] == ["Eileen Collins"]


def test_a_person_is_added_from_several_files(console: Console, api: httpx.Client) -> None:
    api.put("/v1/collections/adding")
    console.open(collection="adding")
    console.button("Add a person from photographs").click()
    given = files(("one.jpg", pictures.grace()), ("two.jpg", pictures.sideways()), ("rocket.jpg", pictures.rocket()))
    console.dialog.locator("input[type=file]").set_input_files(given)
    console.dialog.get_by_label("Name").fill("Grace Hopper")
    console.button("Store 3 photographs").click()
    lines = console.dialog.get_by_role("list", name="Photographs").get_by_role("listitem")
    expect(lines).to_have_text(["one.jpg stored", "two.jpg stored", re.compile("no face")])
    console.button("Done").click()
    expect(console.page.locator(".toast")).to_have_text("2 faces stored as Grace Hopper")
    assert [one["ExternalImageId"] for one in api.get("/v1/collections/adding/faces").json()["Faces"]] == [
        "Grace-Hopper"
    ] * 2


def test_a_page_of_pictures_is_one_row_of_the_trail(signed_out: Console, locked: httpx.Client) -> None:
    locked.put("/v1/collections/rows")
    for at in range(3):
        photograph = pictures.crowd(8, 2, 1 - at / 10)
        locked.put(f"/v1/index/c{at}?collection=rows&max_faces=100&quality=NONE", content=photograph)
    console = signed_out.open("gallery")
    console.sign_in(ADMIN)
    console.page.get_by_label("Collection", exact=True).select_option("rows")
    last = console.page.locator(".grid img").last
    last.scroll_into_view_if_needed()
    console.page.wait_for_function("() => document.querySelector('.grid li:last-child img').naturalWidth > 0")
    rows = locked.get("/v1/audit", params={"collection": "rows", "operation": "GetThumbnails"}).json()["rows"]
    assert len(rows) == 1
    assert rows[0]["face_count"] > 40


def test_a_key_that_may_not_read_asks_for_no_picture(signed_out: Console, locked: httpx.Client) -> None:
    key = locked.post("/v1/keys", json={"name": "finds only", "scopes": ["search"]}).json()["api_key"]
    console = signed_out.open()
    console.sign_in(key)
    console.photograph(pictures.grace())
    expect(console.findings.get_by_role("heading")).to_have_text("Grace Hopper")
    expect(console.findings.get_by_role("img", name="Stored face of Grace Hopper (no picture)")).to_be_visible()
    assert not [one for one in console.asked if "thumbnail" in one or "images" in one or "audit" in one]


def test_names_without_room_stand_below_on_a_phone(browser: Browser, server: str) -> None:
    with tab(browser, server, PHONE) as console:
        console.open()
        console.photograph(pictures.crowd())
        expect(console.findings).to_have_count(40)
        console.button("Details of face 1").click()
        console.button("Name or add this face").first.click()
        expect(console.page.locator(".legend")).to_contain_text("Grace Hopper")
        assert console.page.evaluate("() => document.documentElement.scrollWidth") == PHONE[0]
