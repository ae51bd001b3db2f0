"""Servers of the wire edge, one open and one with keys, and names that no other test uses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from kenspeckle.domain import operations as ops
from kenspeckle.usecases.access.credentials import Created
from tests.rekognition.served import Served, served

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """On loopback, without a key: anyone may do everything."""
    with served(tmp_path_factory.mktemp("open")) as server:
        yield server


@pytest.fixture(scope="session")
def locked_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With a key, so that every request needs one."""
    with served(tmp_path_factory.mktemp("locked")) as server:
        server.access.create("first", aws=True)
        yield server


@pytest.fixture(scope="session")
def admin(locked_server: Served) -> Created:
    return locked_server.access.create("admin", ["admin"], aws=True)


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Names of collections that nobody has used."""
    return lambda: f"gallery-{next(_numbers)}"


@pytest.fixture
def gallery(open_server: Served, fresh: Callable[[], str]) -> str:
    """An empty collection of the open server."""
    name = fresh()
    open_server.recognizer.handle(ops.CreateCollection(collection_id=name))
    return name
