"""A real Milvus for tests, of the wheel `milvus`: one server, which all test processes of the machine share, because it
has ports that can't be chosen. The last one that uses it stops it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

FOLDER = Path(tempfile.gettempdir()) / f"kenspeckle-milvus-{os.getuid()}"
START_SECONDS = 110.0
_NUMBERS = count(1)


class MilvusServer:
    """The shared server, from `join` to `leave`. Each test has a database of its own."""

    def __init__(self, port: int, process: int) -> None:
        self.port = port
        self.process = process
        """The process that runs it, with its child."""

    @classmethod
    def join(cls) -> MilvusServer:
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        with FileLock(FOLDER / "lock"):
            state = _state()
            if not _alive(state.get("process")):
                state = _start()
            users = [one for one in state.get("users", []) if _alive(one)]
            _keep({**state, "users": [*users, os.getpid()]})
        return cls(state["port"], state["process"])

    def leave(self) -> None:
        with FileLock(FOLDER / "lock"):
            state = _state()
            users = [one for one in state.get("users", []) if one != os.getpid() and _alive(one)]
            _keep({**state, "users": users})
            if not users and _alive(self.process):
                os.kill(self.process, signal.SIGTERM)
                _ended(self.process)

    @contextmanager
    def database(self) -> Iterator[str]:
        """INDEX_URL of an empty database, dropped at the end."""
        from pymilvus import MilvusClient

        name = f"test_{os.getpid()}_{next(_NUMBERS)}"
        with self.client() as client:
            client.create_database(name)
        try:
            yield f"milvus://127.0.0.1:{self.port}/{name}"
        finally:
            inside = MilvusClient(uri=f"http://127.0.0.1:{self.port}", db_name=name)
            for one in inside.list_collections():
                inside.drop_collection(one)
            inside.close()
            with self.client() as client, suppress(Exception):
                client.drop_database(name)

    @contextmanager
    def client(self, url: str = "") -> Iterator[Any]:
        """The client by itself, of the database of a URL that `database` gave."""
        from pymilvus import MilvusClient

        client = MilvusClient(
            uri=f"http://127.0.0.1:{self.port}", db_name=url.rpartition("/")[2] if url else "default", timeout=10
        )
        try:
            yield client
        finally:
            client.close()


def needed() -> None:
    """Skip the test where the wheel can't be installed; on CI it is there."""
    for name in ("milvus", "pymilvus"):
        if importlib.util.find_spec(name) is None:
            assert "CI" not in os.environ, f"{name} is missing; it belongs to the extra dev"
            pytest.skip(f"{name} is not installed")


def _start() -> dict[str, Any]:
    told = FOLDER / "port"
    told.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.milvus_server", str(told)]
    log = (FOLDER / "log").open("w")
    with log:
        process = subprocess.Popen(
            command, start_new_session=True, stdout=log, stderr=log, cwd=Path(__file__).parents[1]
        )
    until = time.monotonic() + START_SECONDS
    while not told.exists():
        if process.poll() is not None or time.monotonic() > until:
            process.terminate()
            process.wait()
            raise AssertionError(f"Milvus did not start: {(FOLDER / 'log').read_text()[-2000:]}")
        time.sleep(0.1)
    return {"port": int(told.read_text()), "process": process.pid}


def _state() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((FOLDER / "state.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _keep(state: dict[str, Any]) -> None:
    (FOLDER / "state.json").write_text(json.dumps(state))


def _alive(process: int | None) -> bool:
    if not process:
        return False
    with suppress(ChildProcessError):
        os.waitpid(process, os.WNOHANG)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _ended(process: int) -> None:
    until = time.monotonic() + 30
    while _alive(process) and time.monotonic() < until:
        time.sleep(0.05)


def main(told: Path, folder: str | None = None) -> None:
    """Run the server until SIGTERM; write its port into `told` once it answers. Its data are kept where a folder is
    given."""
    from milvus import MilvusServer as Wheel

    made = nullcontext(folder) if folder else tempfile.TemporaryDirectory(prefix="kenspeckle-milvus-data-")
    with made as folder:
        server = Wheel(wait_for_started=True, data_dir=folder)
        server.config.set("proxy_port", 0)
        server.set_base_dir(folder)

        def stop(*_: object) -> None:
            raise SystemExit

        signal.signal(signal.SIGTERM, stop)
        try:
            server.start()
            beside = told.with_suffix(".new")
            beside.write_text(str(server.listen_port))
            beside.replace(told)
            signal.pause()
        finally:
            server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
