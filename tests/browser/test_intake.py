"""Photographs by drop, paste and camera; photographs that the browser can't show."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import pictures
from tests.browser.console import Console
from tests.vision.drawing import HEIC, boxed_claiming

GIVEN = """([base64, kind, name]) => {
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "given.jpg", { type: "image/jpeg" }));
  const target = document.querySelector("main h1");
  if (kind === "drop") {
    for (const type of ["dragenter", "dragover"]) {
      target.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
    const glows = document.querySelector(".intake").classList.contains("over");
    target.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    return glows;
  }
  target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
  return true;
}"""


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A camera before which Grace Hopper sits: Motion JPEG is one JPEG after the other."""
    film = tmp_path_factory.mktemp("camera") / "grace.mjpeg"
    still = pictures.jpeg(pictures.picture(pictures.grace()).resize((512, 600)))
    Path(film).write_bytes(still * 3)
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_dropped_and_pasted_photographs_are_recognized(console: Console, kind: str) -> None:
    console.open()
    expect(console.button("Choose photographs")).to_be_visible()
    assert console.page.evaluate(GIVEN, [base64.b64encode(pictures.grace()).decode(), kind, ""])
    expect(console.findings.get_by_role("heading")).to_have_text("Grace Hopper")


def test_the_camera_sees_who_sits_before_it(console: Console) -> None:
    console.open()
    console.button("Use the camera").click()
    shoot = console.button("Take the photograph")
    expect(shoot).to_be_focused()
    console.page.wait_for_function("() => document.querySelector('video').videoWidth > 0")
    shoot.click()
    expect(console.dialog).to_have_count(0)
    expect(console.findings.get_by_role("heading")).to_have_text("Grace Hopper")


def test_of_two_photographs_at_once_the_later_counts(console: Console) -> None:
    console.open()
    expect(console.button("Choose photographs")).to_be_visible()
    console.page.evaluate(GIVEN, [base64.b64encode(pictures.huge(4000, 3000)).decode(), "paste", ""])
    console.page.evaluate(GIVEN, [base64.b64encode(pictures.both()).decode(), "paste", ""])
    expect(console.findings).to_have_count(2)
    shape = "() => { const { width, height } = document.querySelector('.photo canvas'); return width / height; }"
    console.page.wait_for_timeout(500)
    assert console.page.evaluate(shape) == pytest.approx(1000 / 600, rel=0.01)
    assert console.findings.count() == 2


def test_a_format_that_the_browser_can_not_show(console: Console) -> None:
    console.open()
    console.photograph(boxed_claiming(HEIC, 400, 300), "phone.heic")
    expect(console.page.get_by_text("Your browser can’t show this kind of file.")).to_be_visible()
    # The sheet has the photograph's shape: 400 x 300 that its container turns upright.
    shape = "() => { const { width, height } = document.querySelector('.photo canvas'); return height / width; }"
    assert console.page.evaluate(shape) == pytest.approx(400 / 300, rel=0.01)
