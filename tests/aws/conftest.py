"""One Amazon for all tests of a worker, and photographs of two people and of none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kenspeckle import settings
from tests.aws.amazon import Amazon, amazon


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    with amazon(tmp_path_factory.mktemp("eyes")) as found:
        yield found


def _sample(name: str) -> bytes:
    path: Path = settings.load(environ={}).models_dir / "samples" / name
    return path.read_bytes()


@pytest.fixture(scope="session")
def grace() -> bytes:
    return _sample("grace_hopper.jpg")


@pytest.fixture(scope="session")
def eileen() -> bytes:
    return _sample("astronaut.png")


@pytest.fixture(scope="session")
def rocket() -> bytes:
    return _sample("rocket.jpg")
