"""Nothing phones home: real starts of the service, of commands, of the child that decodes HEIC and of Lambda."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kenspeckle.cli.launch import launch
from kenspeckle.models import registry
from tests import soak
from tests.outward import CI, SWITCHES, Watch, watched
from tests.vision.conftest import models_dir, pack, samples
from tests.vision.drawing import HEIC

__all__ = ["models_dir", "pack", "samples"]

LOOKED = soak.either(3, 60)
"""Seconds that a start is watched. ONNX Runtime makes its first connection after ten; its files are there at once."""

SESSION = """
import {first}, onnxruntime, time
onnxruntime.InferenceSession({network!r}, providers=["CPUExecutionProvider"])
time.sleep({seconds})
"""


@pytest.fixture
def watch(tmp_path: Path, models_dir: Path, pack: registry.InstalledPack) -> Iterator[Watch]:
    with watched(tmp_path / "watched") as one:
        one.environment["KENSPECKLE_MODELS_DIR"] = str(models_dir)
        one.environment["KENSPECKLE_DATA_DIR"] = str(tmp_path / "data")
        yield one


def python(watch: Watch, *words: str) -> str:
    """Standard output of a Python of ours that may fail."""
    done = subprocess.run(
        [sys.executable, *words], env=watch.environment, cwd=watch.folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_service_and_the_commands_beside_it_tell_nobody(
    watch: Watch, samples: registry.Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*CI, *SWITCHES):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "Grace.jpg").write_bytes(samples.grace_hopper.read_bytes())
    with launch(tmp_path / "data", settings=watch.environment) as server:
        until = time.monotonic() + LOOKED
        for path, data in (("index/Grace.jpg", samples.grace_hopper.read_bytes()), ("index/Drawn.heic", HEIC)):
            assert httpx.put(f"{server.url}/v1/{path}", content=data, timeout=60).status_code in (200, 422)
        python(watch, "-m", "kenspeckle", "watch", str(folder), "--url", server.url, "--once", "--settle", "0")
        time.sleep(max(0.0, until - time.monotonic()))
    assert watch.seen() == []


def test_a_command_that_looks_at_photographs_itself_tells_nobody(watch: Watch, samples: registry.Samples) -> None:
    python(watch, "-m", "kenspeckle", "index", str(samples.grace_hopper))
    assert watch.seen() == []


@pytest.mark.parametrize("first", ["kenspeckle.lambdas.api", "kenspeckle.lambdas.inbox", "kenspeckle.vision.engine"])
def test_whatever_of_the_package_comes_first_switches_reports_off(
    watch: Watch, pack: registry.InstalledPack, first: str
) -> None:
    watch.environment["ORT_DISABLE_TELEMETRY"] = "0"  # an operator's wish for other programs
    python(watch, "-c", SESSION.format(first=first, network=str(pack.detector), seconds=0))
    assert watch.seen() == []


def test_no_report_of_openvino_or_ray(watch: Watch) -> None:
    (watch.folder / "hook" / "openvino_telemetry.py").write_text("print('reports')")
    tried = "import kenspeckle, os\ntry:\n import openvino_telemetry\nexcept ImportError:\n"
    assert python(watch, "-c", tried + " print(os.environ['RAY_USAGE_STATS_ENABLED'])") == "0\n"


def test_the_watch_sees_a_runtime_that_reports(watch: Watch, pack: registry.InstalledPack) -> None:
    """The same start without our switch: what the tests above would fail of."""
    python(watch, "-c", SESSION.format(first="sys", network=str(pack.detector), seconds=soak.either(0, 20)))
    seen = watch.seen()
    assert any("onnxruntime" in one for one in seen)
    if soak.SOAK:
        assert any(one.startswith("proxy CONNECT") for one in seen)


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        (
            "import urllib.request as u\ntry: u.urlopen('https://example.org', timeout=5)\nexcept OSError: pass",
            "CONNECT",
        ),
        ("import socket as s\ntry: s.getaddrinfo('example.invalid', 1)\nexcept OSError: pass", "example.invalid"),
        ("import socket as s, time\ns.socket(2, 2).connect(('192.0.2.1', 9))", "socket.connect 192.0.2.1"),
        ("import pathlib\n(pathlib.Path.home() / 'id').touch()", "file id"),
    ],
)
def test_the_watch_sees_what_goes_outward(watch: Watch, told: str, seen: str) -> None:
    python(watch, "-c", told)
    assert any(seen in one for one in watch.seen()), watch.seen()


@pytest.mark.skipif(sys.platform != "linux", reason="sockets of a process are listed by Linux")
def test_the_watch_sees_a_connection_of_native_code(watch: Watch) -> None:
    native = """
import ctypes, socket, struct, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
place = struct.pack("=H2s4s8x", socket.AF_INET, (9).to_bytes(2, "big"), socket.inet_aton("192.0.2.1"))
assert ctypes.CDLL(None).connect(one.fileno(), place, len(place)) == 0
time.sleep(0.5)
"""
    python(watch, "-c", native)
    assert watch.seen() == ["udp 192.0.2.1:9"]
