"""The console's files over HTTP: what they weigh, how they are cached, what a browser is told it may do with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kenspeckle.serving import console
from tests.api.conftest import running

FIRST_VIEW = re.compile(r"""(?:href|src|from) ?=?\s*"(/console/[\w./]+)\"""")
BUDGET = 150_000
"""Bytes of the first view, not compressed."""


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with running(extra_routes=console.routes()) as server:
        yield server.client


def needed(http: httpx.Client, path: str, seen: dict[str, int]) -> dict[str, int]:
    """Sizes of a file and of all that it names to be loaded with it."""
    body = http.get(path).text
    seen[path] = len(body.encode())
    for other in FIRST_VIEW.findall(body):
        if other not in seen:
            needed(http, other, seen)
    return seen


def test_the_first_view_is_light(http: httpx.Client) -> None:
    sizes = needed(http, "/", {})
    sizes |= needed(http, "/console/views/recognize.js", sizes)
    assert {"/", "/console/main.js", "/console/base.css", "/console/views/findings.js", "/console/icon.svg"} <= set(
        sizes
    )
    assert sum(sizes.values()) < BUDGET, sizes


def test_the_page_may_run_its_own_files_only(http: httpx.Client) -> None:
    answer = http.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = answer.text
    assert not re.search(r"<style|\son\w+=|\sstyle=|<script(?![^>]*\bsrc=)", page)
    assert "The console needs JavaScript" in page


def test_no_file_makes_markup_of_text_or_keeps_anything() -> None:
    banned = re.compile(
        rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|localStorage|sessionStorage"
        rb"|indexedDB|document\.cookie|https?://(?!host/path|www\.w3\.org/)"
    )
    found = {path: banned.findall(one.body) for path, one in console.load().items()}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize("path", ["/", "/console/main.js", "/console/base.css", "/console/views/gallery.js"])
def test_a_browser_asks_again_and_gets_nothing_twice(http: httpx.Client, path: str) -> None:
    first = http.get(path)
    assert (first.status_code, first.headers["cache-control"]) == (200, "no-cache")
    assert first.headers["content-encoding"] == "gzip"
    plain = http.get(path, headers={"accept-encoding": "identity"})
    assert plain.content == first.content
    assert "content-encoding" not in plain.headers
    for tag in (first.headers["etag"], plain.headers["etag"], f'"other", {plain.headers["etag"]}'):
        again = http.get(path, headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
    assert http.get(path, headers={"if-none-match": '"other"'}).status_code == 200
    head = http.head(path)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/console", "/console/", "/console/none.js", "/console/../main.py", "/console/__init__.py"]
)
def test_nothing_else_is_served(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_samples_are_offered_where_they_are_installed(tmp_path: Path) -> None:
    (tmp_path / "grace.jpg").write_bytes(b"\xff\xd8 a photograph")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    files = {"Grace Hopper": tmp_path / "grace.jpg", "Eileen Collins": tmp_path / "not-there.png"}
    with running(extra_routes=console.routes(files)) as server:
        http = server.client
        assert http.get("/console/samples").json() == {"samples": [{"name": "Grace Hopper", "file": "grace.jpg"}]}
        answer = http.get("/console/samples/grace.jpg")
        assert (answer.content, answer.headers["content-type"]) == (b"\xff\xd8 a photograph", "image/jpeg")
        for other in ("not-there.png", "secret.txt", "..%2Fsecret.txt"):
            assert http.get(f"/console/samples/{other}").status_code == 404


def test_other_methods_are_named(http: httpx.Client) -> None:
    answer = http.post("/console/main.js")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
