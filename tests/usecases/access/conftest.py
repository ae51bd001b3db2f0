"""What tests of keys share: a clock that tests move, keys in memory, and access over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.usecases.access.keys import Access
from tests.fakes.memory_keys import MemoryKeys

NOW = 1_800_000_000.0


class Time:
    """A clock and a stop watch that tests move."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def keys(clock: Time) -> MemoryKeys:
    return MemoryKeys(clock)


@pytest.fixture
def access(keys: MemoryKeys, clock: Time, tmp_path: Path) -> Access:
    return Access(keys, MasterKey(tmp_path / "master.key"), clock, ticks=clock)
