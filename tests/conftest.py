"""What holds for every test: it leaves logging as it found it, and networks are loaded once for all; in which order
tests run; and what a whole run says at its end."""

from __future__ import annotations

import gc
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import soak
from tests.order import rank

if TYPE_CHECKING:
    from kenspeckle.vision.sessions import Run, Runtime
    from tests.milvus_server import MilvusServer
    from tests.postgres import Server

ROOT = Path(__file__).parent
NETWORKS = 16
"""Most networks that are kept: those of two packs, for one thread and for two."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Of several processes each imports its share of the tests before all of them. What pytest makes of a module's
    assertions takes most of the time of an import where it was not kept from an earlier run, as in a fresh clone; the
    others then read what this one has made."""
    gc.disable()  # until tests are collected: they stay
    given = getattr(session.config, "workerinput", None)
    if given is None or [Path(one).resolve() for one in session.config.args] != [ROOT]:
        return
    number, count = int(given["workerid"].removeprefix("gw")), given["workercount"]
    for file in sorted(ROOT.rglob("test_*.py"))[number::count]:
        with suppress(Exception, pytest.skip.Exception):  # when it is collected, it says what is wrong
            import_module(".".join(file.relative_to(ROOT.parent).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, or the end of a run would wait for it."""
    items.sort(key=lambda one: rank(one.path.relative_to(ROOT).as_posix()))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Commands that run within the test process may configure logging, on streams that end with the test."""
    names = ("kenspeckle", "uvicorn", "uvicorn.error", "uvicorn.access")
    before = [(one, one.handlers, one.level, one.propagate, one.disabled) for one in map(logging.getLogger, names)]
    yield
    for one, handlers, level, propagate, disabled in before:
        one.handlers, one.propagate, one.disabled = handlers, propagate, disabled
        one.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL of this test process, with a catalog as the template of databases."""
    from tests import postgres as postgres_  # late: `make check-terraform` has an environment without Kenspeckle

    postgres_.needed()
    server = postgres_.Server()
    try:
        server.template()
        yield server
    finally:
        server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a catalog may be made: in an SQLite file of `tmp_path`/data, and in a real PostgreSQL. A test of only one
    of them: `@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)`."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'data' / 'kenspeckle.db'}"
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url


@pytest.fixture(scope="session")
def milvus() -> Iterator[MilvusServer]:
    """The Milvus that all test processes share."""
    from tests import milvus_server  # late, as above

    milvus_server.needed()
    server = milvus_server.MilvusServer.join()
    try:
        yield server
    finally:
        server.leave()


@pytest.fixture(autouse=True, scope="session")
def networks_are_loaded_once() -> Iterator[None]:
    """Loading a pack takes longer than most tests that need one; networks hold no state, and a file that was changed is
    loaded again."""
    if find_spec("kenspeckle") is None:  # in `make check-terraform`
        yield
        return
    from kenspeckle import cpu
    from kenspeckle.vision.sessions import Runtime
    from tests import known_files

    load = Runtime.load
    kept: OrderedDict[object, Run] = OrderedDict()

    def once(self: Runtime, file: Path, threads: int, *, embedder: bool) -> Run:
        if not file.is_file():
            return load(self, file, threads, embedder=embedder)
        key = (self, file, known_files.version(file), threads, embedder, cpu.cores(), cpu.split())
        if key not in kept:
            kept[key] = load(self, file, threads, embedder=embedder)
        kept.move_to_end(key)
        while len(kept) > NETWORKS:
            kept.popitem(last=False)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runtime, "load", once)
        patch.setattr("kenspeckle.models.registry.digest", known_files.digest)
        yield


@pytest.fixture(autouse=True, scope="session")
def servers_are_forked() -> Iterator[None]:
    """A server's start takes three seconds of CPU, two of them for imports."""
    if find_spec("kenspeckle") is None:  # as above
        yield
        return
    from tests import forks

    with forks.forking(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("kenspeckle.cli.launch.Popen", forks.Popen)
        yield


@pytest.fixture
def started_anew() -> Iterator[None]:
    """For tests of the start itself: no process is a fork."""
    from tests import forks  # late, as above

    with forks.started_anew():
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the kills of a soak."""
    if soak.SOAK:
        terminalreporter.section("kill -9")
        for line in soak.summary():
            terminalreporter.line(line)
