"""Photographs looked at by actors of a real Ray of this machine: one that dies, bad photographs, nobody told."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.failures import NEGATIVE
from kenspeckle.settings import load
from tests.faults.portraits import Portraits
from tests.outward import watched
from tests.ports import unused_port
from tests.soak import SOAK

# Ray is not imported here: it changes the logging of the process that does.
pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` brings it; Linux alone in `dev`"),
    pytest.mark.skipif(not SOAK, reason="half a minute of both cores; `make soak` runs it"),
]

WORK = """
import os, signal, sys
from pathlib import Path
import kenspeckle.compose.ray_cluster as ray_cluster
from kenspeckle.cli.app import run

plain = ray_cluster.RayExaminer.__init__

def killing(self, ray, settings):
    plain(self, ray, settings)
    from ray._common.usage import usage_lib
    assert not usage_lib.usage_stats_enabled()
    os.kill(ray.get(self.actors[0].ready.remote()), signal.SIGKILL)  # dies before its first photograph

ray_cluster.RayExaminer.__init__ = killing
sys.argv = ["kenspeckle", "index", "photographs", "--ray", "auto", "--json"]
run()
"""


KILLED_BY = """
import os, signal, sys
import kenspeckle.compose.ray_cluster as ray_cluster
from kenspeckle.cli.app import run

class Killed(ray_cluster.Looker):
    def look(self, collection, image, asked):
        if image.endswith(b"kills who looks at it"):
            os.kill(os.getpid(), signal.SIGKILL)
        return ray_cluster.Looker.look(self, collection, image, asked)

ray_cluster.Looker = Killed
sys.argv = ["kenspeckle", "index", "photographs", "--ray", "auto", "--json"]
run()
"""


HEAD = "head"
STARTED_SECONDS = 120


METADATA = ("169.254.169.254", "metadata.google.internal")
"""Where a cloud tells a machine about itself. Ray asks it in which cloud it is, usage statistics or not; docs/bulk.md
says so."""


def _own_address() -> str:
    """That of this machine, by which Ray's processes find each other. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("192.0.2.1", 9))
        return str(one.getsockname()[0])


def _made_photographs(tmp_path: Path, count: int) -> tuple[Path, Portraits]:
    """A folder of so many portraits."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    portraits = Portraits()
    for number in range(count):
        name, data = portraits.named(number)
        (folder / name).write_bytes(data)
    return folder, portraits


def _environment(tmp_path: Path, around: Mapping[str, str]) -> dict[str, str]:
    return {
        **around,
        "KENSPECKLE_MODELS_DIR": str(load(environ={}).models_dir),
        "KENSPECKLE_DATA_DIR": str(tmp_path / "data"),
        "KENSPECKLE_WORKERS": "2",
    }


def test_an_actor_that_dies_costs_nothing_and_nobody_is_told(tmp_path: Path) -> None:
    folder, portraits = _made_photographs(tmp_path, 6)
    (folder / "torn.jpg").write_bytes(portraits[0][:900])
    with watched(tmp_path / "watched") as watch:
        environment = _environment(tmp_path, watch.environment)
        done = subprocess.run(
            [sys.executable, "-c", WORK], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == NEGATIVE, done.stderr
        assert "7 photographs: 6 indexed with 6 faces, 1 skipped" in done.stderr
        assert "torn.jpg" in done.stderr
        near = (_own_address(), "0.0.0.0", *METADATA)
        far = [one for one in watch.seen() if not any(address in one for address in near)]
        assert far == []
    again = subprocess.run(
        [sys.executable, "-m", "kenspeckle", "index", "photographs"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "0 indexed with 0 faces, 6 there already, 1 skipped" in again.stderr


def test_a_photograph_that_kills_actors_is_refused_alone(tmp_path: Path) -> None:
    """Who waits behind it at the actors that it kills is not blamed: there are two, so often it is the same one."""
    folder, portraits = _made_photographs(tmp_path, 8)
    (folder / "a-killer.jpg").write_bytes(portraits[9] + b"kills who looks at it")
    environment = _environment(tmp_path, os.environ)
    done = subprocess.run(
        [sys.executable, "-c", KILLED_BY], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == NEGATIVE, done.stderr
    assert "9 photographs: 8 indexed with 8 faces, 1 skipped" in done.stderr
    assert "a-killer.jpg: 5 workers have died over this photograph" in done.stderr


def test_a_command_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """And the Ray that it had started ends with it."""
    folder, _ = _made_photographs(tmp_path, 100)
    environment = _environment(tmp_path, os.environ)
    command = [sys.executable, "-m", "kenspeckle", "index", str(folder), "--ray", "auto"]

    def faces() -> int:
        with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'data' / 'kenspeckle.db'}")) as catalog:
            return catalog.counts()["faces"]

    with tempfile.TemporaryDirectory(prefix="kspr-", ignore_cleanup_errors=True) as short:
        own = {**environment, "RAY_TMPDIR": short}
        with subprocess.Popen(command, env=own, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
            until(lambda: (tmp_path / "data" / "kenspeckle.db").exists() and process.poll() is None)
            until(lambda: faces() > 0)
            assert processes_in(Path(short))
            process.kill()
        stored = faces()
        assert stored < 100
        until(lambda: not processes_in(Path(short)))
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert f"100 photographs: {100 - stored} indexed with {100 - stored} faces, {stored} there already" in done.stderr
    assert faces() == 100


def processes_in(folder: Path) -> list[int]:
    """Processes of a Ray whose files are there."""
    found = []
    for one in Path("/proc").iterdir():
        with suppress(OSError):
            if one.name.isdigit() and str(folder).encode() in (one / "cmdline").read_bytes():
                found.append(int(one.name))
    return found


@contextmanager
def cluster(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a Ray of two nodes with a core each, and the process of the second."""
    port = unused_port()
    ray = str(Path(sys.executable).with_name("ray"))
    common = ["--num-cpus=1", "--object-store-memory=100000000", "--block", "--disable-usage-stats"]
    with ExitStack() as stack:

        def node(name: str, *words: str) -> subprocess.Popen[bytes]:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [ray, "start", *common, *words], stdout=log, stderr=log, env=environment, start_new_session=True
            )
            stack.callback(process.wait)
            stack.callback(lambda: end(process))
            until(lambda: b"--block" in (folder / f"{name}.log").read_bytes() or process.poll() is not None)
            assert process.poll() is None, (folder / f"{name}.log").read_text()
            return process

        own = ("--node-ip-address=127.0.0.1", "--include-dashboard=false", f"--temp-dir={folder / 'ray'}")
        node(HEAD, "--head", f"--port={port}", *own)
        yield f"127.0.0.1:{port}", node("other", f"--address=127.0.0.1:{port}", "--node-ip-address=127.0.0.1")


def end(process: subprocess.Popen[bytes]) -> None:
    """`kill -9` of a node with all its processes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STARTED_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_node_that_is_lost_is_done_without(tmp_path: Path) -> None:
    folder, _ = _made_photographs(tmp_path, 120)
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "KENSPECKLE_MODELS_DIR": str(load(environ={}).models_dir),
        "KENSPECKLE_DATA_DIR": str(tmp_path / "data"),
    }

    def faces() -> int:
        with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'data' / 'kenspeckle.db'}")) as catalog:
            return catalog.counts()["faces"]

    with tempfile.TemporaryDirectory(prefix="kspr-") as short, cluster(Path(short), environment) as (address, other):
        command = [sys.executable, "-m", "kenspeckle", "index", str(folder), "--ray", address]
        with subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
            until(lambda: (tmp_path / "data" / "kenspeckle.db").exists() and process.poll() is None)
            until(lambda: faces() > 0)
            end(other)
            _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said
        assert "120 photographs: 120 indexed with 120 faces" in said
    assert faces() == 120


@pytest.mark.parametrize(
    ("file", "code", "why"),
    [
        (
            "kenspeckle.py",
            "raise ModuleNotFoundError(\"No module named 'kenspeckle'\")",
            "No module named 'kenspeckle'",
        ),
        ("sitecustomize.py", "import kenspeckle; kenspeckle.__version__ = '0.0.9'", "have Kenspeckle 0.0.9"),
    ],
)
def test_nodes_without_kenspeckle_or_with_another_are_named(tmp_path: Path, file: str, code: str, why: str) -> None:
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "one.jpg").write_bytes(Portraits()[0])
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / file).write_text(code)
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "KENSPECKLE_MODELS_DIR": str(load(environ={}).models_dir),
        "KENSPECKLE_DATA_DIR": str(tmp_path / "data"),
    }
    theirs = {**environment, "PYTHONPATH": str(tmp_path / "theirs")}
    with tempfile.TemporaryDirectory(prefix="kspr-") as short, cluster(Path(short), theirs) as (address, _):
        command = [sys.executable, "-m", "kenspeckle", "index", str(tmp_path / "photographs"), "--ray", address]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert why in done.stderr
