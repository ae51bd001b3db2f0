"""Videos in the browser: sending one, following its job, the timeline, cancelling and erasing; ages where asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser import pictures
from tests.browser.console import PHONE, Console, tab
from tests.browser.test_accessible import clean
from tests.videos import two_people

HOME = "videos"
"""A collection of its own: other tests rename and merge people of the first one."""
WIDTH = "() => document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_people(tmp_path_factory.mktemp("video") / "entrance, west.mp4")


@pytest.fixture(scope="module")
def known(server: str) -> str:
    with httpx.Client(base_url=server, timeout=120) as api:
        assert api.put(f"/v1/collections/{HOME}").status_code == 201
        for name, photograph in (("Grace-Hopper.jpg", pictures.grace()), ("Eileen-Collins.png", pictures.eileen())):
            assert api.put(f"/v1/index/{name}?collection={HOME}", content=photograph).status_code == 200
    return HOME


@pytest.fixture(scope="module")
def looked_at(server: str, known: str, video: Path) -> str:
    """The job of a video that was looked at."""
    with httpx.Client(base_url=server, timeout=120) as api:
        job: dict[str, Any] = api.post(f"/v1/videos?tag=yard.mp4&collection={HOME}", content=video.read_bytes()).json()
        while job["state"] in ("queued", "running"):
            job = api.get(f"/v1/jobs/{job['job_id']}").json()
    assert job["state"] == "succeeded", job
    assert job["tag"] == "yard.mp4"
    return str(job["job_id"])


def test_a_video_is_sent_looked_at_shown_and_erased(
    console: Console, api: httpx.Client, known: str, video: Path
) -> None:
    console.open("videos", known)
    with console.page.expect_file_chooser() as chooser:
        console.button("Choose a video").click()
    chooser.value.set_files(video)
    expect(console.heading("entrance-west.mp4")).to_be_visible()
    rows = console.page.locator(".timeline > li")
    expect(rows).to_have_count(2, timeout=60_000)
    expect(console.heading("2 of 2 people known")).to_be_visible()
    expect(rows.nth(0).get_by_role("link")).to_have_text("Grace Hopper")
    expect(rows.nth(1).get_by_role("link")).to_have_text("Eileen Collins")
    expect(rows.nth(0).locator(".tier")).to_have_text("sure")
    # The bars lie where the times are: Grace from the beginning to 2.8 of 5 seconds.
    first = rows.nth(0).locator(".line > i")
    ends = first.evaluate_all("all => all.map((one) => parseFloat(one.style.left) + parseFloat(one.style.width))")
    assert max(ends) == pytest.approx(56, abs=4)
    expect(rows.nth(0).get_by_role("listitem").first).to_contain_text("0:00.0")
    job_id = console.page.url.rpartition("/")[2]
    console.open("jobs")
    console.page.get_by_role("link", name="Video", exact=True).first.click()
    console.button("Erase…").click()
    console.button("Erase").click()
    expect(console.heading("Who is in a video?")).to_be_visible()
    assert api.get(f"/v1/videos/{job_id}").status_code == 404


def test_the_list_and_the_timeline_are_for_everybody(browser: Browser, server: str, looked_at: str) -> None:
    for size in (PHONE, (768, 900), (1920, 1080)):
        with tab(browser, server, size) as console:
            console.open("videos", HOME)
            expect(console.page.get_by_role("link", name="yard.mp4")).to_be_visible()
            row = console.page.get_by_role("row").filter(has_text="yard.mp4")
            expect(row).to_contain_text("2 of 2 people known")
            assert console.page.evaluate(WIDTH) <= size[0]
            clean(console)
            console.page.get_by_role("link", name="yard.mp4").click()
            expect(console.page.locator(".timeline > li")).to_have_count(2)
            assert console.page.evaluate(WIDTH) <= size[0]
            clean(console)
            assert console.complaints == []


def test_what_is_no_video_says_why(console: Console) -> None:
    console.open("videos")
    payload: Any = {"name": "photograph.mp4", "mimeType": "video/mp4", "buffer": pictures.grace()}
    console.page.locator("main input[type=file]").set_input_files(payload)
    expect(console.page.get_by_role("alert")).to_contain_text("is a photograph", timeout=30_000)
    console.open("videos")
    expect(console.page.get_by_role("row").filter(has_text="photograph.mp4")).to_contain_text("failed")


@pytest.fixture
def busy(server: str, looked_at: str, video: Path) -> Iterator[str]:
    """A job that waits: another one is being looked at."""
    with httpx.Client(base_url=server, timeout=60) as api:
        where = f"/v1/videos?collection={HOME}&tag=busy"
        jobs = [api.post(f"{where}-{at}", content=video.read_bytes()).json()["job_id"] for at in range(10)]
        yield str(jobs[-1])
        for job_id in jobs:
            api.delete(f"/v1/jobs/{job_id}")


def test_a_video_that_waits_is_cancelled(console: Console, busy: str) -> None:
    console.open(f"video/{busy}")
    console.button("Cancel").click()
    expect(console.page.get_by_text("It was cancelled; nothing of it is kept.")).to_be_visible(timeout=30_000)


def test_one_that_was_cancelled_while_it_ran_is_cancelled_at_its_end(console: Console, api: httpx.Client) -> None:
    job = {
        "job_id": "job-1",
        "kind": "video",
        "collection_id": HOME,
        "done": 1,
        "total": 5,
        "error": None,
        "result": None,
    }
    job |= {
        "state": "cancelled",
        "cancelling": True,
        "created_at": "2026-01-01T00:00:00Z",
        "finished_at": "2026-01-01T00:00:09Z",
    }
    console.page.route("**/v1/jobs?*", lambda route: route.fulfill(json={"jobs": [job]}))
    console.open("jobs")
    expect(console.page.get_by_role("row").filter(has_text="job-1").locator(".chip")).to_have_text("cancelled")


def test_age_and_expression_are_asked_for_only_by_the_switch(console: Console, api: httpx.Client, known: str) -> None:
    console.open(collection=known)
    console.photograph(pictures.both())
    expect(console.findings).to_have_count(2)
    assert "POST /v1/detect" not in console.asked
    switch = console.page.get_by_role("checkbox", name="Age and expression")
    switch.check()
    told = console.page.locator(".told")
    expect(told.nth(1)).to_have_text(re.compile(r"looks \d+ to \d+ · smiling · mouth open · eyes open"))
    expect(told.nth(0)).to_have_text(re.compile(r"looks \d+ to \d+"))
    assert console.asked.count("POST /v1/detect") == 1
    clean(console)
    switch.uncheck()
    expect(told.nth(1)).to_be_hidden()
    switch.check()
    expect(told.nth(1)).to_be_visible()
    assert console.asked.count("POST /v1/detect") == 1
    faces = api.get(f"/v1/collections/{known}/faces").json()["Faces"]
    stored = next(one["FaceId"] for one in faces if one["ExternalImageId"].startswith("Eileen"))
    console.open(f"face/{known}/{stored}")
    expect(switch).to_be_checked()
    expect(console.page.get_by_text(re.compile(r"^looks \d+ to \d+$"))).to_be_visible()
    clean(console)
    switch.uncheck()
    expect(console.page.get_by_text(re.compile(r"^looks \d+ to \d+$"))).to_be_hidden()
