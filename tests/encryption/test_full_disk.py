"""A full disk in the middle of `kenspeckle encrypt`: a clear word, and it goes on once there is room."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.encryption.secrets import PNG, found, raw
from tests.encryption.test_conversion import secrets
from tests.moving.conftest import Command
from tests.moving.folders import make, shown
from tests.moving.test_full_disk import disk, leave

__all__ = ["disk"]

NUMBERS = range(20)


def test_encrypting_on_a_full_disk(
    command: Command, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shown(make(tmp_path / "data", NUMBERS))
    data = shutil.copytree(tmp_path / "data", disk / "data")
    monkeypatch.setenv("KENSPECKLE_ENCRYPTION", "on")
    refusals = 0
    for room in range(0, 1_000_000, 60_000):
        filler = leave(disk, room)
        done = command("encrypt", "--data-dir", data)
        filler.unlink()
        if done.code == 0:
            break
        refusals += 1
        assert "Traceback" not in done.err
        assert "disk space" in done.err, done.err
    assert refusals
    assert command("encrypt", "--data-dir", data).code == 0
    assert shown(data) == before
    everything = raw(data)
    assert PNG not in everything
    assert found(secrets(NUMBERS)[:20], everything) == 0
