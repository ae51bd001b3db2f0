"""The catalogs that the contract is tested on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.encryption.master_key import MasterKey
from tests.catalogs import Whole
from tests.fakes import FakeCatalog

Open = Callable[..., Whole]


MASTER = MasterKey(Path("no file"), "ab" * 32)


@pytest.fixture(params=["fake", "sqlite", "encrypted"])
def open_catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens an empty catalog, closed after the test."""
    opened: list[Whole] = []

    def open_one(log_limit: int = 100_000) -> Whole:
        one: Whole
        if request.param == "fake":
            one = FakeCatalog(log_limit)
        else:
            encrypted = request.param == "encrypted"
            one = SqlCatalog.open(
                f"sqlite:///{tmp_path / 'data' / 'kenspeckle.db'}",
                log_limit=log_limit,
                master=MASTER if encrypted else None,
                encryption=encrypted,
            )
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        one.close()


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
