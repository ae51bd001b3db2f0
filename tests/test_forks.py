"""Forks of a process that has imported the package are processes like others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forks

CODE = (
    "import os, sys; print(os.getppid(), os.getcwd(), os.environ.get('ONE'), 'kenspeckle.api.app' in sys.modules); "
    "print(sys.argv, sys.stdin.read(), file=sys.stderr)"
)


@pytest.fixture(autouse=True, scope="module")
def forking() -> Iterator[None]:
    """A process to be forked that has today's environment, whatever other tests' libraries have set in it since."""
    if not forks.available():
        pytest.skip("forks are for Linux, and not for a measurement of coverage")
    with forks.forking():
        yield


def test_a_fork_has_its_own_streams_folder_and_environment(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TWO"} | {"ONE": "1"}
    with forks.Popen(
        [sys.executable, "-c", CODE, "a", "b"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        out, err = process.communicate("given")
    assert (process.returncode, out, err) == (
        0,
        f"{os.getpid()} {tmp_path} 1 True\n",
        "['-c', 'a', 'b'] given\n",
    )
    assert "ONE" not in os.environ


@pytest.mark.parametrize(
    ("code", "ended", "said"),
    [
        ("raise SystemExit(7)", 7, ""),
        ("import sys; sys.exit('wrong')", 1, "wrong\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import atexit; atexit.register(print, 'late')", 0, ""),
        ("import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()", 0, ""),
    ],
)
def test_it_ends_as_a_process_ends(code: str, ended: int, said: str) -> None:
    done = forks.run([sys.executable, "-c", code])
    assert done.returncode == ended
    assert done.stderr.endswith(said)
    assert done.stdout == ("late\n" if "late" in code else "")


def test_it_can_be_killed() -> None:
    with forks.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        assert process.poll() is None
        process.kill()
        assert process.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("name", ["PYTHONPATH", "OMP_NUM_THREADS"])
def test_what_an_interpreter_reads_when_it_starts_is_read(name: str) -> None:
    code = "import sys; print('kenspeckle.api.app' in sys.modules)"
    assert forks.run([sys.executable, "-c", code], env={**os.environ, name: "1"}).stdout == "False\n"


@pytest.mark.usefixtures("started_anew")
def test_a_test_of_starts_has_none() -> None:
    assert forks.run([sys.executable, "-c", "import sys; print('kenspeckle' in sys.modules)"]).stdout == "False\n"
