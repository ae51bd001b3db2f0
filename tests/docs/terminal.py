"""A terminal for the pages: one shell in which the blocks of a page run one after the other, as a reader types."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from kenspeckle.settings import load
from tests.docs.alike import difference
from tests.docs.blocks import ROOT, Block
from tests.ports import unused_port

PATIENCE = 60.0
END = "\x1e"
RUNNING = "leave running"
STOP = "stop what runs"
CODE = re.compile(r"exit code: (\d+)")
BEFORE = f"""
set -e
git() {{ command git -c safe.directory='*' "$@"; }}
# What set-up installs is installed: it is what runs this test. So a clone borrows it, and make has nothing to do.
made="-o .venv/.plain -o .venv/.ready -o .venv/.models"
make() {{ test -e .venv || ln -s {sys.prefix} .venv; command make $made "$@"; }}
"""


class Terminal:
    """One shell in `home`. `port` stands for the 8080 of the pages."""

    def __init__(self, home: Path, path: str) -> None:
        self._home = home
        self.port = unused_port()
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=home,
            env=_environment(home, path, self.port),
            start_new_session=True,
        )
        self._type(BEFORE)

    def run(self, block: Block) -> str:
        """Run the block to its end (or to where its server listens) and return what it printed.

        Raises AssertionError where it ends in another way than the page says."""
        text = self._as_here(block.text)
        if block.language == "python":
            text = f"python - <<'BLOCK'\n{text}BLOCK\n"
        if block.mark == RUNNING:
            return self._start(text, self._as_here(block.output or ""))
        if block.mark == STOP:
            text = f"kill $SERVER; wait $SERVER || true\n{text}"
        wanted = int(found[1]) if (found := CODE.fullmatch(block.mark)) else 0
        if wanted:
            text = f"set +e\n{text}(exit $?)\nCODE=$?; set -e; test $CODE = {wanted}\n"
        return self._type(text)

    def told_as_shown(self, block: Block) -> str | None:
        """Run the block; what is wrong with what it printed, or None."""
        told = self.run(block)
        return None if block.output is None else difference(told, self._as_here(block.output))

    def _as_here(self, text: str) -> str:
        return text.replace("<this repository>", str(ROOT)).replace(":8080", f":{self.port}")

    def _start(self, text: str, announcement: str) -> str:
        file = self._home / "server.out"
        file.touch()
        self._type(f"{{ {text.strip()}; }} > {file} 2>&1 & SERVER=$!\n")
        until = time.monotonic() + PATIENCE
        while announcement.strip() not in file.read_text("utf-8"):
            assert time.monotonic() < until, f"the server does not say that it listens:\n{file.read_text('utf-8')}"
            time.sleep(0.05)
        return announcement

    def _type(self, text: str) -> str:
        """Type the text and return what came until it was done."""
        shell = self._shell
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.write(f"{text}\nprintf '{END}'\n".encode())
        shell.stdin.flush()
        told = bytearray()
        while not told.endswith(END.encode()):
            one = os.read(shell.stdout.fileno(), 65536)
            assert one, f"{text}failed with exit code {shell.wait()}:\n{told.decode()}"
            told += one
        return told.decode().removesuffix(END)

    def close(self) -> None:
        """End the shell and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.communicate()


@contextmanager
def terminal(home: Path, path: str = "/usr/local/bin:/usr/bin:/bin") -> Iterator[Terminal]:
    """A terminal whose home and working folder is `home`."""
    one = Terminal(home, path)
    try:
        yield one
    finally:
        one.close()


def _environment(home: Path, path: str, port: int) -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PYTHONPATH", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "PATH": path,
        "LANG": "C.UTF-8",
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "KENSPECKLE_MODELS_DIR": str(load(environ={}).models_dir),
        "KENSPECKLE_PORT": str(port),
    }
