"""The console as a test sees it: a page that opens views, and keeps what a browser would complain of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python import base
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

AXE = (Path(base.__file__).parent / "axe.min.js").read_text("utf-8")
WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
window.urls = new Set();
const make = URL.createObjectURL, drop = URL.revokeObjectURL;
URL.createObjectURL = (what) => { const url = make.call(URL, what); urls.add(url); return url; };
URL.revokeObjectURL = (url) => { urls.delete(url); drop.call(URL, url); };
"""
expect.set_options(timeout=15_000)
DESKTOP, PHONE = (1280, 900), (360, 780)


class Console:
    """One tab. `complaints` are errors of scripts, violations of the policy, requests that leave the server."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", lambda said: self._said(said.type, said.text))
        # Whoever listens once is listened to: Chromium hands choosers over from here on, not a moment later.
        page.on("filechooser", lambda _: None)
        page.on("request", lambda request: self._asked(request.method, request.url))

    def open(self, view: str = "", collection: str | None = None) -> Console:
        """Go to a view, loading the page anew unless it is there."""
        if self.page.url.partition("#")[0] != self.url + "/":
            self.page.goto(f"{self.url}/#/{view}")
        else:
            self.page.evaluate("hash => { location.hash = hash }", f"#/{view}")
        if collection is not None:
            self.page.get_by_label("Collection", exact=True).select_option(collection)
        return self

    def photograph(self, data: bytes, name: str = "photograph.jpg", at: int = 0) -> None:
        """Choose a file as the picker would hand it over."""
        kind = "image/png" if name.endswith(".png") else "image/jpeg"
        payload = FilePayload(name=name, mimeType=kind, buffer=data)
        self.page.locator("main input[type=file]").nth(at).set_input_files(payload)

    def photograph_again(self, data: bytes) -> None:
        """Another one, after one that is shown."""
        self.button("Another photograph").click()
        self.photograph(data)
        expect(self.findings).not_to_have_count(0)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, exact=True)

    def sign_in(self, key: str) -> None:
        self.page.get_by_label("Key", exact=True).fill(key)
        self.page.get_by_label("Key", exact=True).press("Enter")

    def tab_to(self, wanted: Locator, key: str = "Tab", most: int = 90) -> None:
        """Go there by the keyboard, with Shift+Tab backwards."""
        for _ in range(most):
            self.page.keyboard.press(key)
            if wanted.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"no way by {key} to {wanted}")

    def press_on(self, name: str, role: str = "button", key: str = "Tab") -> None:
        """Go to something of that name by the keyboard, and press Enter there."""
        self.tab_to(self.page.get_by_role(role, name=name, exact=True).first, key)  # type: ignore[arg-type]  # a role as ARIA has it
        self.page.keyboard.press("Enter")

    @property
    def focused(self) -> Locator:
        """What has the focus: nothing where it was lost."""
        return self.page.locator(":focus:not(body)")

    @property
    def findings(self) -> Locator:
        return self.page.locator(".finding")

    @property
    def summary(self) -> Locator:
        return self.page.locator(".summary")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def violations(self) -> list[str]:
        """What axe-core finds, by every rule."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE)
        found = self.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]
        ]

    def _said(self, kind: str, text: str) -> None:
        # Answers with a status of 4xx and 5xx are named by Chromium as errors; they are what some tests are about.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.complaints.append(f"{kind}: {text}")

    def _asked(self, method: str, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https"):
            self.asked.append(f"{method} {parts.path}")
            if f"{parts.scheme}://{parts.netloc}" != self.url:
                self.complaints.append(f"asked another server: {url}")


@contextmanager
def tab(browser: Browser, url: str, size: tuple[int, int] = DESKTOP, **options: Any) -> Iterator[Console]:
    """A tab of its own, with nothing remembered. Complaints are left to whoever opened it."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce", **options)
    try:
        context.add_init_script(WATCH)
        yield Console(context.new_page(), url)
    finally:
        context.close()
