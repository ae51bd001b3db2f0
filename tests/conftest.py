"""What holds for every test: it leaves logging as it found it; and what a whole run says at its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests import postgres as postgres_
from tests import soak


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
def postgres() -> Iterator[postgres_.Server]:
    """A PostgreSQL of this test process, with a catalog as the template of databases."""
    postgres_.needed()
    server = postgres_.Server()
    try:
        server.template()
        yield server
    finally:
        server.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the kills of a soak."""
    if soak.SOAK:
        terminalreporter.section("kill -9")
        for line in soak.summary():
            terminalreporter.line(line)
