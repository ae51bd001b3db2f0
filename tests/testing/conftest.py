"""The fixtures of the plugin, also where the package was installed before it had the entry point. Its server, which
others have for a whole run, ends with the module here: its threads would stay among those of other tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kenspeckle.testing.endpoint import Endpoint, start
from kenspeckle.testing.plugin import kenspeckle

__all__ = ["kenspeckle", "kenspeckle_server"]


@pytest.fixture(scope="module")
def kenspeckle_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with start(tmp_path_factory.mktemp("kenspeckle")) as endpoint:
        yield endpoint
