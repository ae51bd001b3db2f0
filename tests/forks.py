"""Starts Python programs of tests as forks of a process that has imported the package, which spares most of the CPU of
a start: two seconds of a server's three.

A fork is a process of its own and a child of the test's, with its own environment, folder, streams and end; what it
does is done by the code of the command. What it does not do is start an interpreter and import: tests of that start
processes in the ordinary way (`tests/cli`, `tests/docs`, `tests/installed`)."""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

ROOT = Path(__file__).resolve().parents[1]
IMPORTED = (
    "kenspeckle.cli.app",
    "kenspeckle.cli.serve",
    "kenspeckle.compose.embedded",
    "kenspeckle.compose.instance",
    "kenspeckle.api.app",
    "kenspeckle.api.keys",
    "kenspeckle.api.webhooks",
    "kenspeckle.compreface.routes",
    "kenspeckle.console",
    "kenspeckle.images.client_buckets",
    "kenspeckle.rekognition.protocol",
    "kenspeckle.rekognition.service",
    "kenspeckle.serving.console",
    "kenspeckle.serving.cors",
    "kenspeckle.serving.local_only",
    "kenspeckle.serving.server",
    "kenspeckle.usecases.access.rate_limits",
    "kenspeckle.usecases.webhooks.dispatcher",
    "kenspeckle.vision.engine",
    "kenspeckle.vision.onnx_runtime",
    "kenspeckle.webhook_transport.http",
    "PIL.AvifImagePlugin",
    "encodings.idna",
    "faiss",
    "h11",
    "pydantic.v1",
    "rich.progress",
    "starlette.middleware.cors",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
)
"""What a server imports when it starts."""
READ_AT_START = ("PYTHON", "LD_", "COVERAGE_", "OMP_", "MALLOC_")
"""Beginnings of names of variables that an interpreter or a library reads when it starts; OPENBLAS_NUM_THREADS the
command sets by itself, here too."""
_PR_SET_CHILD_SUBREAPER = 36


class _Parent:
    """The process that has imported the package, and is asked for forks of itself; started with the first of them."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = [*words, sys.executable]
        self._environment = dict(environment)
        self._turn = threading.Lock()
        self._control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None

    def fits(self, command: Any, environment: Mapping[str, str]) -> bool:
        """Whether the command is a program for this interpreter, to be started as this process is."""
        own, names = len(self._command), {*self._environment, *environment}
        return (
            isinstance(command, list)
            and command[:own] == self._command
            and command[own] in ("-m", "-c")
            and all(self._environment.get(name) == environment.get(name) for name in names if _matters(name))
        )

    def fork(self, command: Sequence[str], folder: str, environment: Mapping[str, str], streams: Sequence[int]) -> int:
        """The number of a new process, a child of this one, that has these three streams."""
        words = [os.fspath(one) for one in command[len(self._command) :]]
        asked = json.dumps([words, folder, dict(environment)]).encode()
        with self._turn, _adopting():
            self._start()
            socket.send_fds(self._control, [asked], streams)
            number, done = self._control.recv(64), self._control.recv(64)
        if not done:
            raise RuntimeError("The process that is forked for tests has ended; its standard error says why.")
        return int(number)

    def close(self) -> None:
        self._control.close()
        self._theirs.close()
        if self._process is not None:
            self._process.wait(30)

    def _start(self) -> None:
        if self._process is None:
            number = self._theirs.fileno()
            self._process = subprocess.Popen(
                [*self._command, "-m", __name__, str(number)],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
                env=self._environment,
            )
            self._theirs.close()


def _matters(name: str) -> bool:
    return name.startswith(READ_AT_START)


@contextmanager
def _adopting() -> Iterator[None]:
    """Meanwhile processes below this one whose parent ends become its children. No longer: what a killed server leaves
    is the system's to collect."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


_parents: list[_Parent] = []
"""Whoever can be forked; the last is asked first."""


class _Forked(subprocess.Popen[Any]):
    """`subprocess.Popen`; what begins with this interpreter and `-m` or `-c` is a fork where it can be one."""

    # How CPython starts the process, from 3.3 on; everything else is done by Popen itself.
    def _execute_child(
        self, args: Any, executable: Any, before: Any, close: Any, passed: Any, folder: Any, environment: Any,
        start_up: Any, flags: Any, shell: Any, in_theirs: Any, in_ours: Any, out_ours: Any, out_theirs: Any,
        err_ours: Any, err_theirs: Any, *rest: Any,
    ) -> None:  # fmt: skip
        given = os.environ if environment is None else environment
        parent = next((one for one in reversed(_parents) if one.fits(args, given)), None)
        special = (executable, before, *passed, shell, *(one for one in rest[1:] if one != -1))  # -1: as it is
        if parent is None or any(special):
            super()._execute_child(  # type: ignore[misc]
                args, executable, before, close, passed, folder, environment,
                start_up, flags, shell, in_theirs, in_ours, out_ours, out_theirs, err_ours, err_theirs, *rest,
            )  # fmt: skip
            return
        streams = [own if own >= 0 else at for at, own in enumerate((in_theirs, out_theirs, err_theirs))]
        here = str(Path.cwd()) if folder is None else os.fspath(folder)
        try:
            self.pid = parent.fork(args, here, given, streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(in_theirs, in_ours, out_ours, out_theirs, err_ours, err_theirs)  # type: ignore[attr-defined]


if TYPE_CHECKING:
    Popen = subprocess.Popen  # its constructor's types are of that class alone
else:
    Popen = _Forked


def run(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with `capture_output` and `text`."""
    timeout = more.pop("timeout", None)
    with Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def available() -> bool:
    """On Linux, and where no coverage is measured, which has to see each process from its beginning."""
    return sys.platform == "linux" and not any(name.startswith("COVERAGE_") for name in os.environ)


@contextmanager
def forking(words: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """For the block, `Popen` forks what is started after these words in such an environment, where that is available.
    It pays from the second process on."""
    if not available():
        yield
        return
    parent = _Parent(words, os.environ if environment is None else environment)
    _parents.append(parent)
    try:
        yield
    finally:
        _parents.remove(parent)
        parent.close()


@contextmanager
def started_anew() -> Iterator[None]:
    """For the block, `Popen` is the ordinary one."""
    before = _parents[:]
    _parents.clear()
    try:
        yield
    finally:
        _parents.extend(before)


def main(control: socket.socket) -> None:
    """Fork for each message until nobody is left to send one. In a fork: run the program."""
    before = dict(os.environ)
    for name in IMPORTED:
        import_module(name)
    _warm()
    own = {name: value for name, value in os.environ.items() if before.get(name) != value}
    gc.collect()
    gc.freeze()
    while True:
        asked, streams, _, _ = socket.recv_fds(control, 1 << 20, 3)
        if not asked:
            return
        between = os.fork()
        if between:
            os.waitpid(between, 0)
            for one in streams:
                os.close(one)
            control.send(b"done")
            continue
        # The parent of the program ends, so that it becomes a child of the test's process.
        parent = os.getpid()
        number = os.fork()
        if number:
            control.send(b"%d" % number)
            os._exit(0)
        control.close()
        while os.getppid() == parent:
            time.sleep(0.001)
        words, folder, environment = json.loads(asked)
        _become(folder, {**own, **environment}, streams)
        _run(words)


def _warm() -> None:
    """Do what each server and command would do again: compile statements, look at handlers, read networks' files."""
    from fastapi import FastAPI

    from kenspeckle.api.routes import add_routes
    from kenspeckle.catalog.schema import statements
    from kenspeckle.models import registry
    from kenspeckle.settings import load
    from tests import known_files

    statements("sqlite")
    add_routes(FastAPI(openapi_url=None), cast(Any, None))
    vars(registry)["digest"] = known_files.digest
    registry.check(load().models_dir, registry.DEFAULT)


def _become(folder: str, environment: Mapping[str, str], streams: Sequence[int]) -> None:
    for at, one in enumerate(streams):
        os.dup2(one, at)
        os.close(one)
    # Those that are there found out what they stand for when they were made.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False, errors="backslashreplace")
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    # What was derived from the environment.
    time.tzset()
    tempfile.tempdir = None


def _run(words: Sequence[str]) -> NoReturn:
    """As `python WORDS`. At the end it does all that an interpreter does but to free its memory, which would cost more
    than what most programs here do."""
    how, what, *more = words
    sys.argv = ["-c" if how == "-c" else what, *more]
    try:
        if how == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
        ended = None
    except SystemExit as error:
        ended = error.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        ended = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the interpreter does
    atexit._run_exitfuncs()
    if not isinstance(ended, int | None):
        sys.stderr.write(f"{ended}\n")
        ended = 1
    with suppress(OSError):
        sys.stdout.flush()
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(ended or 0)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
