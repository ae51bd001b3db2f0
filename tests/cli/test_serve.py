"""The server as a process: how it starts, why it doesn't, how it stops."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from kenspeckle.cli.launch import launch, stop
from kenspeckle.cli.serve import address, bind
from kenspeckle.client.errors import CommandFailed
from kenspeckle.models.registry import Samples
from tests import forks
from tests.cli.conftest import Command
from tests.faults.portraits import Portraits


def test_a_port_in_use_is_said_before_anything_is_loaded(command: Command, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        failed = command("serve", "--port", taken.getsockname()[1])
    assert failed.code == 1
    assert "is in use" in failed.err
    assert "--port" in failed.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "keys create"),
        (("--host", "no.such.host.invalid"), "no address of this machine"),
        (("--pack", "nonsense"), "There is no model pack"),
        (("--config", "absent.toml"), "does not exist"),
        (("--log-level", "loud"), "--log-level"),
    ],
)
def test_why_it_does_not_start(command: Command, words: tuple[str, ...], said: str) -> None:
    failed = command("serve", "--port", "0", *words)
    assert failed.code == 1
    assert said in failed.err
    assert "Traceback" not in failed.err


def test_a_missing_model_pack_names_the_command(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENSPECKLE_MODELS_DIR", "empty")
    failed = command("serve", "--port", "0")
    assert failed.code == 1
    assert "kenspeckle models pull" in failed.err


@pytest.mark.usefixtures("started_anew")
def test_a_launch_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="There is no model pack"), launch(tmp_path, "--pack", "nonsense"):
        pass


def test_a_launched_server_is_always_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyError), launch(tmp_path) as server:
        raise KeyError
    assert server.process.returncode == 0


@pytest.mark.usefixtures("started_anew")
def test_sigterm_finishes_what_was_taken(tmp_path: Path, samples: Samples) -> None:
    data = samples.astronaut.read_bytes()
    with launch(tmp_path) as server, closing(_begun(server.url, len(data))) as request:
        request.send(data[:1000])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.process.poll() is None
        request.send(data[1000:])
        assert request.getresponse().status == 200
        assert server.process.wait(10) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url + "/healthz", trust_env=False)


def _begun(url: str, length: int) -> http.client.HTTPConnection:
    """A search whose head is sent and whose body is not."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.putrequest("PUT", "/v1/index/eileen.png")
    connection.putheader("content-length", str(length))
    connection.endheaders()
    return connection


def test_two_processes_share_a_data_folder(tmp_path: Path, samples: Samples) -> None:
    with launch(tmp_path) as first, launch(tmp_path) as second, httpx.Client(trust_env=False) as client:
        put = client.put(first.url + "/v1/index/grace.jpg", content=samples.grace_hopper.read_bytes())
        assert put.status_code == 200
        found = client.post(second.url + "/v1/search", content=samples.grace_hopper.read_bytes())
        assert found.status_code == 200, (found.text, list(second.log))
        assert found.json()["matchedFaces"] == ["Grace"]


def test_ctrl_c_while_indexing_sums_up(tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    first = album / "000.jpg"
    first.write_bytes(Portraits()[1])
    for number in range(1, 400):
        os.link(first, album / f"{number:03}.jpg")
    environment = os.environ | {"KENSPECKLE_DATA_DIR": str(tmp_path / "data"), "KENSPECKLE_WORKERS": "1"}
    process = forks.Popen(
        [sys.executable, "-m", "kenspeckle", "index", str(album), "--json"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    killer = threading.Timer(60, process.kill)
    killer.start()
    try:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    finally:
        killer.cancel()
        stop(process)
    assert process.returncode == 130
    assert "not reached" in said
    assert "Traceback" not in said


def test_a_broken_pipe_is_quiet(tmp_path: Path) -> None:
    program = f"{sys.executable} -m kenspeckle settings | head -c 1"
    done = subprocess.run(program, shell=True, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stderr == ""


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from kenspeckle.cli import main; sys.argv = ['kenspeckle', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('numpy', 'httpx', 'uvicorn', 'sqlalchemy', 'PIL', 'fastapi') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_address_that_can_be_clicked() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert address(one, "0.0.0.0") == f"http://127.0.0.1:{port}"
        assert address(one, "::1") == f"http://[::1]:{port}"
        assert address(one, "localhost") == f"http://localhost:{port}"


@pytest.mark.parametrize("how", ["<&- >&- 2>&-", ">/dev/full"])
def test_standard_streams_that_can_not_be_used_are_not_needed(tmp_path: Path, how: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"KENSPECKLE_DATA_DIR": str(tmp_path / "data")}
    command = f'exec "{sys.executable}" -m kenspeckle serve --port {port} {how}'
    process = subprocess.Popen(["bash", "-c", command], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        url, end = f"http://127.0.0.1:{port}/readyz", time.monotonic() + 30
        while not _is_ready(url):
            assert process.poll() is None, "it ended"
            assert time.monotonic() < end, "it never was ready"
            time.sleep(0.1)
        process.terminate()
        assert process.wait(10) == 0
    finally:
        stop(process)
    assert b"Kenspeckle listens" not in (tmp_path / "data" / "kenspeckle.db").read_bytes()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_localhost_is_both_families(tmp_path: Path) -> None:
    with launch(tmp_path, "--host", "localhost") as server:
        port = urlsplit(server.url).port
        for address in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{address}:{port}/healthz", trust_env=False).status_code == 200


def test_a_port_that_one_family_has_is_in_use() -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        taken.listen()
        with pytest.raises(CommandFailed, match="is in use"):
            bind("localhost", taken.getsockname()[1])


def test_a_server_with_a_key_asks_for_it(command: Command, tmp_path: Path, samples: Samples) -> None:
    secret = "an-admin-key-of-at-least-32-characters"
    with launch(tmp_path / "keyed", settings={"KENSPECKLE_ADMIN_KEY": secret}) as server:
        without = command("detect", samples.astronaut, "--url", server.url)
        assert without.code == 2
        assert "--api-key" in without.err
        assert command("detect", samples.astronaut, "--url", server.url, "--api-key", secret).code == 0
