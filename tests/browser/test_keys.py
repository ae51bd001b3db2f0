"""Signing in, keys, what a key may see, audit and health: in the browser, on servers with keys."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect

from kenspeckle.cli.launch import launch
from tests.browser import pictures
from tests.browser.conftest import ADMIN
from tests.browser.console import Console, tab
from tests.webhooks.conftest import receiving

HOSTILE = "<img src=x onerror=alert(1)> \u05e9\u05dc\u05d5\u05dd 12 \U0001f680"


def created(locked: httpx.Client, **body: object) -> dict[str, str]:
    answer = locked.post("/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


def test_a_key_is_kept_in_memory_only(signed_out: Console) -> None:
    console = signed_out.open()
    expect(console.heading("Sign in")).to_be_visible()
    expect(console.page.get_by_label("Key", exact=True)).to_be_focused()
    console.sign_in("ksp_wrong")
    expect(console.page.get_by_role("alert")).to_contain_text("A valid key is needed")
    console.sign_in("schlüssel")
    expect(console.page.get_by_role("alert")).to_contain_text("This is no key")
    console.sign_in(ADMIN)
    expect(console.heading("Who is this?")).to_be_visible()
    console.photograph(pictures.grace())
    expect(console.findings.get_by_role("heading")).to_have_text("Grace Hopper")
    kept = "() => [localStorage.length, sessionStorage.length, document.cookie, location.href.includes('admin-key')]"
    assert console.page.evaluate(kept) == [0, 0, "", False]
    assert console.page.context.cookies() == []
    console.button("Sign out").click()
    expect(console.heading("Sign in")).to_be_visible()


def test_a_key_is_made_shown_once_and_revoked(signed_out: Console, locked: httpx.Client) -> None:
    console = signed_out.open("keys")
    console.sign_in(ADMIN)
    console.button("New key").click()
    console.page.evaluate("location.hash = '#/health'")
    expect(console.dialog, "another view").to_have_count(0)
    console.page.go_back()
    console.button("New key").click()
    console.dialog.get_by_label("What is it for?").fill(HOSTILE)
    console.dialog.get_by_label("visitors").check()
    console.dialog.get_by_label("Expires").fill("someday")
    console.button("Make the key").click()
    expect(console.dialog.get_by_role("alert")).to_contain_text("'someday' is no expiry.")
    expect(console.dialog.get_by_label("What is it for?")).to_have_value(HOSTILE)
    console.dialog.get_by_label("Expires").fill("30d")
    console.dialog.get_by_label("Quota").fill("10000/day")
    console.button("Make the key").click()
    secret = console.page.get_by_label("The key", exact=True)
    expect(secret).to_have_text(re.compile("^ksp_[A-Za-z0-9]{43}$"))
    for _ in range(2):
        console.page.keyboard.press("Escape")
    expect(secret, "it can't be read again").to_be_visible()
    told = httpx.get(f"{console.url}/v1/info", headers={"x-api-key": secret.inner_text()}).json()["key"]
    assert told["collections"] == ["visitors"]
    assert "admin" not in told["scopes"]
    console.button("I have kept it").click()
    # A name is text, and does not turn its surroundings around.
    row = console.page.get_by_role("row").filter(has_text="<img src=x")
    expect(row.locator("bdi").first).to_have_text(HOSTILE)
    expect(row).to_contain_text("10 a second, 25 at once")
    expect(console.page.locator("main img")).to_have_count(0)
    expect(console.page.get_by_text(re.compile("ksp_"))).to_have_count(0)

    row.get_by_role("button", name="Limits of").click()
    console.dialog.get_by_label("Requests a second").fill("5")
    console.button("Save").click()
    expect(row).to_contain_text("5 a second")
    row.get_by_role("button", name="Revoke").click()
    console.dialog.get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    console.button("Show revoked and expired keys").click()
    expect(row).to_contain_text("revoked")
    assert locked.get("/v1/keys").json()["keys"][-1]["state"] == "revoked"


def test_a_key_sees_what_it_may(signed_out: Console, locked: httpx.Client) -> None:
    narrow = created(locked, name="door", scopes=["search"], collections=["visitors"])
    console = signed_out.open("keys")
    console.sign_in(narrow["api_key"])
    expect(console.heading("Not for this key")).to_be_visible()
    expect(console.page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_text(
        ["Recognize", "Compare"]
    )
    console.open()
    console.photograph(pictures.grace())
    expect(console.findings.get_by_role("heading")).to_have_text("Nobody known")
    expect(console.button("Save")).to_have_count(0)


def test_a_slow_key_browses_at_its_pace(signed_out: Console, locked: httpx.Client) -> None:
    locked.put("/v1/collections/crowded")
    query: dict[str, str | int] = {"collection": "crowded", "max_faces": 100, "quality": "NONE"}
    stored = locked.put("/v1/index/crowd", content=pictures.crowd(4, 3), params=query).json()["FaceRecords"]
    slow = created(locked, name="slow", scopes=["read"], rate=10, burst=4)
    console = signed_out.open()
    console.sign_in(slow["api_key"])
    # It may not search, so it begins with what it may see.
    expect(console.page.get_by_role("heading", level=1)).to_have_text("People")
    console.open("gallery")
    console.page.get_by_label("Collection", exact=True).select_option("crowded")
    expect(console.page.locator(".grid img")).to_have_count(len(stored))
    console.page.wait_for_function(
        "() => [...document.querySelectorAll('.grid img')].every((one) => one.naturalWidth > 0)"
    )
    assert console.page.get_by_role("alert").count() == 0


def test_a_key_that_is_revoked_meanwhile_loses_nothing(signed_out: Console, locked: httpx.Client) -> None:
    key = created(locked, name="soon gone", scopes=["search", "index", "read"])
    console = signed_out.open()
    console.sign_in(key["api_key"])
    console.page.get_by_label("Collection", exact=True).select_option("visitors")
    console.photograph(pictures.grace())
    console.page.get_by_label("Who is this?").fill("Amazing-Grace")
    locked.delete(f"/v1/keys/{key['id']}")
    console.button("Save").click()
    expect(console.dialog).to_contain_text("This key is no longer taken")
    console.sign_in(ADMIN)
    # The request goes out again with the new key, and what was typed arrives.
    expect(console.findings.get_by_role("heading")).to_have_text("Amazing-Grace")
    faces = locked.get("/v1/collections/visitors/faces").json()["Faces"]
    assert [face["ExternalImageId"] for face in faces] == ["Amazing-Grace"]


def test_a_refused_key_is_asked_for_once(signed_out: Console, locked: httpx.Client) -> None:
    key = created(locked, name="watching", scopes=["read"])
    console = signed_out.open("health")
    console.sign_in(key["api_key"])
    expect(console.page.get_by_text("Ready", exact=True)).to_be_visible()
    locked.delete(f"/v1/keys/{key['id']}")
    expect(console.dialog).to_contain_text("This key is no longer taken")
    console.page.keyboard.press("Escape")
    expect(console.page.get_by_role("alert")).to_be_visible()
    # Health is read every two seconds, and the visitor has said no.
    console.page.wait_for_timeout(2200)
    expect(console.dialog).to_have_count(0)
    console.button("Try again").click()
    expect(console.dialog).to_be_visible()


def test_a_key_can_be_copied_where_the_clipboard_can_not(signed_out: Console) -> None:
    console = signed_out.open("keys")
    console.page.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    console.sign_in(ADMIN)
    console.button("New key").click()
    console.dialog.get_by_label("What is it for?").fill("by hand")
    console.button("Make the key").click()
    console.button("Copy the key").click()
    expect(console.dialog.locator(".toast")).to_contain_text("The key is selected")
    secret = console.page.get_by_label("The key", exact=True).inner_text()
    assert console.page.evaluate("() => getSelection().toString()") == secret


def test_audit_and_health_for_admins(signed_out: Console) -> None:
    console = signed_out.open("audit")
    console.sign_in(ADMIN)
    rows = console.page.get_by_role("row")
    expect(rows.nth(1)).to_be_visible()
    console.page.get_by_label("Operation").select_option("IndexFaces")
    expect(rows.filter(has_text="ListFaces")).to_have_count(0)
    expect(rows.last).to_contain_text("IndexFaces")
    rows.last.get_by_text("Show").click()
    expect(rows.last.get_by_text("127.0.0.1")).to_be_visible()
    console.page.get_by_label("Outcome").select_option("failed")
    expect(console.page.get_by_text("No rows")).to_be_visible()
    console.button("Show all").click()
    console.page.get_by_label("Who", exact=True).select_option("nobody")
    expect(console.page.get_by_text("No rows").or_(rows.nth(1))).to_be_visible()
    console.open("health")
    expect(console.page.get_by_text("Ready", exact=True)).to_be_visible()
    expect(console.page.get_by_role("region", name="Routes")).to_contain_text("/v1/index/{filename}")
    expect(console.page.get_by_text(re.compile("0 of [0-9]+ places to wait"))).to_be_visible()


def test_a_webhook_is_made_tested_and_its_log_read(signed_out: Console, locked: httpx.Client) -> None:
    with receiving() as receiver:
        receiver.plan["/faces"] = [204, 500, 500]
        console = signed_out.open("webhooks")
        console.sign_in(ADMIN)
        console.button("New endpoint").click()
        console.dialog.get_by_label("Address").fill("http://10.0.0.1/faces")
        console.button("Make the endpoint").click()
        expect(console.dialog.get_by_role("alert")).to_be_visible()
        console.dialog.get_by_label("Address").fill(receiver.url("/faces"))
        console.dialog.get_by_label("faces.indexed").check()
        console.button("Make the endpoint").click()
        secret = console.page.get_by_label("The secret", exact=True)
        expect(secret).to_have_text(re.compile("^whsec_"))
        key = secret.inner_text()
        console.button("I have kept it").click()
        console.button("Send a test").click()
        expect(console.page.locator(".toast")).to_contain_text("It arrived: 204")
        assert receiver.verified("/faces", key)

        locked.put("/v1/index/hooked.jpg?collection=visitors", content=pictures.both())
        console.button("Messages").click()
        rows = console.page.get_by_role("region", name="Messages").get_by_role("row")
        failed = rows.filter(has_text="failed")
        for _ in range(40):
            if failed.count():
                break
            console.page.wait_for_timeout(250)
            console.button("Reload").click()
            expect(console.page.locator(".busy")).to_have_count(0)
        expect(failed).to_contain_text("500")
        failed.get_by_role("button", name="Send again").click()
        expect(console.page.locator(".toast")).to_contain_text("1 sent again.")
        console.button("Delete…").click()
        console.dialog.get_by_role("button", name="Delete").click()
        expect(console.page.get_by_text("No webhooks yet")).to_be_visible()


def test_the_first_key_locks_an_open_server(browser: Browser, tmp_path: Path) -> None:
    with launch(tmp_path) as running, tab(browser, running.url) as console:
        console.open("keys")
        expect(console.page.get_by_text("asks nobody for a key")).to_be_visible()
        console.button("New key").click()
        expect(console.dialog).to_contain_text("This is the first key.")
        console.dialog.get_by_label("What is it for?").fill("mine")
        console.button("Make the key").click()
        assert httpx.get(f"{running.url}/v1/info").status_code == 401
        console.button("Go on with this key").click()
        expect(console.page.get_by_role("row").last).to_contain_text("mine")
        expect(console.button("Sign out")).to_be_visible()
        assert console.complaints == []
