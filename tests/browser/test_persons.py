"""People in the browser: found by name, renamed, merged and split with a way back, moved, hidden, erased; six tasks."""

from __future__ import annotations

import re
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, Locator, expect

from tests.browser import pictures
from tests.browser.console import Console, tab
from tests.browser.test_accessible import clean
from tests.browser.test_gallery import stock

HEBREW = "\u05d2\u05e8\u05d9\u05d9\u05e1 <img src=x>"


@pytest.fixture
def crew(api: httpx.Client, request: pytest.FixtureRequest) -> str:
    """A collection of the test's own: two photographs of Grace under two names, one of Eileen."""
    name = re.sub(r"\W", "-", request.node.name)[:60]
    photographs = (("Grace", pictures.grace()), ("Grace-again", pictures.sideways()), ("Eileen", pictures.eileen()))
    stock(api, name, *photographs)
    return name


def people(api: httpx.Client, collection: str) -> dict[str, int]:
    found = api.get(f"/v1/collections/{collection}/people").json()["people"]
    return {one["name"]: one["face_count"] for one in found}


def test_people_are_found_renamed_merged_and_split(console: Console, api: httpx.Client, crew: str) -> None:
    console.open("people", crew)
    page, tiles = console.page, console.page.get_by_role("list", name="People").get_by_role("listitem")
    expect(tiles).to_have_count(3)
    page.get_by_role("searchbox", name="Search by name").fill("GRACE")
    expect(tiles).to_have_count(2)
    page.get_by_role("link", name="Grace again").click()
    page.get_by_label("Name", exact=True).fill(HEBREW)
    console.button("Rename").click()
    # Text, whatever it looks like, and its direction does not spill over.
    expect(page.get_by_role("heading", level=1).locator("bdi")).to_have_text(HEBREW)
    expect(page.locator("main img[src=x]")).to_have_count(0)

    console.button("Merge with…").click()
    console.dialog.get_by_role("button", name=re.compile("^.*Grace.*1 face")).click()
    console.dialog.get_by_role("radio", name=re.compile("<img")).check()
    console.button("Merge").click()
    expect(page.get_by_text("2 faces.")).to_be_visible()
    assert people(api, crew) == {"Eileen": 1, HEBREW: 2}
    console.button("Undo").click()
    expect(page.get_by_text("1 face.")).to_be_visible()
    assert people(api, crew) == {"Eileen": 1, "Grace": 1, HEBREW: 1}

    # Together again, by choice of both in the list; then apart.
    console.open("people")
    page.get_by_label("Choose Grace").check()
    page.get_by_label(re.compile("Choose .*img")).check()
    console.button("Merge…").click()
    console.dialog.get_by_role("radio", name=re.compile("of Grace ")).check()
    console.button("Merge").click()
    expect(tiles).to_have_count(2)
    page.get_by_role("link", name="Grace 2 faces").click()
    page.get_by_role("checkbox").last.check()
    console.button("Split into a new person…").click()
    console.dialog.get_by_label("Name of the new person").fill("Somebody else")
    console.button("Split").click()
    expect(page.locator(".done")).to_contain_text("1 face of Somebody else now.")
    assert people(api, crew) == {"Eileen": 1, "Grace": 1, "Somebody else": 1}


def test_two_people_of_one_name_are_told_apart(console: Console, api: httpx.Client, crew: str) -> None:
    """By face and number of faces, and by what each was stored as: on tiles, for who hears the page, in dialogs."""
    for photograph in (pictures.grace(), pictures.eileen()):
        query = {"collection": crew, "name": "Ada King"}
        name = f"ada-{len(photograph)}"
        assert api.put(f"/v1/index/{name}", params=query, content=photograph).status_code == 200
    ids = sorted(f"ada-{len(one)}" for one in (pictures.grace(), pictures.eileen()))
    console.open("people", crew)
    tiles = console.page.get_by_role("list", name="People").get_by_role("listitem").filter(has_text="Ada King")
    expect(tiles).to_have_count(2)
    for identity in ids:
        expect(tiles.filter(has_text=f"1 face · stored as {identity}")).to_have_count(1)
        expect(console.page.get_by_label(f"Choose Ada King, stored as {identity}")).to_have_count(1)
        expect(console.button(f"Erase Ada King, stored as {identity}")).to_have_count(1)
        console.page.get_by_label(f"Choose Ada King, stored as {identity}").check()
    expect(console.page.get_by_role("listitem").filter(has_text="Eileen").filter(has_text="stored as")).to_have_count(0)
    console.button("Merge…").click()
    for identity in ids:
        expect(console.dialog.get_by_role("radio", name=re.compile(identity))).to_have_count(1)
    clean(console)


def test_a_face_is_moved_a_person_hidden_and_erased(console: Console, api: httpx.Client, crew: str) -> None:
    console.open("people", crew)
    page, tiles = console.page, console.page.get_by_role("list", name="People").get_by_role("listitem")
    page.get_by_role("link", name="Grace again").click()
    page.get_by_role("list", name="Photographs").get_by_role("link").click()
    expect(page.get_by_role("img", name="Photograph of Grace again")).to_be_visible()
    console.button("Move this face to…").click()
    console.dialog.get_by_role("searchbox").fill("gra")
    console.dialog.get_by_role("button", name=re.compile("Grace.*1 face")).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Grace")
    assert people(api, crew) == {"Eileen": 1, "Grace": 2}

    console.open("people")
    page.get_by_label("Choose Eileen").check()
    console.button("Hide").click()
    expect(tiles).to_have_count(1)
    page.get_by_label("Show hidden people").check()
    expect(tiles).to_have_count(2)
    expect(tiles.first).to_contain_text("hidden")
    console.button("Erase Grace").click()
    console.dialog.get_by_role("button", name="Erase").click()
    expect(console.dialog).to_contain_text(re.compile("2 faces.* gone"))
    page.keyboard.press("Escape")
    expect(tiles).to_have_count(1)
    # On her own page too the receipt is seen before the page is left.
    tiles.get_by_role("link").click()
    console.button("Erase…").click()
    console.dialog.get_by_role("button", name="Erase").click()
    expect(console.dialog).to_contain_text(re.compile("1 face.* gone"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("People")
    assert people(api, crew) == {}


def test_a_group_of_the_unknown_gets_a_name(console: Console, api: httpx.Client) -> None:
    api.put("/v1/collections/nameless")
    for photograph in (pictures.grace(), pictures.sideways(), pictures.eileen()):
        answer = api.post("/v1/index", params={"collection": "nameless"}, content=photograph)
        assert answer.status_code == 200, answer.text
    console.open("unknown", "nameless")
    groups = console.page.locator(".group")
    expect(groups).to_have_count(2)
    expect(groups.first).to_contain_text("2 faces")
    assert console.violations() == []
    groups.first.get_by_label("Who is this?").fill(HEBREW)
    groups.first.get_by_label("Who is this?").press("Enter")
    # The next one is where work goes on.
    expect(groups).to_have_count(1)
    expect(groups.get_by_label("Who is this?")).to_be_focused()
    assert people(api, "nameless") == {HEBREW: 2}
    console.button("Group all faces anew").click()
    expect(console.page.locator(".busy")).to_have_count(0)
    expect(groups).to_have_count(1)


def test_duplicates_are_merged_and_dismissed_by_one_key(console: Console, api: httpx.Client, crew: str) -> None:
    stock_more = {"collection": crew, "quality": "NONE"}
    api.put("/v1/index/Eileen-again", params=stock_more, content=pictures.jpeg(pictures.picture(pictures.eileen())))
    console.open("duplicates", crew)
    pairs = console.page.locator(".pair-card")
    expect(pairs).to_have_count(2)
    assert console.violations() == []
    # A face that stands on the page twice is there twice.
    console.page.wait_for_function(
        "() => [...document.querySelectorAll('.pair-card img')].every((one) => one.naturalWidth > 0)"
    )
    console.page.get_by_role("button", name=re.compile("^Show ")).first.click()
    expect(console.page.get_by_role("img", name=re.compile("^Photograph stored as"))).to_have_count(2)
    names = pairs.first.locator(".sides .name")
    grace_first = "Grace" in names.first.inner_text()
    pairs.first.get_by_role("button", name=re.compile("two people")).press("d")
    expect(pairs).to_have_count(1)
    expect(console.page.locator(".pair-card :focus")).to_be_visible()
    console.page.keyboard.press("m")
    expect(console.heading("Nobody is there twice")).to_be_visible()
    there = people(api, crew)
    merged, kept = ("Eileen", "Grace") if grace_first else ("Grace", "Eileen")
    assert [there[kept], there[f"{kept} again"]] == [1, 1]
    assert sorted(count for name, count in there.items() if merged in name) == [2]
    console.button("Undo").click()
    expect(pairs).to_have_count(1)


class Actions:
    """Does things in one of three ways, and counts them."""

    def __init__(self, console: Console, way: str) -> None:
        self.console = console
        self.way = way
        self.count = 0

    def use(self, what: Locator) -> None:
        self.count += 1
        expect(what).to_be_visible()
        if self.way == "touch":
            what.tap()
        elif self.way == "keyboard":
            self.console.tab_to(what)
            self.console.page.keyboard.press("Enter")
        else:
            what.click()

    def type(self, where: Locator, text: str) -> None:
        self.count += 1
        where.fill(text)

    def done(self) -> None:
        assert self.count <= 3, self.count
        self.count = 0
        self.console.open("health")
        self.console.open("")
        expect(self.console.heading("Who is this?")).to_be_visible()


@pytest.mark.parametrize("way", ["mouse", "touch", "keyboard"])
def test_tasks_take_three_actions(
    browser: Browser, server: str, api: httpx.Client, crew: str, way: Literal["mouse", "touch", "keyboard"]
) -> None:
    with tab(browser, server, has_touch=way == "touch") as console:
        console.open(collection=crew)
        act, page = Actions(console, way), console.page

        def choose(photograph: bytes) -> None:
            with page.expect_file_chooser() as chooser:
                act.use(console.button("Choose photographs"))
            chooser.value.set_files(FilePayload(name="a.jpg", mimeType="image/jpeg", buffer=photograph))

        # Who is it?
        choose(pictures.grace())
        expect(console.findings.get_by_role("heading")).to_have_text("Grace")
        act.done()
        console.button("Another photograph").click()
        # Everybody called so, and all photographs of one of them.
        act.use(page.get_by_role("link", name="People", exact=True).first)
        act.type(page.get_by_role("searchbox"), "again")
        tile = page.get_by_role("list", name="People").get_by_role("link")
        expect(tile).to_have_count(1)
        act.use(tile)
        expect(page.get_by_role("list", name="Photographs").get_by_role("listitem")).to_have_count(1)
        act.done()
        # Two who are one.
        act.use(page.get_by_role("link", name="People", exact=True).first)
        act.use(page.get_by_role("link", name="Duplicates", exact=True))
        act.use(page.get_by_role("button", name=re.compile("^Merge Grace")))
        expect(page.locator(".done")).to_contain_text("Merged into Grace")
        act.done()
        # Gone for good.
        act.use(page.get_by_role("link", name="People", exact=True).first)
        act.use(console.button("Erase Eileen"))
        act.use(console.dialog.get_by_role("button", name="Erase", exact=True))
        expect(console.dialog).to_contain_text("1 face is gone.")
        page.keyboard.press("Escape")
        act.done()
        # An unknown gets a name.
        choose(pictures.eileen())
        act.type(page.get_by_label("Who is this?"), "Eileen Collins")
        act.use(console.button("Save"))
        expect(console.findings.get_by_role("heading")).to_have_text("Eileen Collins")
        assert act.count <= 3
        assert sorted(people(api, crew).values()) == [1, 2]
        assert console.complaints == []


def test_a_stranger_who_was_here_before(console: Console, api: httpx.Client, request: pytest.FixtureRequest) -> None:
    """In words, beside whoever is nearest; with a way to the groups, where a name can be given."""
    name = re.sub(r"\W", "-", request.node.name)[:60]
    api.put(f"/v1/collections/{name}")
    for photograph in (pictures.grace(), pictures.sideways()):
        assert api.post("/v1/index", params={"collection": name}, content=photograph).status_code == 200
    console.open("recognize", name)
    console.photograph(pictures.grace())
    told = console.findings.locator(".seen")
    expect(told).to_have_text(re.compile("Seen 2 times before, without a name: first .*, last "))
    told.get_by_role("link").click()
    expect(console.page.get_by_role("heading", level=1)).to_have_text("Unknown")
