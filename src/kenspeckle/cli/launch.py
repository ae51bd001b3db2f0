"""Starts a real server as a process of its own for the demo, benchmarks and tests, and always stops it."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import IO

from kenspeckle.client.errors import CommandFailed

_ANNOUNCEMENT = re.compile(r"listens on (https?://\S+)")
KEPT = ("KENSPECKLE_MODELS_DIR", "KENSPECKLE_PACK", "KENSPECKLE_DEBUG")
"""Settings of this process that a launched server gets; all others have their defaults."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A running server: its address, and its process for those who measure it."""

    url: str
    process: Popen[str]
    log: deque[str]
    """The last lines of its log."""


@contextmanager
def launch(
    data_dir: Path,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    patience: float = 60.0,
    before: Sequence[str] = (),
) -> Iterator[Launched]:
    """`kenspeckle serve` on a free port of 127.0.0.1 with this data folder, ready to answer; stopped at the end.

    `settings` are environment variables for it, `before` are words of a command that runs it. Raises CommandFailed
    with the log's last line where it does not come up within `patience` seconds."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KENSPECKLE_")}
    environment |= {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"KENSPECKLE_CONFIG": os.devnull, **(settings or {})}
    command = [sys.executable, "-m", "kenspeckle", "serve", "--host", "127.0.0.1", "--port", "0"]
    process = Popen(  # noqa: S603 - our own interpreter and module
        [*before, *command, "--data-dir", str(data_dir), *arguments],
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        text=True,
        errors="replace",
        env=environment,
        cwd=tempfile.gettempdir(),
    )
    log: deque[str] = deque(maxlen=200)
    address: list[str] = []
    up = threading.Event()
    readers = [
        threading.Thread(target=_drain, args=(stream, log, address, up), daemon=True)
        for stream in (process.stdout, process.stderr)
        if stream is not None
    ]
    try:
        for reader in readers:
            reader.start()
        _wait(process, up, log, patience)
        yield Launched(address[0], process, log)
    finally:
        stop(process)
        for reader in readers:
            reader.join(5)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def stop(process: Popen[str] | Popen[bytes], patience: float = 15.0) -> int:
    """Terminate the process gracefully; kill it if it does not end. Returns its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except TimeoutExpired:
            process.kill()
    return process.wait()


def _drain(stream: IO[str], log: deque[str], address: list[str], up: threading.Event) -> None:
    for line in stream:
        log.append(line.rstrip())
        found = _ANNOUNCEMENT.search(line)
        if found and not address:
            address.append(found[1])
            up.set()


def _wait(process: Popen[str], up: threading.Event, log: deque[str], patience: float) -> None:
    until = time.monotonic() + patience
    while not up.wait(0.02):
        if process.poll() is not None:
            time.sleep(0.1)
            said = next((line for line in log if line.startswith("Error")), log[-1] if log else "it said nothing")
            raise CommandFailed(f"The server did not start: {said.removeprefix('Error: ')}")
        if time.monotonic() > until:
            raise CommandFailed(f"The server did not start within {patience:.0f} s.", "\n".join(log))
