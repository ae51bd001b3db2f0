"""The process that decodes HEIC: it finds its libraries wherever they are installed, and is bounded by the pixels."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import kenspeckle
from kenspeckle.errors import DamagedImage, ImageTooLarge, UnsupportedImage
from kenspeckle.vision import heif
from tests.vision.drawing import HEIC
from tests.vision.test_decode import photograph

CHILD = heif.CHILD
BASE = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The interpreter without the environment's packages."""

SHOWN = """
import sys
from kenspeckle.vision.decode import Photograph
photo = Photograph(open(sys.argv[1], "rb").read(), max_bytes=1 << 20, max_pixels=1 << 20)
print(photo.image(100).size)
"""

pytestmark = pytest.mark.skipif(not BASE.exists(), reason="this Python is laid out otherwise")


@pytest.mark.parametrize("how", ["PYTHONPATH", "PYTHONUSERBASE"])
def test_heic_is_read_however_the_package_is_installed(tmp_path: Path, how: str) -> None:
    site, source = sysconfig.get_path("purelib"), Path(kenspeckle.__file__).parents[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if how == "PYTHONPATH":
        environment[how] = os.pathsep.join((site, str(source)))
    else:
        home = tmp_path / "lib" / BASE.name
        home.mkdir(parents=True)
        (home / "site-packages").symlink_to(site)
        environment[how] = str(tmp_path)
    (tmp_path / "a.heic").write_bytes(HEIC)
    done = subprocess.run(
        [BASE, "-c", SHOWN, tmp_path / "a.heic"], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("(48, 64)\n", "")


def test_a_decoder_that_does_not_load_is_the_operators_to_mend(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", str(BASE))
    monkeypatch.setattr(heif, "_folders", lambda: ())
    with caplog.at_level(logging.ERROR), pytest.raises(UnsupportedImage, match="can't decode HEIC") as caught:
        photograph(HEIC).image(100)
    assert not isinstance(caught.value, DamagedImage)
    assert "pi-heif does not load" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a process whose time is over")
def test_a_decoder_that_takes_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    own = f"import runpy; limit = runpy.run_path({str(heif.CHILD)!r})['limit']"
    child.write_text(f"{own}\nlimit(64 * 48)\nwhile True:\n    pass\n")
    monkeypatch.setattr(heif, "CHILD", child)
    with pytest.raises(ImageTooLarge, match="takes too long"):
        photograph(HEIC).image(100)


def test_large_pictures_come_by_strips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same pixels, whatever the strips are."""
    whole = photograph(HEIC).image(100)
    child = tmp_path / "child.py"
    child.write_text(heif.CHILD.read_text().replace("STRIP = 512", "STRIP = 5"))
    monkeypatch.setattr(heif, "CHILD", child)
    assert photograph(HEIC).image(100).tobytes() == whole.tobytes()
    reduced = heif.decode(photograph(HEIC)._head, 64 * 48 // 9)
    monkeypatch.setattr(heif, "CHILD", CHILD)
    assert reduced.tobytes() == heif.decode(photograph(HEIC)._head, 64 * 48 // 9).tobytes()


def test_a_decoder_is_bounded_by_the_pixels_that_are_claimed() -> None:
    code = f"import runpy; runpy.run_path({str(heif.CHILD)!r})['limit'](64 * 48); bytearray(200 << 20)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert ("MemoryError" in done.stderr) == (sys.platform == "linux")
