"""Recognizing in the browser: from an opened page to names, the slider, naming faces, what is refused."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from kenspeckle.domain import similarity
from tests.browser import pictures
from tests.browser.console import Console


def test_from_an_opened_page_to_a_recognized_face(console: Console) -> None:
    console.open()
    with console.page.expect_file_chooser() as chooser:
        console.button("Choose photographs").click()
    chooser.value.set_files({"name": "who.jpg", "mimeType": "image/jpeg", "buffer": pictures.sideways()})

    finding = console.findings
    expect(finding).to_have_count(1)
    expect(finding.get_by_role("heading")).to_have_text("Grace Hopper")
    expect(finding.locator(".similarity")).to_have_text(re.compile(r"9\d\.\d|100\.0"))
    expect(finding.locator(".tier")).to_have_text("sure")
    box = console.page.get_by_role("button", name=re.compile(r"Face 1: Grace Hopper, "))
    expect(box).to_be_visible()
    expect(console.page.locator(".landmarks i")).to_have_count(5)
    # The stored face is there as a picture, beside the one that was cut out of the photograph.
    stored = finding.get_by_role("img", name="Stored face of Grace Hopper")
    expect(stored).to_have_js_property("complete", True)
    console.page.wait_for_function("one => one.naturalWidth > 60", arg=stored.element_handle())
    expect(finding.get_by_role("img", name="Face 1 in the photograph")).to_be_visible()
    # The phone's photograph stands upright, and the box is on the face: in the upper half, about the middle.
    canvas, face = console.page.locator(".photo canvas").bounding_box(), box.bounding_box()
    assert canvas is not None
    assert face is not None
    assert canvas["height"] > canvas["width"]
    assert 0.3 < (face["x"] - canvas["x"]) / canvas["width"] < 0.4
    assert 0.1 < (face["y"] - canvas["y"]) / canvas["height"] < 0.25
    finding.get_by_text("Quality").click()
    expect(finding.get_by_text("Sharpness")).to_be_visible()


def test_words_and_rates_are_those_of_the_command_line(console: Console) -> None:
    console.open()
    asked = [0, 79.9, 80, 85, 89.99, 90, 93, 95, 98.99, 99, 100]
    said = console.page.evaluate(
        """values => import("/console/similarity.js").then(
             ({ tier, falseMatchRate }) => values.map((one) => [tier(one), falseMatchRate(one)]))""",
        asked,
    )
    for value, (word, rate) in zip(asked, said, strict=True):
        assert word == similarity.tier(value)
        assert rate == pytest.approx(similarity.false_match_rate(value))


def test_the_slider_chooses_from_one_answer(console: Console) -> None:
    console.open()
    console.photograph(pictures.both())
    expect(console.findings).to_have_count(2)
    expect(console.summary).to_have_text("2 of 2 faces recognized at 80.")
    expect(console.page.get_by_text("1 in 1,000 pairs of strangers passes.")).to_be_visible()
    slider = console.page.get_by_role("slider", name="Threshold")
    console.button("Threshold 90: 1 in 10,000").click()
    expect(slider).to_have_value("90")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("1 in 10,000"))
    # Halfway between two knots lies their geometric mean.
    slider.fill("85")
    expect(console.page.locator(".explained")).to_contain_text("1 in 3,200 pairs")
    slider.fill("100")
    expect(console.summary).to_have_text("0 of 2 faces recognized at 100.")
    expect(console.findings.first).to_contain_text("Nearest, below the threshold")
    expect(console.page.locator(".box[data-verdict=unknown]")).to_have_count(2)
    slider.fill("50")
    expect(console.page.locator(".box[data-verdict=known]")).to_have_count(2)
    assert console.asked.count("POST /v1/search") == 1


def test_a_face_gets_a_name_and_is_known_from_then_on(console: Console, api: httpx.Client) -> None:
    api.put("/v1/collections/naming")
    console.open(collection="naming")
    expect(console.page.get_by_text("Nobody is known here yet.")).to_be_visible()
    console.photograph(pictures.grace())
    expect(console.findings.get_by_role("heading")).to_have_text("Nobody known")
    name = console.page.get_by_label("Who is this?")
    console.button("Save").click()
    expect(console.page.get_by_text("A name is needed.")).to_be_visible()
    name.fill("Grâce Hopper")
    name.press("Enter")
    expect(console.findings.get_by_role("heading")).to_have_text("Grâce Hopper")
    # The name is kept as it was typed; what it is stored as follows the rule of identities.
    faces = api.get("/v1/collections/naming/faces").json()["Faces"]
    assert [face["ExternalImageId"] for face in faces] == ["Grace-Hopper"]
    assert api.get("/v1/images/Grace-Hopper?collection=naming").content == pictures.grace()
    # Whoever is named so again is the same person, and a name without a letter of the rule is taken as well.
    console.photograph_again(pictures.sideways())
    console.button("Name or add this face").click()
    name.fill("grâce hopper")
    name.press("Enter")
    expect(console.page.locator(".toast")).to_contain_text("1 face stored as grâce hopper")
    console.photograph_again(pictures.eileen())
    name.fill("אילין <b>")
    name.press("Enter")
    expect(console.findings.get_by_role("heading")).to_have_text("אילין <b>")
    found = api.get("/v1/collections/naming/people").json()["people"]
    assert [(one["name"], one["face_count"]) for one in found] == [("Grâce Hopper", 2), ("אילין <b>", 1)]


def test_of_several_faces_only_the_named_one_is_stored(console: Console, api: httpx.Client) -> None:
    api.put("/v1/collections/single")
    console.open(collection="single")
    console.photograph(pictures.both())
    second = console.findings.nth(1)
    second.get_by_label("Who is this?").fill("Eileen")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("heading")).to_have_text("Eileen")
    expect(console.findings.first.get_by_role("heading")).to_have_text("Nobody known")

    def names(photograph: bytes) -> list[str]:
        found: list[str] = api.put("/v1/search?collection=single", content=photograph).json()["matchedFaces"]
        return found

    assert len(api.get("/v1/collections/single/faces").json()["Faces"]) == 1
    assert names(pictures.eileen()) == ["Eileen"]
    assert names(pictures.grace()) == []


def test_refused_faces_are_told_with_their_reasons(console: Console, api: httpx.Client) -> None:
    api.put("/v1/collections/refusals")
    console.open(collection="refusals")
    console.photograph(pictures.dark())
    console.page.get_by_label("Who is this?").fill("too-dark")
    console.page.get_by_text("Options").click()
    console.page.get_by_label("Quality bar").select_option("HIGH")
    console.button("Save").click()
    notice = console.page.get_by_role("alert")
    expect(notice).to_contain_text("Nothing was stored")
    expect(notice).to_contain_text("Too dark.")
    expect(console.page.get_by_label("Who is this?")).to_have_value("too-dark")
    assert api.get("/v1/collections/refusals/faces").json()["Faces"] == []


def test_forty_faces(console: Console) -> None:
    console.open()
    console.photograph(pictures.crowd())
    expect(console.findings).to_have_count(40)
    expect(console.page.locator(".box")).to_have_count(40)
    expect(console.summary).to_have_text(re.compile(r"^\d+ of 40 faces recognized"))
    # A box is one stop of the keyboard for all; the arrows walk on, and Enter goes to the face in the list.
    boxes = console.page.locator(".box")
    assert boxes.evaluate_all("all => all.filter((one) => one.tabIndex === 0).length") == 1
    boxes.first.focus()
    console.page.keyboard.press("ArrowRight")
    expect(boxes.nth(1)).to_be_focused()
    console.page.keyboard.press("Enter")
    expect(console.findings.nth(1)).to_be_focused()
    expect(console.findings.nth(1)).to_be_in_viewport()


def test_photograph_and_answer_are_there_on_the_way_back(console: Console) -> None:
    console.open()
    console.photograph(pictures.grace())
    expect(console.findings).to_have_count(1)
    console.open("health")
    expect(console.heading("Health")).to_be_focused()
    console.open()
    expect(console.findings.get_by_role("heading")).to_have_text("Grace Hopper")
    console.button("Another photograph").click()
    expect(console.button("Choose photographs")).to_be_focused()
    expect(console.findings).to_have_count(0)
