"""The pytest plugin `kenspeckle`: a real endpoint on loopback for programs that recognize faces.

It comes with the package (entry point `pytest11`) and loads nothing until a test asks for one of its fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kenspeckle.testing.endpoint import Endpoint


@pytest.fixture(scope="session")
def kenspeckle_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A service whose engine is told who is in which picture; one for the whole run. `kenspeckle` empties it."""
    from kenspeckle.testing.endpoint import start

    with start(tmp_path_factory.mktemp("kenspeckle")) as endpoint:
        yield endpoint


@pytest.fixture
def kenspeckle(kenspeckle_server: Endpoint) -> Iterator[Endpoint]:
    """The service, with nothing stored at the begin of the test."""
    kenspeckle_server.reset()
    yield kenspeckle_server
    kenspeckle_server.reset()


@pytest.fixture(scope="session")
def kenspeckle_weights_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A service with the real networks, for real photographs; `kenspeckle models pull` has to be run before."""
    from kenspeckle.testing.endpoint import start

    with start(tmp_path_factory.mktemp("kenspeckle-weights"), weights=True) as endpoint:
        yield endpoint


@pytest.fixture
def kenspeckle_weights(kenspeckle_weights_server: Endpoint) -> Iterator[Endpoint]:
    """The service with the real networks, with nothing stored at the begin of the test."""
    kenspeckle_weights_server.reset()
    yield kenspeckle_weights_server
    kenspeckle_weights_server.reset()
