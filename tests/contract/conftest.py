"""The catalogs that the contract is tested on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.encryption.master_key import MasterKey
from tests.catalogs import Whole
from tests.fakes import FakeCatalog

Open = Callable[..., Whole]


MASTER = MasterKey(Path("no file"), "ab" * 32)


@pytest.fixture(params=["fake", "sqlite", "encrypted", "postgres"])
def open_catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens an empty catalog, closed after the test."""
    opened: list[Whole] = []
    with ExitStack() as databases:
        server = request.getfixturevalue("postgres") if request.param == "postgres" else None
        at = databases.enter_context(server.database()) if server else f"sqlite:///{tmp_path / 'data/kenspeckle.db'}"
        yield opener(request.param, at, opened)
        for one in opened:
            one.close()


def opener(kind: str, url: str, opened: list[Whole]) -> Open:
    """What opens a catalog of this kind, and notes it."""

    def open_one(log_limit: int = 100_000) -> Whole:
        one: Whole
        if kind == "fake":
            one = FakeCatalog(log_limit)
        else:
            encrypted = kind == "encrypted"
            one = SqlCatalog.open(
                url,
                log_limit=log_limit,
                master=MASTER if encrypted else None,
                encryption=encrypted,
            )
        opened.append(one)
        return one

    return open_one


@pytest.fixture
def catalog(open_catalog: Open) -> Whole:
    """An empty catalog."""
    return open_catalog()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a SQLite catalog may be made, in a folder that is not there yet."""
    return tmp_path / "data" / "kenspeckle.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"
