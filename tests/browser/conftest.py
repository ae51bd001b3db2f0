"""What the browser tests share: a browser, an open server that knows the two sample people, a tab for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from kenspeckle.cli.launch import launch
from tests.browser import chromium, pictures
from tests.browser.console import Console, tab

ADMIN = "an-admin-key-of-the-browser-tests-0123456789"
SETTINGS = {"KENSPECKLE_ADMIN_KEY": ADMIN, "KENSPECKLE_WEBHOOK_HOSTS": "127.0.0.1", "KENSPECKLE_WEBHOOK_RETRIES": "0.1"}
NAMES = {"Grace-Hopper.jpg": pictures.grace, "Eileen-Collins.png": pictures.eileen}


@pytest.fixture(scope="module")
def flags() -> tuple[str, ...]:
    """More flags of the browser; a module may have its own."""
    return ()


@pytest.fixture(scope="module")
def browser(flags: tuple[str, ...]) -> Iterator[Browser]:
    """One for a module: Playwright's loop must not outlive it, for other tests run loops of their own."""
    with chromium.started(*flags) as found:
        if found is None and os.environ.get("CI"):
            pytest.fail(chromium.ABSENT)
        if found is None:
            pytest.skip(chromium.ABSENT)
        yield found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an open server; its default collection has the two."""
    settings = {"KENSPECKLE_MAX_IMAGE_PIXELS": "13000000", "KENSPECKLE_WAIT_SECONDS": "60"}
    settings["KENSPECKLE_SEARCH_GROUPS"] = "on"
    with launch(tmp_path_factory.mktemp("browser"), settings=settings) as running:
        for name, photograph in NAMES.items():
            answer = httpx.put(f"{running.url}/v1/index/{name}", content=photograph(), timeout=60)
            assert answer.status_code == 200, answer.text
        yield running.url


@pytest.fixture
def api(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


@pytest.fixture
def console(browser: Browser, server: str) -> Iterator[Console]:
    """A tab on the open server. The browser must have had nothing to complain of."""
    with tab(browser, server) as opened:
        yield opened
        assert opened.complaints == []


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with an admin key, asked with it."""
    with (
        launch(tmp_path_factory.mktemp("locked"), settings=SETTINGS) as running,
        httpx.Client(base_url=running.url, headers={"x-api-key": ADMIN}, timeout=60) as client,
    ):
        assert client.put("/v1/index/Grace-Hopper.jpg", content=pictures.grace()).status_code == 200
        client.put("/v1/collections/visitors")
        yield client


@pytest.fixture
def signed_out(browser: Browser, locked: httpx.Client) -> Iterator[Console]:
    """A tab on the server with keys, before its door."""
    with tab(browser, str(locked.base_url).rstrip("/"), permissions=["clipboard-write"]) as console:
        yield console
        assert console.complaints == []
